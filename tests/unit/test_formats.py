"""Our own JSON files: what is no such file ends in one line, whatever it is."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segtrt.errors import SegtrtError
from segtrt.formats import from_json, read_format, read_object
from segtrt.precision import Precision


@dataclass(frozen=True)
class Part:
    name: str
    share: float


@dataclass(frozen=True)
class Whole:
    count: int
    parts: tuple[Part, ...]
    precision: Precision
    kind: Literal["one", "two"]
    limits: dict[str, float | None]
    notes: list[str]
    facts: dict[str, Any]
    done: bool
    best: Part | None = None


WHOLE = Whole(
    count=2,
    parts=(Part("a", 0.5), Part("b", 1)),
    precision=Precision.INT8,
    kind="two",
    limits={"x": None, "y": 2},
    notes=["n"],
    facts={"any": [1, {"b": None}]},
    done=False,
)
GOOD = json.loads(json.dumps({"format": "whole-1", **asdict(WHOLE)}))


def read(path: Path) -> Whole:
    return read_format(path, Whole, what="example", tag="whole-1")


def refusal(path: Path) -> str:
    with pytest.raises(SegtrtError) as caught:
        read(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_file_comes_back_as_its_dataclass(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps(GOOD))
    assert read(tmp_path / "x.json") == WHOLE
    without = {name: GOOD[name] for name in GOOD if name != "best"}
    (tmp_path / "x.json").write_text(json.dumps(without))
    assert read(tmp_path / "x.json") == WHOLE


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"format": "whole-0"}, "(format whole-1 expected, found 'whole-0'); delete it and run"),
        ({"format": [1]}, "found an array"),
        ({"count": "2"}, "(count is '2', expected a whole number)"),
        ({"count": True}, "count is True, expected a whole number"),
        ({"count": 2.0}, "count is 2.0, expected a whole number"),
        ({"count": None}, "count is null"),
        ({"count": 10**400}, "whole number of more than 64 bits"),
        ({"done": 0}, "done is 0, expected true or false"),
        ({"parts": {}}, "parts is an object, expected an array"),
        ({"parts": [{"name": "a"}]}, "parts[0].share is missing"),
        ({"parts": [{"name": "a", "share": "x" * 99}]}, "parts[0].share is 'xxx"),
        ({"parts": ["a"]}, "parts[0] is 'a', expected an object"),
        ({"precision": "int4"}, "precision is 'int4', expected one of fp32, tf32"),
        ({"precision": []}, "precision is an array"),
        ({"kind": "three"}, "kind is 'three', expected one of one, two"),
        ({"limits": {"x": "y"}}, "limits.x is 'y', expected a number"),
        ({"best": 3}, "best is 3, expected an object"),
        ({"colour": "blue"}, "colour is not known"),
    ],
)
def test_each_fault_is_named_in_one_line(
    tmp_path: Path, change: dict[str, Any], fault: str
) -> None:
    (tmp_path / "x.json").write_text(json.dumps({**GOOD, **change}))
    message = refusal(tmp_path / "x.json")
    assert message.startswith(f"{tmp_path}/x.json is not an example this version can read (")
    assert fault in message
    assert len(message) < 300


def test_a_missing_field_is_named(tmp_path: Path) -> None:
    for name in GOOD.keys() - {"format", "best"}:
        (tmp_path / "x.json").write_text(json.dumps({k: GOOD[k] for k in GOOD if k != name}))
        assert f"({name} is missing)" in refusal(tmp_path / "x.json")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "null",
        "3",
        "[" * 100_000 + "]" * 100_000,
        '{"a":' * 100_000 + "1" + "}" * 100_000,
        "9" * 100_000,
        json.dumps({**GOOD, "facts": 1}).replace('"facts": 1', '"facts": 1e999'),
        json.dumps({**GOOD, "facts": 1}).replace('"facts": 1', '"facts": {"a": NaN}'),
        json.dumps({**GOOD, "facts": 1}).replace(
            '"facts": 1', '"facts": {"a": ' + "[" * 500 + "]" * 500 + "}"
        ),
        json.dumps({**GOOD, "facts": 1}).replace(
            '"facts": 1', '"facts": {"a": ' + "9" * 5000 + "}"
        ),
    ],
)
def test_no_text_whatever_ends_in_a_traceback(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    assert f"{tmp_path}/x.json" in refusal(tmp_path / "x.json")
    with pytest.raises(SegtrtError, match=r"x\.json"):
        read_object(tmp_path / "x.json", what="example", tag="whole-1")


def test_bytes_that_are_no_text_and_a_missing_file(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(b"\xff\xfe\x00")
    assert "is not valid JSON" in refusal(tmp_path / "x.json")
    assert "does not exist" in refusal(tmp_path / "none.json")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


@given(st.sampled_from(sorted(GOOD.keys() - {"format"})), JSON)
@settings(deadline=None)
def test_any_value_of_a_field_is_read_or_refused(name: str, value: Any) -> None:
    data = {key: GOOD[key] for key in GOOD if key != "format"} | {name: value}
    try:
        found = from_json(Whole, data)
    except ValueError as error:
        assert name in str(error)
    else:
        assert json.dumps(asdict(found)[name]) == json.dumps(value)
