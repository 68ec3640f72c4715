"""The verdict on an engine: does it keep its tolerances, and does it compute in its precision."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segtrt.engines.record import EngineRecord, read_record
from segtrt.errors import SegtrtError
from segtrt.files import read_json, write_json
from segtrt.quality.metric_table import METRICS
from segtrt.quality.scores import read_scores
from segtrt.runtimes.base import Layer

FORMAT = "segtrt-validation-1"

MIN_SHARE = 0.5
"""Share of the convolutions' work that must run in the precision that the engine is named after."""


def validate_engine(
    record: Path, scores: Path, out_json: Path, *, tolerance: Mapping[str, float | None]
) -> None:
    """Judge an engine by its scores and its layers: `pass`, `fail` or `skipped`.

    It fails if a figure exceeds its tolerance, if it gave values that are not finite, or if less
    than half of its convolutions' work runs in the precision it is named after (where its runtime
    tells the layers' types).

    Args:
        record: `engine.json`; an unsupported engine is `skipped` with its reason.
        scores: what `segtrt.quality.scores.score_engine` wrote for it.
        out_json: the verdict, format `segtrt-validation-1`: `engine`, `verdict`, `reason` (why
            skipped), `failures` (e.g. `max_abs_error 0.3 > 0.05`), `tolerance`, `precision_proof`.
        tolerance: `max_abs_error` (over every slice), `flipped_fraction` and `dice_loss` (over
            evaluation subjects): what the engine may differ by; None or absent leaves a figure
            unchecked.

    Raises:
        SegtrtError: the scores are another engine's.
    """
    engine = read_record(record)
    figures = read_scores(scores)
    if figures["engine"] != engine.name:
        raise SegtrtError(
            f"{scores} holds the scores of {figures['engine']}, expected those of {engine.name}; "
            "delete it and run the workflow again"
        )
    skipped = engine.status != "built"
    failures = [] if skipped else _failures(engine, tolerance, figures)
    write_json(
        out_json,
        {
            "format": FORMAT,
            "engine": engine.name,
            "verdict": "skipped" if skipped else "fail" if failures else "pass",
            "reason": engine.reason if skipped else "",
            "failures": failures,
            "tolerance": dict(tolerance),
            "precision_proof": precision_proof(engine.layers),
        },
    )


def check(validations: Sequence[Path]) -> list[str]:
    """What failed, one line an engine, e.g. `openvino@a100/b4_int8: dice_loss 0.031 > 0.02`.

    Engines are called as their paths call them: a verdict knows no machine's name. Empty if every
    engine passed or was skipped.
    """
    lines = []
    for path in validations:
        data = read_validation(path)
        if data["verdict"] == "fail":
            lines.append(f"{path.parent.name}/{path.stem}: {'; '.join(data['failures'])}")
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


def _failures(
    engine: EngineRecord, tolerance: Mapping[str, float | None], scores: Mapping[str, Any]
) -> list[str]:
    failures = [
        failure
        for metric in METRICS
        if (limit := tolerance.get(metric.name)) is not None
        and (value := metric.value(scores)) is not None
        and (failure := metric.failure(value, limit))
    ]
    if non_finite := scores["errors_every_slice"]["non_finite"]:
        failures.append(f"non_finite {non_finite} > 0")
    proof = precision_proof(engine.layers)
    if proof and proof["convolutions"]:
        precision = engine.settings.precision
        # A runtime's inspector may show layers with the type of their tensors: TF32 as fp32.
        own = {precision, precision.graph.precision}
        share = sum(proof["convolutions"].get(dtype, 0.0) for dtype in own)
        if not share >= MIN_SHARE:
            failures.append(f"{precision}_share {share:.3g} < {MIN_SHARE:g}")
    return failures
