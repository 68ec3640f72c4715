"""Whether an engine still segments: its masks, its scores and the verdict on it."""

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median
from typing import Any

import numpy as np

from segtrt.errors import SegtrtError
from segtrt.files import read_json, write_bytes, write_json
from segtrt.metrics import Errors, ErrorSums, Masks, dice, masks_of
from segtrt.outlines import outline
from segtrt.precision import Precision
from segtrt.progress import track
from segtrt.record import EngineRecord, read_record
from segtrt.runtimes.base import Layer
from segtrt.shardfile import Shard

FORMAT = "segtrt-validation-1"

MIN_SHARE = 0.5
"""Share of the convolutions' work that must run in the precision that the engine is named after."""


@dataclass
class _Scores:
    """What the slices add up to, shard by shard."""

    threshold: float
    largest: bool
    every_slice: ErrorSums = field(init=False)
    evaluation: ErrorSums = field(init=False)
    subjects: list[dict[str, Any]] = field(default_factory=list)
    slices: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.every_slice = ErrorSums(self.threshold)
        self.evaluation = ErrorSums(self.threshold)


def validate_engine(
    record: Path,
    *,
    tensor_shards: Sequence[Path],
    reference_shards: Sequence[Path],
    probability_shards: Sequence[Path],
    out_json: Path,
    predictions_dir: Path,
    threshold: float,
    largest_component: bool,
    tolerance: Mapping[str, float | None],
) -> None:
    """Compare an engine with PyTorch and with ground truth; write its masks and its verdict.

    Means over subjects count evaluation subjects only, and so do the error figures under `errors`;
    `errors_every_slice` counts calibration slices too, and the verdict takes the largest absolute
    error from there.

    Args:
        record: `engine.json`. An unsupported engine's verdict is `skipped`, its shards are not
            read and its folder of predictions is empty.
        tensor_shards: shards with `masks`, (N, 256, 256) uint8 0/1.
        reference_shards: shards with `probabilities` from PyTorch, in the same order.
        probability_shards: shards with `probabilities` from the engine, in the same order.
        out_json: the verdict with all figures, format `segtrt-validation-1`.
        predictions_dir: gets `<subject>/<subject>_<n>_mask.png`, 0 or 255.
        threshold: probability above which a pixel is foreground.
        largest_component: keep only the largest component of a subject's volume, for Dice and for
            the masks written.
        tolerance: `max_abs_error`, `flipped_fraction`, `dice_loss`: what the engine may differ by;
            None or absent leaves a figure unchecked.

    Raises:
        SegtrtError: shards do not belong together, or no subject is left to score.
    """
    engine = read_record(record)
    head = {
        "format": FORMAT,
        "engine": engine.name,
        "threshold": threshold,
        "largest_component": largest_component,
        "tolerance": dict(tolerance),
        "precision_proof": precision_proof(engine.layers),
    }
    predictions_dir.mkdir(parents=True, exist_ok=True)
    if engine.status != "built":
        write_json(out_json, {**head, "verdict": "skipped", "reason": engine.reason})
        return
    scores = _Scores(threshold, largest_component)
    for paths in zip(tensor_shards, reference_shards, probability_shards, strict=True):
        _score_shard(scores, *paths, predictions_dir)
    if not any(entry["split"] == "evaluation" for entry in scores.subjects):
        raise SegtrtError(
            f"{engine.name} cannot be scored: every subject is in the calibration split; lower "
            "dataset.calibration_fraction or add subjects"
        )
    every_slice, errors = scores.every_slice.errors(), scores.evaluation.errors()
    quality = _quality(scores.subjects)
    failures = _failures(engine, tolerance, every_slice, errors, quality["dice_loss"])
    write_json(
        out_json,
        {
            **head,
            "verdict": "fail" if failures else "pass",
            "failures": failures,
            "errors": errors.to_json(),
            "errors_every_slice": every_slice.to_json(),
            "dice": quality,
            "subjects": scores.subjects,
            "slices": scores.slices,
        },
    )


