"""Choosing a mix from what regions gain and lose."""

from collections.abc import Sequence

from segtrt.engines.gain_file import Gain
from segtrt.precision import Precision
from segtrt.quality.mix_choice import choose, joins_of, options_of, plain_latency, total_gain
from segtrt.quality.mix_file import Choice, MixPlan, Prediction
from segtrt.quality.sensitivity import Sensitivity


def plan_mix(
    precision: Precision,
    runtime: str,
    gains: Sequence[Gain],
    sensitivities: Sequence[Sensitivity],
    *,
    budget: float,
    batch_size: int,
) -> MixPlan:
    """Choose a mix.

    Args:
        precision: its name.
        runtime: whose engines it is for.
        gains: what each region gains there in each precision.
        sensitivities: what each loses.
        budget: most that they may lose together.
        batch_size: at which gains were measured.
    """
    options, joins = options_of(gains, sensitivities), joins_of(gains)
    chosen = [one for _, one in sorted(choose(options, budget, joins).items())]
    names = {gain.region: gain.name for gain in gains}
    has_truth = any(one.metric_loss is not None for one in options)
    return MixPlan(
        precision,
        runtime,
        budget,
        batch_size,
        tuple(Choice(one.region, names[one.region], one.graph) for one in chosen),
        Prediction(
            plain_latency(gains),
            total_gain(chosen, joins),
            sum(max(0.0, one.metric_loss or 0.0) for one in chosen) if has_truth else None,
            sum(one.flipped_fraction for one in chosen),
        ),
        tuple(options),
        tuple(joins),
    )
