"""Scoring an engine: its masks against ground truth and the reference's, subject by subject."""

import io
import logging
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median

import numpy as np

from segtrt.arrays import Masks
from segtrt.data.restore import restore_predictions
from segtrt.data.shards import Shard, refuse_other_slices
from segtrt.engines.record import read_record
from segtrt.errors import SegtrtError
from segtrt.files import replacing_folder
from segtrt.progress import track
from segtrt.quality.mask_shards import read_masks
from segtrt.quality.metrics import ErrorSums, dice, masks_of
from segtrt.quality.non_finite import find_non_finite, not_comparable
from segtrt.quality.outlines import outline
from segtrt.quality.reference_scores import ReferenceScores, read_reference_scores
from segtrt.quality.scores import DiceSummary, Figures, Scores, SliceScore, SubjectScore

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class ShardPaths:
    """Files of one shard's slices, all in the same order."""

    tensors: Path
    """With `masks`, (N, 256, 256) uint8 0/1: ground truth."""
    reference: Path
    """With `probabilities` from PyTorch."""
    reference_masks: Path
    """PyTorch's masks (`segtrt.quality.mask_shards`)."""
    engine: Path
    """With `probabilities` from the engine."""


@dataclass
class _Sums:
    """What the slices add up to, shard by shard."""

    reference: ReferenceScores
    evaluation: ErrorSums = field(init=False)
    calibration: ErrorSums = field(init=False)
    subjects: list[SubjectScore] = field(default_factory=list)
    slices: list[SliceScore] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.evaluation = ErrorSums(self.reference.threshold)
        self.calibration = ErrorSums(self.reference.threshold)
        self.reference_dice = {one.subject: one.dice for one in self.reference.subjects}


def score_engine(
    record: Path,
    *,
    reference_scores: Path,
    shards: Sequence[ShardPaths],
    out_json: Path,
    predictions_dir: Path,
) -> None:
    """Score an engine and write its masks, made with the reference's threshold and component rule.

    Means over subjects count evaluation subjects only, and so do the error figures under `errors`;
    `errors_every_slice` counts calibration slices too.

    Args:
        record: `engine.json`. Of an unsupported engine the shards are not read, the folder of
            predictions stays empty and the scores have no figures.
        reference_scores: what `segtrt.quality.reference_scoring` wrote.
        shards: the slices, shard by shard.
        out_json: all figures (`segtrt.quality.scores`).
        predictions_dir: gets `<subject>/<subject>_<n>_mask.png`, 0 or 255.

    Raises:
        SegtrtError: shards do not belong together, PyTorch's probabilities are not finite, or no
            subject is left to score. Values of the engine that are not finite are counted in its
            errors, for its verdict, and logged with the first slice that has them.
    """
    engine = read_record(record)
    reference = read_reference_scores(reference_scores)
    sums, figures = _Sums(reference), None
    with replacing_folder(predictions_dir) as masks_dir:
        if engine.status == "built":
            for paths in shards:
                _score_shard(sums, paths, masks_dir)
    if engine.status == "built":
        if not any(entry.split == "evaluation" for entry in sums.subjects):
            raise SegtrtError(
                f"{engine.name} cannot be scored: every subject is in the calibration split; lower "
                "dataset.calibration_fraction or add subjects"
            )
        figures = Figures(
            errors=sums.evaluation.errors(),
            errors_every_slice=sums.evaluation.merged(sums.calibration).errors(),
            dice=summarise_dice(sums.subjects),
            subjects=tuple(sums.subjects),
            slices=tuple(sums.slices),
        )
    Scores(
        engine=engine.name,
        status=engine.status,
        threshold=reference.threshold,
        largest_component=reference.largest_component,
        figures=figures,
    ).write(out_json)


def summarise_dice(subjects: Sequence[SubjectScore]) -> DiceSummary:
    """Dice over the evaluation subjects, of which there is at least one."""
    scored = [entry for entry in subjects if entry.split == "evaluation"]
    own = [entry.dice for entry in scored]
    reference = [entry.reference_dice for entry in scored]
    return DiceSummary(
        mean=fmean(own),
        median=median(own),
        min=min(own),
        reference_mean=fmean(reference),
        reference_median=median(reference),
        dice_loss=fmean(reference) - fmean(own),
        to_reference_mean=fmean(entry.dice_to_reference for entry in scored),
    )


@dataclass(frozen=True)
class _OpenShards:
    """The files of `ShardPaths`, opened."""

    truth: Shard
    reference: Shard
    reference_masks: Shard
    engine: Shard


def _score_shard(sums: _Sums, paths: ShardPaths, masks_dir: Path) -> None:
    with ExitStack() as stack:
        opened = _OpenShards(
            *(
                stack.enter_context(Shard(path))
                for path in (paths.tensors, paths.reference, paths.reference_masks, paths.engine)
            )
        )
        refuse_other_slices(opened.truth, opened.reference, opened.reference_masks, opened.engine)
        runs = opened.truth.subjects()
        for subject, rows in track(runs.items(), "scoring", len(runs), "subjects"):
            masks = _score_subject(sums, subject, rows, opened)
            _write_masks(opened.truth, subject, masks, masks_dir)


def _score_subject(sums: _Sums, subject: str, rows: slice, shards: _OpenShards) -> Masks:
    """Add a subject's figures; returns the engine's masks."""
    refs = shards.truth.index[rows]
    if subject not in sums.reference_dice:
        raise SegtrtError(
            f"the reference's scores lack subject {subject}; delete them and run the workflow again"
        )
    reference = shards.reference.rows("probabilities", rows.start, rows.stop)
    answers = shards.engine.rows("probabilities", rows.start, rows.stop)
    if fault := find_non_finite(reference, refs):
        raise not_comparable(shards.reference.path, fault)
    if fault := find_non_finite(answers, refs):
        logger.warning("%s, %s: the engine fails validation", shards.engine.path, fault)
    errors = sums.evaluation if refs[0].split == "evaluation" else sums.calibration
    flipped = errors.add(reference, answers)
    masks = masks_of(answers, sums.reference.threshold, largest=sums.reference.largest_component)
    sums.subjects.append(
        SubjectScore(
            subject=subject,
            split=refs[0].split,
            slices=len(refs),
            dice=dice(masks, shards.truth.rows("masks", rows.start, rows.stop)),
            reference_dice=sums.reference_dice[subject],
            dice_to_reference=dice(masks, read_masks(shards.reference_masks, rows)),
            flipped_pixels=int(flipped.sum()),
        )
    )
    for ref, mask, flips in zip(refs, masks, flipped, strict=True):
        sums.slices.append(
            SliceScore(
                subject=subject,
                number=ref.number,
                flipped_pixels=int(flips),
                foreground_pixels=int(np.count_nonzero(mask)),
                outline=outline(mask),
            )
        )
    return masks


def _write_masks(shard: Shard, subject: str, masks: Masks, masks_dir: Path) -> None:
    from PIL import Image

    for number, mask in restore_predictions(shard, subject, masks.astype(np.uint8)):
        path = masks_dir / subject / f"{subject}_{number}_mask.png"
        path.parent.mkdir(exist_ok=True)
        content = io.BytesIO()
        Image.fromarray(mask).save(content, "PNG")
        path.write_bytes(content.getvalue())
