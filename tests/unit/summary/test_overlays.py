"""Which slices the report shows, and their pictures."""

import io
import json

import numpy as np
import pytest
from PIL import Image
from segtrt.data.shards import SliceRef, write_shard
from segtrt.quality.mask_shards import write_masks
from segtrt.quality.scores import DiceSummary, Errors, Figures, SliceScore, SubjectScore
from segtrt.summary import overlays
from segtrt.summary.overlays import choose_slices, choose_subjects, spread, webp, write_overlays


def entries(*dices, split="evaluation"):
    return [
        SubjectScore(
            subject=f"s{i}",
            split=split,
            slices=2,
            dice=dice,
            reference_dice=1.0,
            dice_to_reference=dice,
            flipped_pixels=0,
        )
        for i, dice in enumerate(dices)
    ]


def figures(subjects, slices):
    """Figures of which only subjects and slices matter here."""
    errors = Errors(1, 0.0, 0.0, 0.0, 1.0, 0, 0.0, 0)
    dice = DiceSummary(1.0, 1.0, 1.0, 1.0, 1.0, 0.0, 1.0)
    return Figures(errors, errors, dice, tuple(subjects), tuple(slices))


def chosen(count, *dices):
    return [(role, entry.subject) for role, entry in choose_subjects(entries(*dices), count)]


def test_best_median_and_worst_come_first():
    assert chosen(3, 0.5, 0.9, 0.7, 0.8, 0.6) == [("best", "s1"), ("median", "s2"), ("worst", "s0")]


def test_more_subjects_are_the_next_worst():
    assert [role for role, _ in chosen(4, 0.5, 0.9, 0.7, 0.8, 0.6)] == [
        "best",
        "median",
        "more",
        "worst",
    ]
    assert ("more", "s4") in chosen(4, 0.5, 0.9, 0.7, 0.8, 0.6)


def test_few_subjects_are_shown_once_each():
    assert chosen(3, 0.5) == [("best", "s0")]
    assert chosen(3, 0.5, 0.9) == [("best", "s1"), ("worst", "s0")]
    assert chosen(1, 0.5, 0.9, 0.7) == [("best", "s1")]
    assert choose_subjects(entries(0.5, split="calibration"), 3) == []


def test_slices_are_spread_with_both_ends():
    assert spread(range(10, 30), 3) == [10, 20, 29]
    assert spread([4, 5], 6) == [4, 5]
    assert spread([1, 2, 3], 1) == [2]


def test_an_engine_shares_pictures_when_no_more_are_made(monkeypatch):
    monkeypatch.setattr(overlays, "MAX_PICTURES", 2)
    data = figures(
        entries(0.9, 0.5),
        [SliceScore(f"s{i}", n, n, 0, f"M{n}") for i in range(2) for n in (1, 2)],
    )
    wanted = {}
    first = choose_slices(data, {"s0": [1, 2], "s1": [1, 2]}, 2, 2, wanted)
    assert list(wanted) == [("s0", 1), ("s0", 2)]
    assert [one["slices"] for one in first["subjects"]] == [["s0/1", "s0/2"], []]
    assert first["outlines"] == {"s0/1": "M1", "s0/2": "M2"}
    assert [one["slice"] for one in first["differs"]] == ["s0/2"]


@pytest.mark.parametrize("image", [np.zeros((256, 256)), np.linspace(-2, 5, 65536)])
def test_a_picture_spans_the_grey_scale(image):
    picture = Image.open(io.BytesIO(webp(image.reshape(256, 256).astype(np.float32))))
    assert picture.size == (256, 256)
    grey = np.asarray(picture.convert("L"))
    assert grey.min() <= 3  # the format rounds
    assert grey.max() <= 3 if not image.any() else grey.max() > 250


def test_pictures_and_outlines_are_written_once_for_all_engines(tmp_path):
    refs = [SliceRef("a", n, "evaluation") for n in (1, 2, 3)]
    mask = np.zeros((3, 256, 256), np.uint8)
    mask[1:, 100:130, 100:130] = 1
    images = np.zeros((3, 3, 256, 256), np.float32)
    images[:, overlays.FLAIR, 50:200, 50:200] = 1
    kinds = {"images": ("F32", (3, 256, 256)), "masks": ("U8", (256, 256))}
    with write_shard(tmp_path / "t", kinds, refs) as writer:
        writer.append("images", images)
        writer.append("masks", mask)
    with write_masks(tmp_path / "r", refs, (256, 256)) as append:
        append(mask.astype(bool))
    subject = SubjectScore("a", "evaluation", 3, 0.9, 1.0, 0.9, 1)
    scores = {
        name: figures([subject], [SliceScore("a", n, int(n == 3), 0, name) for n in (1, 2, 3)])
        for name in ("x", "y")
    }
    write_overlays(
        tmp_path / "o",
        tensor_shards=[tmp_path / "t"],
        reference_masks=[tmp_path / "r"],
        scores=scores,
        subjects=3,
        slices=6,
    )
    index = json.loads((tmp_path / "o/index.json").read_text())
    assert list(index["slices"]) == ["a/2", "a/3"]  # slice 1 has no lesion
    assert index["slices"]["a/2"]["truth"] == index["slices"]["a/2"]["reference"] != ""
    assert list(index["engines"]) == ["x", "y"]
    assert index["engines"]["y"]["outlines"] == {"a/2": "y", "a/3": "y"}
    assert index["engines"]["x"]["differs"] == [{"slice": "a/3", "flipped_pixels": 1}]
    assert len(list((tmp_path / "o").glob("*.webp"))) == 2
