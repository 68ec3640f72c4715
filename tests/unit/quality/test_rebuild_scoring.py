"""Scores of a rebuilt engine's labels."""

from pathlib import Path

import numpy as np
import pytest
from example_rebuilds import make_rebuild
from numpy.typing import NDArray
from prepared_shards import Made, write_shard
from segtrt.data.labels import Labels
from segtrt.engines.rebuild_file import Rebuild
from segtrt.quality.answers import write_answers
from segtrt.quality.decode import Decoder
from segtrt.quality.rebuild_scores import RebuildScores, read_rebuild_scores
from segtrt.quality.rebuild_scoring import score_rebuild
from segtrt.quality.reference_scoring import score_reference

DECODER = Decoder("sigmoid", 0.5)
NAME = "openvino/b1_fp32"
Mask = NDArray[np.uint8]


def disc(*, radius: int) -> Mask:
    rows, columns = np.ogrid[:32, :32]
    return ((rows - 16) ** 2 + (columns - 16) ** 2 <= radius**2).astype(np.uint8)


def answers(path: Path, masks: list[Mask]) -> Path:
    with write_answers(path, NAME, DECODER, (1, 32, 32)) as writer:
        for mask in masks:
            writer.add(mask, 0)
    return path


def score(folder: Path, masks: list[Mask], labels: Labels | None, **more: bool) -> RebuildScores:
    """Scores of masks of three subjects, the first of which calibrates; truth is a disc of 8."""
    truth = disc(radius=8) if labels else None
    image = np.zeros((1, 32, 32), np.float32)
    items = [
        Made(f"s{n}", "1", image, truth, split)
        for n, split in enumerate(("calibration", "evaluation", "evaluation"))
    ]
    shard = write_shard(folder / "tensors", items, labels=labels)
    reference = answers(folder / "reference", [disc(radius=7)] * 3)
    score_reference(
        tensor_shards=[shard],
        reference_shards=[reference],
        out_json=folder / "reference.json",
        metric="dice",
        largest_component=more.get("largest", False),
    )
    make_rebuild(NAME, 1.0).write(folder / "rebuild.json")
    score_rebuild(
        folder / "rebuild.json",
        [(shard, answers(folder / "labels", masks))],
        reference_scores=folder / "reference.json",
        metric="dice",
        out_json=folder / "scores.json",
    )
    return read_rebuild_scores(folder / "scores.json")


def dice(one: Mask, other: Mask) -> float:
    return 2 * float((one & other).sum()) / float(one.sum() + other.sum())


TUMOUR = Labels.of({255: "tumour"})


def test_evaluation_subjects_are_scored_against_the_truth(tmp_path: Path) -> None:
    masks = [np.zeros((32, 32), np.uint8), disc(radius=6), disc(radius=8)]
    found = score(tmp_path, masks, TUMOUR)
    own = [dice(mask, disc(radius=8)) for mask in masks[1:]]
    reference = dice(disc(radius=7), disc(radius=8))
    assert found.engine == NAME and found.quality is not None
    assert found.quality.mean == pytest.approx(np.mean(own))
    assert found.quality.reference_mean == pytest.approx(reference)
    assert found.quality.loss == pytest.approx(reference - np.mean(own))
    assert found.quality.paired_subjects == 2


def test_components_are_dropped_as_the_references_are(tmp_path: Path) -> None:
    speck = disc(radius=8)
    speck[0, 0] = 1
    (tmp_path / "kept").mkdir()
    (tmp_path / "dropped").mkdir()
    kept = score(tmp_path / "kept", [speck] * 3, TUMOUR).quality
    dropped = score(tmp_path / "dropped", [speck] * 3, TUMOUR, largest=True).quality
    assert kept and dropped and kept.mean < 1 == dropped.mean


def test_without_ground_truth_there_is_no_figure(tmp_path: Path) -> None:
    assert score(tmp_path, [disc(radius=6)] * 3, None).quality is None


def test_of_nothing_there_is_no_figure(tmp_path: Path) -> None:
    score(tmp_path, [disc(radius=6)] * 3, TUMOUR)
    Rebuild(NAME, "0" * 64, "refused").write(tmp_path / "rebuild.json")
    score_rebuild(
        tmp_path / "rebuild.json",
        [(tmp_path / "tensors", tmp_path / "never read")],
        reference_scores=tmp_path / "reference.json",
        metric="dice",
        out_json=tmp_path / "scores.json",
    )
    assert read_rebuild_scores(tmp_path / "scores.json").quality is None