def check(validations: Sequence[Path]) -> list[str]:
    """What failed, one line an engine, e.g. `openvino/b4_int8: dice_loss 0.031 > 0.02`.

    Empty if every engine passed or was skipped.
    """
    lines = []
    for path in validations:
        data = read_validation(path)
        if data["verdict"] == "fail":
            lines.append(f"{data['engine']}: {'; '.join(data['failures'])}")
    return lines


def read_validation(path: Path) -> dict[str, Any]:
    """Read what `validate_engine` wrote.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    data = read_json(path, "validation")
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise SegtrtError(
            f"{path} is not a validation this version can read (format {FORMAT} expected); delete "
            "it and run the workflow again"
        )
    return data


def precision_proof(layers: Sequence[Layer]) -> dict[str, Any] | None:
    """In which types an engine computes, by its runtime's own account; None if it gives none.

    Returns:
        `layers`: share of all layers by type; `convolutions`: share of the convolutions' work by
        type, weighed as `weighed_by` says (`flops` if known for each of them, else `layers`), or
        None if no convolution's type is known.
    """
    if not layers:
        return None
    known = [x for x in layers if "conv" in x.kind.casefold() and x.dtype != "other"]
    by_flops = bool(known) and all(layer.flops for layer in known)
    return {
        "layers": _shares([(layer.dtype, 1.0) for layer in layers]),
        "convolutions": _shares([(x.dtype, x.flops if by_flops else 1.0) for x in known])
        if known
        else None,
        "weighed_by": "flops" if by_flops else "layers",
    }


def _shares(weights: Sequence[tuple[str, float | None]]) -> dict[str, float]:
    totals: dict[str, float] = {}
    for dtype, weight in weights:
        totals[dtype] = totals.get(dtype, 0.0) + (weight or 0.0)
    whole = sum(totals.values())
    return {dtype: total / whole for dtype, total in sorted(totals.items())}


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
    flipped = scores.every_slice.add(reference, engine)
    if refs[0].split == "evaluation":
        scores.evaluation.add(reference, engine)
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


def _write_masks(shard: Shard, subject: str, masks: Masks, predictions_dir: Path) -> None:
    from PIL import Image

    from segtrt.tensors import restore_predictions

    for number, mask in restore_predictions(shard, subject, masks):
        content = io.BytesIO()
        Image.fromarray((mask != 0).astype(np.uint8) * 255).save(content, "PNG")
        write_bytes(predictions_dir / subject / f"{subject}_{number}_mask.png", content.getvalue())


def _quality(subjects: Sequence[Mapping[str, Any]]) -> dict[str, float]:
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


def _failures(
    engine: EngineRecord,
    tolerance: Mapping[str, float | None],
    every_slice: Errors,
    errors: Errors,
    dice_loss: float,
) -> list[str]:
    figures = {
        "max_abs_error": every_slice.max_abs_error,
        "flipped_fraction": errors.flipped_fraction,
        "dice_loss": dice_loss,
    }
    failures = [
        f"{name} {value:.3g} > {limit:g}"
        for name, value in figures.items()
        if (limit := tolerance.get(name)) is not None and value > limit
    ]
    if every_slice.non_finite:
        failures.append(f"non_finite {every_slice.non_finite} > 0")
    proof = precision_proof(engine.layers)
    if proof and proof["convolutions"]:
        precision = engine.settings.precision
        # A runtime's inspector may show TF32 layers with the type of their tensors, fp32.
        own = {precision, Precision.FP32} if precision is Precision.TF32 else {precision}
        share = sum(proof["convolutions"].get(dtype, 0.0) for dtype in own)
        if share < MIN_SHARE:
            failures.append(f"{precision}_share {share:.3g} < {MIN_SHARE:g}")
    return failures
