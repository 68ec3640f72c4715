"""Typed settings: the schema and the dataclasses say the same, and JSON values lead back."""

import dataclasses
import json
import pickle
import types
import typing
from collections.abc import Iterator, Mapping
from enum import Enum
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from segtrt.config.resolve import resolve_config
from segtrt.config.schema import load_schema
from segtrt.config.settings import Settings
from segtrt.config.typed import as_json
from segtrt.engines.budget import TimingBudget
from segtrt.precision import Precision

SCHEMA = load_schema()


def referred(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of the schema with its reference followed."""
    if "$ref" not in entry:
        return entry
    return {**SCHEMA["$defs"][entry["$ref"].rsplit("/", 1)[-1]], **entry}


def kinds_of(entry: dict[str, Any]) -> set[str]:
    """The JSON types of an entry."""
    kinds = entry.get("type", [])
    return set(kinds if isinstance(kinds, list) else [kinds])


def differences(hint: Any, entry: dict[str, Any], name: str) -> Iterator[str]:
    """Where the type of an attribute and the schema's entry say different things."""
    entry = referred(entry)
    inner = typing.get_args(hint)
    if types.NoneType in inner:
        if "null" not in kinds_of(entry):
            yield f"{name}: None is not in the schema"
        rest = [one for one in inner if one is not types.NoneType]
        entry = {**entry, "type": [*(kinds_of(entry) - {"null"})]}
        if len(rest) > 1 and str in rest:  # a word in place of a group
            rest.remove(str)
            if "string" not in kinds_of(entry):
                yield f"{name}: str is not in the schema"
            entry = {**entry, "type": [*(kinds_of(entry) - {"string"})]}
        (hint,) = rest
    if hint == str | tuple[str, ...]:  # one word, or a list of such words
        words = "|".join(entry.get("items", {}).get("enum", []))
        if kinds_of(entry) != {"string", "array"} or entry.get("pattern") != f"^({words})$":
            yield f"{name}: {hint} is {entry} in the schema"
    elif hint == str | tuple[Precision, ...]:  # the word, or a list of choices
        if kinds_of(entry) != {"string", "array"} or entry.get("pattern") != "^auto$":
            yield f"{name}: {hint} is {entry} in the schema"
        yield from differences(Precision, entry["items"], f"{name}[]")
    elif typing.get_origin(hint) in (tuple, Mapping) or dataclasses.is_dataclass(hint):
        yield from differences_within(hint, entry, name)
    elif hint is Any:
        assert entry == {}, name
    elif hint is str and "enum" in entry:
        return  # names of runtimes, which the runtimes' registry is held against
    elif described(hint) != (kinds_of(entry), entry.get("enum")):
        yield f"{name}: {hint} is {kinds_of(entry)} {entry.get('enum')} in the schema"


def choices_of(kind: type[Enum]) -> list[Enum]:
    """The members that a configuration names: of the mixes the first, as there are more budgets."""
    return [one for one in kind if not isinstance(one, Precision) or one.judged_as is one]


def described(hint: Any) -> tuple[set[str], list[str] | None]:
    """JSON types and choices of an attribute that is no group."""
    names = {str: "string", int: "integer", float: "number", bool: "boolean"}
    if typing.get_origin(hint) is Literal:
        return set(), list(typing.get_args(hint))
    if isinstance(hint, type) and issubclass(hint, Enum):
        return set(), [str(one) for one in choices_of(hint)]
    return {names[one] for one in typing.get_args(hint) or [hint]}, None


def differences_within(hint: Any, entry: dict[str, Any], name: str) -> Iterator[str]:
    """The same for a list, a group, or a group of free names."""
    inner = typing.get_args(hint)
    expected = {"array"} if typing.get_origin(hint) is tuple else {"object"}
    kinds = kinds_of(entry)
    if inner[:1] == (float,) and kinds == {"number", "array"}:  # one alone is a list of one
        kinds = expected
    if kinds != expected and "properties" not in entry:
        yield f"{name}: {hint} is {kinds_of(entry)} in the schema"
    elif expected == {"array"}:
        yield from differences(inner[0], entry["items"], f"{name}[]")
    elif inner and inner[0] is str and "properties" in entry:
        for key, each in entry["properties"].items():
            yield from differences(inner[1], each, f"{name}.{key}")
    elif inner and inner[0] in (str, int):
        yield from differences(inner[1], entry["additionalProperties"], f"{name}.NAME")
    else:
        named = {str(key): inner[1] for key in choices_of(inner[0])} if inner else {}
        parts = named or typing.get_type_hints(hint)
        if list(parts) != list(entry["properties"]):
            yield f"{name}: {list(parts)} are {list(entry['properties'])} in the schema"
            return
        for key, part in parts.items():
            yield from differences(part, entry["properties"][key], f"{name}.{key}")


def test_schema_and_dataclasses_say_the_same() -> None:
    assert list(differences(Settings, SCHEMA, "settings")) == []


@pytest.mark.parametrize(
    ("path", "entry"),
    [
        (("dataset", "shards"), {"type": "number"}),
        (("dataset", "extra"), {"type": "string"}),
        (("dataset", "source"), {"enum": ["demo", "path"]}),
        (("inference", "threads"), {"type": "integer"}),
        (("engines", "precisions"), {"type": "array", "items": {"enum": ["fp32"]}}),
        (("engines", "dynamic_batch"), {"type": "object", "properties": {"min": {}}}),
        (("validation", "decide"), {"type": ["object", "null"], "additionalProperties": {}}),
        (("validation", "tolerances"), {"type": "object", "properties": {}}),
    ],
)
def test_a_schema_that_drifts_is_noticed(path: tuple[str, str], entry: dict[str, Any]) -> None:
    other = json.loads(json.dumps(SCHEMA))
    other["properties"][path[0]]["properties"][path[1]] = entry
    assert list(differences(Settings, other, "settings")) != []


def given_configurations() -> st.SearchStrategy[dict[str, Any]]:
    """Configurations with some keys given, in any order and some of them as text."""
    return st.fixed_dictionaries(
        {},
        optional={
            "dataset": st.fixed_dictionaries(
                {},
                optional={
                    "shards": st.integers(1, 1000),
                    "subjects": st.none() | st.lists(st.text(min_size=1), min_size=1, unique=True),
                    "calibration_fraction": st.floats(0.01, 0.9),
                },
            ),
            "engines": st.fixed_dictionaries(
                {},
                optional={
                    # A mix needs subjects to search on.
                    "precisions": st.lists(
                        st.sampled_from([one for one in Precision if not one.is_mix]),
                        min_size=1,
                        unique=True,
                    ).map(lambda chosen: [str(one) for one in chosen]),
                    "batch_sizes": st.lists(st.integers(1, 1024), min_size=1, unique=True),
                },
            ),
            "inference": st.fixed_dictionaries(
                {}, optional={"max_seconds": st.none() | st.floats(0.1, 1e9) | st.integers(1, 9)}
            ),
            "machines": st.dictionaries(
                st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]*", fullmatch=True),
                st.none()
                | st.fixed_dictionaries(
                    {}, optional={"runtimes": st.just(["openvino"]), "resources": st.none()}
                ),
                max_size=4,
            ),
        },
    )


