"""`segmentation.json`: what is written is read back, and nothing else is."""

import copy
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from segtrt.data.intensity import Intensity
from segtrt.data.labels import Labels
from segtrt.data.layout import KAGGLE, Layout
from segtrt.data.preparation import Preparation
from segtrt.data.windows import Window
from segtrt.deploy.segmentation import SCHEMA, Segmentation, read_segmentation
from segtrt.errors import SegtrtError
from segtrt.model.network_file import UNET
from segtrt.model.spec import Activation, NetworkSpec
from segtrt.quality.decode import Decoder

SLICES = Segmentation(
    network=UNET,
    patch=(3, 256, 256),
    preparation=Preparation(Intensity("slice")),
    window=None,
    stacks=False,
    decoder=Decoder("sigmoid", largest_component=True),
    labels=Labels((255,), ("tumour",)),
    layout=KAGGLE,
)
VOLUMES = Segmentation(
    network=NetworkSpec(
        input="image",
        channels=2,
        size=(None, None, None),
        multiple=(8, 8, 8),
        batch=1,
        output="logits",
        classes=3,
        activation=Activation.NONE,
        stride=(1, 1, 1),
    ),
    patch=(2, 32, 64, 64),
    preparation=Preparation(
        Intensity("zscore", mean=(1.0, 2.0), std=(3.0, 4.0), nonzero_only=True),
        spacing=(1.5, None, 0.75),
    ),
    window=Window((32, 64, 64), 0.5, "gaussian"),
    stacks=False,
    decoder=Decoder("none", None, ignored=255),
    labels=Labels((1, 4), ("core", "oedema"), ignored=9),
    layout=Layout("{subject}/{channel}.nii.gz", channels=("t1", "flair")),
)
BOTH = pytest.mark.parametrize("known", [SLICES, VOLUMES], ids=["slices", "volumes"])


def matches_schema(data: object) -> bool:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text())).is_valid(data)


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path to each value that is no object or array, and to each object and array."""
    yield path
    if isinstance(value, dict):
        for name, entry in value.items():
            yield from leaves(entry, (*path, name))
    elif isinstance(value, list):
        for place, entry in enumerate(value):
            yield from leaves(entry, (*path, place))


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


@BOTH
def test_what_is_written_is_read_back_and_follows_the_schema(
    known: Segmentation, tmp_path: Path
) -> None:
    path = tmp_path / "segmentation.json"
    known.write(path)
    assert read_segmentation(path) == known
    assert matches_schema(json.loads(path.read_text()))


@BOTH
def test_every_edit_by_hand_is_reported_in_one_line(known: Segmentation, tmp_path: Path) -> None:
    """Each value of the file exchanged for others, of the wrong type or out of range."""
    path = tmp_path / "segmentation.json"
    whole = known.to_json()
    strange: list[Any] = [{"x": []}, [[]], "text\n\x1b[2J", -1, 2**70, 1e308, True, [None] * 3]
    for where in leaves(whole):
        if not where:
            continue
        for other in strange:
            edited = copy.deepcopy(whole)
            target = edited
            for step in where[:-1]:
                target = target[step]
            if target[where[-1]] == other:
                continue
            target[where[-1]] = other
            path.write_text(json.dumps(edited))
            try:
                found = read_segmentation(path)
            except SegtrtError as error:
                assert str(path) in str(error)
                assert "\n" not in str(error)
                continue
            # What is read is what the file says, and what the schema allows.
            assert found.to_json() == edited, where
            assert matches_schema(edited), (where, other)


@BOTH
def test_a_key_too_many_or_too_few_is_refused(known: Segmentation, tmp_path: Path) -> None:
    path = tmp_path / "segmentation.json"
    whole = known.to_json()
    for where in leaves(whole):
        edited = copy.deepcopy(whole)
        target = edited
        for step in where:
            target = target[step]
        if not isinstance(target, dict):
            continue
        target["surplus"] = 1
        path.write_text(json.dumps(edited))
        with pytest.raises(SegtrtError, match="surplus"):
            read_segmentation(path)
        assert not matches_schema(edited)
        del target["surplus"]
        for name in list(target):
            if name in ("mean", "std", "nonzero_only"):
                continue
            kept = target.pop(name)
            path.write_text(json.dumps(edited))
            with pytest.raises(SegtrtError):
                read_segmentation(path)
            assert not matches_schema(edited), name
            target[name] = kept


CODE = "def own(image):\n    return image.astype('float32') / 255\n"


def own(folder: Path) -> Segmentation:
    """A description with code that goes along, both written to `folder`."""
    (folder / "code").mkdir()
    (folder / "code/normalisation.py").write_text(CODE)
    known = replace(
        SLICES,
        preparation=Preparation(Intensity("code/normalisation.py:own")),
        code_sha256=hashlib.sha256(CODE.encode()).hexdigest(),
    )
    known.write(folder / "segmentation.json")
    return known


def test_code_that_goes_along_is_found_beside_the_description(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = own(tmp_path)
    monkeypatch.chdir("/")
    found = read_segmentation(tmp_path / "segmentation.json")
    assert found == known
    image = np.full((3, 4, 4), 51, np.uint8)
    assert found.preparation.intensity.normalise(image, None)[0, 0, 0] == np.float32(0.2)
    assert found.to_json() == known.to_json()
    assert str(tmp_path) not in json.dumps(found.to_json())
    assert matches_schema(found.to_json())


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("../../elsewhere.py:own", True),
        ("/elsewhere.py:own", True),
        ("code/../code/normalisation.py:own", True),
        ("code/other.py:own", True),
        ("slice", True),
        ("math:sqrt", True),
        ("code/normalisation.py:own", False),
        ("/elsewhere.py:own", False),
    ],
)
def test_no_other_file_is_ever_run(tmp_path: Path, name: str, code: bool) -> None:
    data = own(tmp_path).to_json()
    data["preparation"]["normalisation"] = name
    if not code:
        data["code"] = None
    (tmp_path / "segmentation.json").write_text(json.dumps(data))
    with pytest.raises(SegtrtError, match=r"must be code/normalisation\.py and have its hash"):
        read_segmentation(tmp_path / "segmentation.json")


def test_code_is_compared_before_it_is_run(tmp_path: Path) -> None:
    own(tmp_path)
    mark = tmp_path / "it was run"
    (tmp_path / "code/normalisation.py").write_text(f"open({str(mark)!r}, 'w')\n{CODE}")
    with pytest.raises(SegtrtError, match="was changed since it was proven; it is not run; here"):
        read_segmentation(tmp_path / "segmentation.json", "here")
    assert not mark.exists()


def test_a_file_that_is_missing_or_of_another_format_says_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "segmentation.json"
    with pytest.raises(SegtrtError, match="does not exist"):
        read_segmentation(path)
    path.write_text('{"format": "segtrt-engine-3"}')
    with pytest.raises(SegtrtError, match=r"format segtrt-segmentation-2 expected.*; unpack it"):
        read_segmentation(path, "unpack it again")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"patch": (1, 256, 256)}, "which the network does not take"),
        ({"patch": (3, 250, 250)}, "which the network does not take"),
        ({"window": Window((128, 128))}, "the window's size is another"),
        ({"decoder": Decoder("softmax")}, "the network's is sigmoid"),
        ({"labels": Labels((1, 2), ("a", "b"))}, "dataset.labels has 2"),
    ],
)
def test_parts_that_do_not_go_together_are_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SegtrtError, match=message):
        replace(SLICES, **change)
