"""Every hostile data set is listed and read with the right outcome, in lines, not traces."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hostile_images import CASES, Case, blob, colours
from prepared_shards import encode, list_folder
from segtrt.data.form import Form
from segtrt.data.formats.read import read_item
from segtrt.data.labels import Labels
from segtrt.data.layout import Listing
from segtrt.data.listing import list_items
from segtrt.data.manifest import read_manifest
from segtrt.data.prepared import Prepared
from segtrt.data.roots import find_root
from segtrt.errors import SegtrtError
from segtrt.model.network_file import UNET

LABELS = Labels.of({255: "tumour"})


def listed(case: Case, root: Path) -> Listing:
    return list_items(find_root(root, case.layout), case.layout)


def test_there_are_many() -> None:
    assert len(CASES) >= 80


@pytest.mark.parametrize("name", CASES)
def test_outcome(name: str, tmp_path: Path) -> None:
    case = CASES[name]
    root = tmp_path / "data"
    root.mkdir()
    case.make(root)
    if case.refused is not None:
        with pytest.raises(SegtrtError, match=case.refused) as caught:
            listed(case, root)
        assert "\n" not in str(caught.value)
        return
    listing = listed(case, root)
    reported = [f"{problem.subject}: {problem.reason}" for problem in listing.problems]
    assert len(reported) == len(case.problems), reported
    for line, expected in zip(reported, case.problems, strict=True):
        assert re.search(expected, line), (line, expected)
        assert line.isprintable()
    assert (listing.ignored.files, listing.ignored.left_behind) == (case.ignored, case.left_behind)
    faults = []
    for item in listing.items:
        try:
            image, mask = read_item(item, LABELS)
        except SegtrtError as error:
            faults.append(str(error))
            continue
        assert mask is not None
        assert mask.dtype == np.uint8
        assert image.size == mask.shape
    assert len(faults) == len(case.unreadable), faults
    for line, expected in zip(faults, case.unreadable, strict=True):
        assert re.search(expected, line), (line, expected)
        assert "\n" not in line
        assert "download" not in line or "web page" in line
    assert len(listing.items) - len(faults) == case.sound


@pytest.mark.parametrize("name", CASES)
def test_list_and_encode(name: str, tmp_path: Path) -> None:
    """What the jobs make of it, with bad subjects refused and skipped; nothing is lost silently."""
    case = CASES[name]
    root = tmp_path / "data"
    root.mkdir()
    case.make(root)
    form = Form(case.layout, LABELS)

    def make(on_bad_subject: str) -> Path | str:
        try:
            (shard,) = list_folder(root, tmp_path, form=form, on_bad_subject=on_bad_subject)
        except SegtrtError as error:
            assert "\n" not in str(error)
            return str(error)
        return shard

    if case.refused is not None:
        reported = make("skip")
        assert isinstance(reported, str)
        assert re.search(case.refused, reported)
        return
    listing = listed(case, root)
    strict, lenient = make("fail"), make("skip")
    if case.problems or case.unreadable:
        assert isinstance(strict, str), "a bad subject passes"
        if len(case.problems) + len(case.unreadable) <= 3:
            for expected in (*case.problems, *case.unreadable):
                assert re.search(expected.removeprefix("^").removesuffix("$"), strict), expected
    if isinstance(lenient, str):
        assert "no subject of" in lenient
        return
    whole = read_manifest(tmp_path / "manifest.json")
    sound = {subject.name: len(subject.items) for subject in whole.subjects}
    skipped = {subject.name for subject in whole.skipped}
    # Each subject is either whole or named with its reason.
    assert sound.keys() | skipped >= listing.counts.keys()
    assert not sound.keys() & skipped
    assert all(count == listing.counts[name] for name, count in sound.items())
    assert listing.faulty <= skipped
    channels = whole.grids[0].channels
    spec = replace(UNET, channels=channels)
    volumes = len(whole.grids[0].size) == 3
    settings: dict[str, object] = {"size": [16, 16], "axis": 0 if volumes else None}
    with Prepared(encode(lenient, root, tmp_path / "out", settings, spec, LABELS)) as prepared:
        assert len(prepared.items) == sum(sound.values())
        assert np.isfinite(prepared.images()).all()
        for place, item in enumerate(prepared.items):
            truth = prepared.truth(place)
            assert truth.shape == item.placement.shape
            assert item.files(root)[0].subject == item.subject


def slice_8(name: str, root: Path) -> tuple[np.ndarray, np.ndarray]:
    """Image (channels, rows, columns) and label map of the file that the case changed."""
    CASES[name].make(root)
    item = next(i for i in listed(CASES[name], root).items if (i.subject, i.name) == ("pat_b", "8"))
    image, mask = read_item(item, LABELS)
    assert mask is not None
    return image.array, mask


@pytest.mark.parametrize(
    "name",
    [
        "tiled", "bigtiff", "big_endian", "planar", "pyramid", "png_renamed", "predictor",
        "compressed_tiff_lzw", "compressed_tiff_adobe_deflate", "compressed_packbits",
        "compressed_zstd", "compressed_lzma", "turned_image_upright_mask",
    ],
)  # fmt: skip
def test_same_pixels_however_they_are_stored(name: str, tmp_path: Path) -> None:
    image, _ = slice_8(name, tmp_path)
    np.testing.assert_array_equal(image, colours(8).transpose(2, 0, 1))
    assert image.dtype == np.uint8


@pytest.mark.parametrize("name", ["mask_white_is_zero", "mask_float"])
def test_same_labels_however_they_are_stored(name: str, tmp_path: Path) -> None:
    _, mask = slice_8(name, tmp_path)
    np.testing.assert_array_equal(mask, blob(8) // 255)


def test_types_stay_as_stored(tmp_path: Path) -> None:
    for name, dtype, scale in (("uint16_image", np.uint16, 257), ("float_image", np.float32, 1)):
        image, _ = slice_8(name, tmp_path / name)
        expected = colours(8).transpose(2, 0, 1).astype(dtype) * dtype(scale)
        if dtype is np.float32:
            expected = expected / np.float32(255)
        assert image.dtype == dtype
        np.testing.assert_array_equal(image, expected)


def test_turned_both_come_out_turned(tmp_path: Path) -> None:
    """Orientation 6: the stored first row is the right-hand side, so turn clockwise."""
    image, mask = slice_8("turned_both", tmp_path)
    np.testing.assert_array_equal(image, np.rot90(colours(8), -1).transpose(2, 0, 1))
    np.testing.assert_array_equal(mask, np.rot90(blob(8), -1) // 255)
