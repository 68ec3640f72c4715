"""An engine's scores: its masks against ground truth and against PyTorch, subject by subject."""

import io
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.data.shards import Shard, SliceRef
from segtrt.engines.record import read_record
from segtrt.errors import SegtrtError
from segtrt.files import read_json, replacing_folder, write_json
from segtrt.progress import track
from segtrt.quality.metrics import ErrorSums, Masks, dice, masks_of
from segtrt.quality.outlines import outline

FORMAT = "segtrt-scores-1"

logger = logging.getLogger(__name__)


@dataclass
class _Scores:
    """What the slices add up to, shard by shard."""

    threshold: float
    largest: bool
    evaluation: ErrorSums = field(init=False)
    calibration: ErrorSums = field(init=False)
    subjects: list[dict[str, Any]] = field(default_factory=list)
    slices: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.evaluation = ErrorSums(self.threshold)
        self.calibration = ErrorSums(self.threshold)


def score_engine(
    record: Path,
    *,
    tensor_shards: Sequence[Path],
    reference_shards: Sequence[Path],
    probability_shards: Sequence[Path],
    out_json: Path,
    predictions_dir: Path,
    threshold: float,
    largest_component: bool,
) -> None:
    """Score an engine and write its masks.

    Means over subjects count evaluation subjects only, and so do the error figures under `errors`;
    `errors_every_slice` counts calibration slices too.

    Args:
        record: `engine.json`. Of an unsupported engine the shards are not read, the folder of
            predictions stays empty and the scores say `"status": "unsupported"`.
        tensor_shards: shards with `masks`, (N, 256, 256) uint8 0/1.
        reference_shards: shards with `probabilities` from PyTorch, in the same order.
        probability_shards: shards with `probabilities` from the engine, in the same order.
        out_json: all figures, format `segtrt-scores-1`.
        predictions_dir: gets `<subject>/<subject>_<n>_mask.png`, 0 or 255.
        threshold: probability above which a pixel is foreground.
        largest_component: keep only the largest component of a subject's volume, for Dice and for
            the masks written.

    Raises:
        SegtrtError: shards do not belong together, PyTorch's probabilities are not finite, or no
            subject is left to score. Values of the engine that are not finite are counted in its
            errors, for its verdict, and logged with the first slice that has them.
    """
    engine = read_record(record)
    head = {
        "format": FORMAT,
        "engine": engine.name,
        "status": engine.status,
        "threshold": threshold,
        "largest_component": largest_component,
    }
    scores = _Scores(threshold, largest_component)
    with replacing_folder(predictions_dir) as masks_dir:
        if engine.status == "built":
            for paths in zip(tensor_shards, reference_shards, probability_shards, strict=True):
                _score_shard(scores, *paths, masks_dir)
    if engine.status != "built":
        write_json(out_json, head)
        return
    if not any(entry["split"] == "evaluation" for entry in scores.subjects):
        raise SegtrtError(
            f"{engine.name} cannot be scored: every subject is in the calibration split; lower "
            "dataset.calibration_fraction or add subjects"
        )
    write_json(
        out_json,
        {
            **head,
            "errors": scores.evaluation.errors().to_json(),
            "errors_every_slice": scores.evaluation.merged(scores.calibration).errors().to_json(),
            "dice": quality(scores.subjects),
            "subjects": scores.subjects,
            "slices": scores.slices,
        },
    )


def read_scores(path: Path) -> dict[str, Any]:
    """Read what `score_engine` wrote.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    data = read_json(path, "scores")
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise SegtrtError(
            f"{path} are not scores this version can read (format {FORMAT} expected); delete the "
            "file and run the workflow again"
        )
    return data


def _score_shard(
    scores: _Scores, tensors: Path, reference: Path, probabilities: Path, predictions_dir: Path
) -> None:
    with Shard(tensors) as truth, Shard(reference) as expected, Shard(probabilities) as actual:
        opened = (truth, expected, actual)
        for other in (expected, actual):
            if other.index != truth.index:
                raise SegtrtError(
                    f"{other.path} does not hold the slices of {truth.path} in their order; delete "
                    "it and run the workflow again"
                )
        runs = truth.subjects()
        for subject, rows in track(runs.items(), "scoring", len(runs), "subjects"):
            _score_subject(scores, subject, rows, opened, predictions_dir)


def _score_subject(
    scores: _Scores,
    subject: str,
    rows: slice,
    shards: tuple[Shard, Shard, Shard],
    predictions_dir: Path,
) -> None:
    truth, expected, actual = shards
    refs = truth.index[rows]
    reference = expected.rows("probabilities", rows.start, rows.stop)
    engine = actual.rows("probabilities", rows.start, rows.stop)
    if fault := _non_finite(reference, refs):
        raise SegtrtError(
            f"{expected.path}, {fault}, so nothing can be compared with it; check model.weights, "
            "then delete the file and run the workflow again"
        )
    if fault := _non_finite(engine, refs):
        logger.warning("%s, %s: the engine fails validation", actual.path, fault)
    sums = scores.evaluation if refs[0].split == "evaluation" else scores.calibration
    flipped = sums.add(reference, engine)
    true_masks = truth.rows("masks", rows.start, rows.stop)
    reference_masks = masks_of(reference, scores.threshold, largest=scores.largest)
    masks = masks_of(engine, scores.threshold, largest=scores.largest)
    scores.subjects.append(
        {
            "subject": subject,
            "split": refs[0].split,
            "slices": len(refs),
            "dice": dice(masks, true_masks),
            "reference_dice": dice(reference_masks, true_masks),
            "dice_to_reference": dice(masks, reference_masks),
            "flipped_pixels": int(flipped.sum()),
        }
    )
    for ref, mask, flips in zip(refs, masks, flipped, strict=True):
        scores.slices.append(
            {
                "subject": subject,
                "number": ref.number,
                "flipped_pixels": int(flips),
                "foreground_pixels": int(np.count_nonzero(mask)),
                "outline": outline(mask),
            }
        )
    _write_masks(truth, subject, masks, predictions_dir)


def _non_finite(values: NDArray[np.float32], refs: Sequence[SliceRef]) -> str:
    """The first slice with values that are infinite or not numbers, and how many; or empty."""
    bad = np.count_nonzero(~np.isfinite(values), axis=tuple(range(1, values.ndim)))
    if not bad.any():
        return ""
    ref = refs[int(np.argmax(bad > 0))]
    return (
        f"slice {ref.number} of {ref.subject} (of {np.count_nonzero(bad)} such slices): "
        f"{bad.sum()} values are infinite or not numbers"
    )


def _write_masks(shard: Shard, subject: str, masks: Masks, predictions_dir: Path) -> None:
    from PIL import Image

    from segtrt.data.tensors import restore_predictions

    for number, mask in restore_predictions(shard, subject, masks.astype(np.uint8)):
        path = predictions_dir / subject / f"{subject}_{number}_mask.png"
        path.parent.mkdir(exist_ok=True)
        content = io.BytesIO()
        Image.fromarray(mask).save(content, "PNG")
        path.write_bytes(content.getvalue())


def quality(subjects: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Dice over the evaluation subjects."""
    scored = [entry for entry in subjects if entry["split"] == "evaluation"]
    own = [entry["dice"] for entry in scored]
    reference = [entry["reference_dice"] for entry in scored]
    return {
        "mean": fmean(own),
        "median": median(own),
        "min": min(own),
        "reference_mean": fmean(reference),
        "reference_median": median(reference),
        "dice_loss": fmean(reference) - fmean(own),
        "to_reference_mean": fmean(entry["dice_to_reference"] for entry in scored),
    }