@given(given_configurations())
def test_json_values_lead_back_to_the_same_settings(configuration: dict[str, Any]) -> None:
    settings = resolve_config(configuration)
    values = as_json(settings)
    assert json.loads(json.dumps(values)) == values
    assert resolve_config(values) == settings
    assert json.dumps(as_json(resolve_config(values))) == json.dumps(values)
    turned = dict(reversed(list(configuration.items())))
    if "machines" in turned:
        turned["machines"] = dict(reversed(list(turned["machines"].items())))
    assert repr(resolve_config(turned)) == repr(settings)


def test_json_values_are_plain_and_in_the_schemas_order() -> None:
    values = as_json(resolve_config({"report": {"title": "x"}, "machines": {"b": None, "a": None}}))
    assert list(values) == list(SCHEMA["properties"])
    assert list(values["machines"]) == ["a", "b"]
    assert type(values["engines"]["precisions"][0]) is str
    assert type(next(iter(values["validation"]["tolerances"]))) is str
    assert as_json(resolve_config({}).engines.dynamic_batch) == {"min": 1, "opt": 1, "max": 32}


def test_settings_are_frozen_and_travel_to_jobs() -> None:
    settings = resolve_config({"validation": {"tolerances": {"int8": {"metric_loss": 0.1}}}})
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.report.title = "other"  # type: ignore[misc]
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert settings.validation.tolerances[Precision.INT8]["metric_loss"] == 0.1
    assert settings.validation.tolerances[Precision.INT8]["flipped_fraction"] is None


def test_the_budget_is_the_groups_own() -> None:
    given = {"iterations": 7, "max_seconds": None, "warmup_max_seconds": 3}
    assert resolve_config({"inference": given}).inference.budget == TimingBudget(7, None, 3.0)
