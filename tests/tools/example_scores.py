"""Made-up scores of an engine."""

from typing import Any

import numpy as np
from example_cases import Fault
from segtrt.data.manifest import Subject
from segtrt.precision import Precision
from segtrt.quality.scores import Errors, Figures, Scores, SubjectScore
from segtrt.quality.scoring import summarise_dice

_LOSS = {"fp32": 0.0, "tf32": 1e-4, "fp16": 2e-4, "bf16": 2e-3, "int8": 4e-3, "fp8": 5e-3}
_ERROR = {"fp32": 3e-6, "tf32": 4e-3, "fp16": 9e-3, "bf16": 0.07, "int8": 0.21, "fp8": 0.3}


def make_scores(
    name: str,
    precision: Precision,
    *,
    reference: dict[str, Any],
    rng: np.random.Generator,
    fault: Fault,
    subjects: list[Subject],
) -> Scores:
    """An engine's scores without slices; lower precisions do worse."""
    loss = fault.dice_loss or _LOSS[precision]
    entries = []
    for entry in reference["subjects"]:
        lost = loss * float(rng.uniform(0.2, 1.8)) if loss else 0.0
        own = float(np.clip(entry["dice"] - lost, 0, 1))
        entries.append(
            SubjectScore(
                subject=entry["subject"],
                split=entry["split"],
                slices=entry["slices"],
                dice=own,
                reference_dice=entry["dice"],
                dice_to_reference=float(np.clip(1 - lost, 0, 1)),
                flipped_pixels=int(lost * 40_000),
            )
        )
    pixels = 65536 * sum(len(subject.slices) for subject in subjects)
    flipped = sum(entry.flipped_pixels for entry in entries)
    errors = Errors(
        pixels=pixels,
        max_abs_error=_ERROR[precision] * float(rng.uniform(0.8, 1.2)),
        mean_abs_error=_ERROR[precision] / 400,
        relative_l2=_ERROR[precision] / 30,
        cosine_similarity=1 - (_ERROR[precision] / 30) ** 2 / 2,
        flipped_pixels=flipped,
        flipped_fraction=flipped / pixels,
        non_finite=0,
    )
    figures = Figures(errors, errors, summarise_dice(entries), tuple(entries), ())
    return Scores(name, "built", 0.5, True, figures)
