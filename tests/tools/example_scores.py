"""Made-up scores of the reference and of an engine."""

import numpy as np
from example_cases import Case, Fault
from segtrt.data.manifest import Subject
from segtrt.precision import Precision
from segtrt.quality.decode import Decoder
from segtrt.quality.means import mean_figure
from segtrt.quality.metric import facts_of, find_metric
from segtrt.quality.reference_scores import ReferenceScores, ReferenceSubject
from segtrt.quality.scores import Errors, Figures, Scores, SubjectScore
from segtrt.quality.scoring import summarise_quality

_LOSS = {"fp32": 0.0, "tf32": 1e-4, "fp16": 2e-4, "bf16": 2e-3, "int8": 4e-3, "fp8": 5e-3}
_ERROR = {"fp32": 3e-6, "tf32": 4e-3, "fp16": 9e-3, "bf16": 0.07, "int8": 0.21, "fp8": 0.3}
_DECODER = Decoder("sigmoid", largest_component=True).to_json()


def make_reference(
    case: Case, subjects: list[Subject], rng: np.random.Generator
) -> ReferenceScores:
    """The reference's scores; distances are millimetres."""
    metric = find_metric(case.metric)

    def figure() -> float:
        share = float(np.clip(rng.beta(14, 1.6), 0.05, 0.99)) * case.quality
        return share if not metric.unit else 12 * (1 - share)

    entries = []
    for subject in subjects:
        classes = tuple(figure() for _ in case.classes) if case.has_truth else ()
        entries.append(
            ReferenceSubject(
                subject=subject.name,
                split=subject.split,
                items=1 if case.volumes else len(subject.items),
                slices=len(subject.items),
                slices_seen=len(subject.items),
                figure=mean_figure(classes),
                classes=classes,
                dice=0.9 * case.quality if case.has_truth else None,
                truth_pixels=1000 if case.has_truth else None,
                found_pixels=1000,
            )
        )
    return ReferenceScores(_DECODER, facts_of(metric), case.classes, case.has_truth, tuple(entries))


def make_scores(
    name: str,
    precision: Precision,
    *,
    reference: ReferenceScores,
    rng: np.random.Generator,
    fault: Fault,
) -> Scores:
    """An engine's scores without views; lower precisions do worse."""
    loss = fault.loss or _LOSS[precision]
    metric = reference.metric
    sign, most, perfect = (1, 1.0, 1.0) if metric.higher_is_better else (-10, 1e3, 0.0)
    entries = []
    for entry in reference.subjects:
        lost = loss * float(rng.uniform(0.2, 1.8)) if loss else 0.0
        classes = tuple(
            float(np.clip(one - sign * lost, 0, most)) for one in entry.classes if one is not None
        )
        entries.append(
            SubjectScore(
                subject=entry.subject,
                split=entry.split,
                items=entry.items,
                figure=mean_figure(classes),
                classes=classes,
                reference_figure=entry.figure,
                agreement=float(np.clip(perfect - sign * lost, 0, most)),
                flipped_pixels=int(lost * 40_000),
            )
        )
    slices = sum(one.slices for one in reference.subjects)
    flipped = sum(entry.flipped_pixels for entry in entries)
    errors = Errors(
        patches=slices,
        values=65536 * slices,
        max_abs_error=_ERROR[precision] * float(rng.uniform(0.8, 1.2)),
        mean_abs_error=_ERROR[precision] / 400,
        rms_error=_ERROR[precision] / 200,
        relative_rms=_ERROR[precision] / 20,
        relative_l2=_ERROR[precision] / 30,
        cosine_similarity=1 - (_ERROR[precision] / 30) ** 2 / 2,
        pixels=65536 * slices,
        flipped_pixels=flipped,
        flipped_fraction=flipped / (65536 * slices),
        non_finite=0,
    )
    scored = [entry for entry in entries if entry.split == "evaluation"]
    figures = Figures(
        errors=errors,
        errors_every_item=errors,
        quality=summarise_quality(
            scored, reference.evaluated, higher_is_better=metric.higher_is_better
        ),
        agreement=mean_figure([entry.agreement for entry in scored]),
        patches=slices,
        subjects=tuple(entries),
        views=(),
    )
    return Scores(name, "built", _DECODER, metric, figures)
