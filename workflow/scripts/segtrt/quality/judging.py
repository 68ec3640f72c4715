"""Judging an engine: does it keep its tolerances, and does it compute in its precision?"""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from segtrt.engines.record import EngineRecord, read_record
from segtrt.errors import SegtrtError
from segtrt.quality.failures import METRIC_LOSS, NON_FINITE, PRECISION_SHARE, Failure
from segtrt.quality.loss_limit import Loss, broken_limit
from segtrt.quality.metric_table import METRICS
from segtrt.quality.precision_proof import precision_proof
from segtrt.quality.scores import Figures, read_scores
from segtrt.quality.verdict import Verdict

MIN_SHARE = 0.5
"""Share of the convolutions' work that must run in the precision that the engine is named after."""


def validate_engine(
    record: Path,
    scores: Path,
    out_json: Path,
    *,
    tolerance: Mapping[str, float | None],
    confident: bool,
) -> None:
    """Judge an engine by its scores and its layers: `pass`, `fail` or `skipped`.

    It fails if a figure exceeds its tolerance, if it gave values that are not finite, or if less
    than half of its convolutions' work runs in the precision it is named after (where its runtime
    tells the layers' types; a mix is named after none).

    Args:
        record: `engine.json`; an unsupported engine is `skipped` with its reason.
        scores: what `segtrt.quality.scoring.score_engine` wrote for it.
        out_json: the verdict (`segtrt.quality.verdict`).
        tolerance: figure (`segtrt.quality.metric_table`) -> what the engine may differ by; None or
            absent leaves a figure unchecked, and so does a data set without ground truth one of the
            metric.
        confident: whether the worse end of the loss's 95 % interval must keep its tolerance.

    Raises:
        SegtrtError: the scores are another engine's, or lack the figures of one that was built.
    """
    engine = read_record(record)
    found = read_scores(scores)
    skipped = engine.status != "built"
    if found.engine != engine.name or (found.figures is None and not skipped):
        what = f"the scores of {found.engine}" if found.figures else f"no figures of {found.engine}"
        raise SegtrtError(
            f"{scores} holds {what}, expected the scores of {engine.name}; delete it and run the "
            "workflow again"
        )
    failures = (
        ()
        if skipped or not found.figures
        else _failures(
            engine, tolerance, found.figures, confident=confident, title=found.metric.title
        )
    )
    quality = found.figures.quality if found.figures else None
    Verdict(
        engine=engine.name,
        verdict="skipped" if skipped else "fail" if failures else "pass",
        reason=engine.reason if skipped else "",
        failures=failures,
        tolerance=dict(tolerance),
        precision_proof=precision_proof(engine.layers),
        confident=confident,
        loss_interval=quality.loss_interval if quality else None,
    ).write(out_json)


def _failures(
    engine: EngineRecord,
    tolerance: Mapping[str, float | None],
    found: Figures,
    *,
    confident: bool,
    title: str,
) -> tuple[Failure, ...]:
    figures = {
        "errors": asdict(found.errors),
        "errors_every_item": asdict(found.errors_every_item),
        "quality": asdict(found.quality) if found.quality else None,
        "agreement": found.agreement,
    }
    failures = [
        failure
        for metric in METRICS
        if metric.name != METRIC_LOSS
        and (limit := tolerance.get(metric.name)) is not None
        and (value := metric.value(figures)) is not None
        and (failure := metric.failure(value, limit, title))
    ]
    most_lost, quality = tolerance.get(METRIC_LOSS), found.quality
    if most_lost is not None and quality:
        loss = Loss(quality.loss, quality.loss_interval, quality.paired_subjects)
        if failure := broken_limit(loss, most_lost, confident=confident, metric=title):
            failures.insert(0, failure)
    if non_finite := found.errors_every_item.non_finite:
        failures.append(Failure(NON_FINITE, non_finite, 0))
    proof = precision_proof(engine.layers)
    # In a mix, how much runs in which precision is the mix's own choice.
    if proof and proof.convolutions and not engine.settings.precision.is_mix:
        precision = engine.settings.precision
        # A runtime's inspector may show layers with the type of their tensors: TF32 as fp32.
        own = {precision, precision.graph.precision}
        share = sum(proof.convolutions.get(dtype, 0.0) for dtype in own)
        if not share >= MIN_SHARE:
            failures.append(
                Failure(PRECISION_SHARE, share, MIN_SHARE, at_least=True, of=str(precision))
            )
    return tuple(failures)
