"""Scoring the reference: its labels against ground truth, once for all engines."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from segtrt.data.labels import IGNORED
from segtrt.data.prepared import Prepared, PreparedItem
from segtrt.errors import SegtrtError
from segtrt.progress import track
from segtrt.quality.answers import Answers
from segtrt.quality.decode import Decoder
from segtrt.quality.means import Figure
from segtrt.quality.metric import METRICS, Metric, facts_of, find_metric
from segtrt.quality.reference_scores import ReferenceScores, ReferenceSubject
from segtrt.quality.subject_labels import class_names, on_own_grids, open_answers, refuse_non_finite
from segtrt.quality.worth import worth


def score_reference(
    *,
    tensor_shards: Sequence[Path],
    reference_shards: Sequence[Path],
    out_json: Path,
    metric: str,
    largest_component: bool,
) -> None:
    """Score the reference against ground truth, subject by subject.

    Args:
        tensor_shards: shards of prepared images (`segtrt.data.prepared`).
        reference_shards: the reference's answers to them (`segtrt.quality.answers`), in the same
            order.
        out_json: the figures (`segtrt.quality.reference_scores`).
        metric: as in `validation.metric`.
        largest_component: whether only the largest component of each class counts, of the
            reference's labels and, as the scores say so, of every engine's.

    Raises:
        SegtrtError: a file cannot be read, files do not belong together, some images have a mask
            and others none, the reference gave values that are not finite, or some images have a
            spacing and others none where the metric is a distance.
    """
    found = find_metric(metric)
    subjects: list[ReferenceSubject] = []
    decoder = None
    names: tuple[str, ...] = ()
    has_truth = False
    spaced: dict[bool, str] = {}
    for tensors, answers in zip(tensor_shards, reference_shards, strict=True):
        with open_answers(tensors, answers) as (shard, [reference]):
            refuse_non_finite(shard, reference)
            decoder = replace(reference.decoder, largest_component=largest_component)
            names = class_names(shard.labels, reference.classes)
            has_truth = shard.labels is not None
            for item in shard.items:
                spaced.setdefault(item.spacing is not None, item.title)
            runs = shard.subjects()
            for subject, places in track(runs.items(), "scoring", len(runs), "subjects"):
                subjects.append(_score_subject(subject, places, shard, reference, decoder, found))
    assert decoder is not None, "at least one shard"
    facts = replace(facts_of(found), unit=_unit(found, spaced))
    ReferenceScores(decoder.to_json(), facts, names, has_truth, tuple(subjects)).write(out_json)


def _unit(metric: Metric, spaced: Mapping[bool, str]) -> str:
    """A distance's unit, which is that of the images.

    Args:
        metric: the metric.
        spaced: an item with a spacing, and one without, as far as there are any.
    """
    if metric.name not in METRICS or not metric.unit:
        return metric.unit
    if len(spaced) > 1:
        raise SegtrtError(
            f"validation.metric is {metric.name}, a distance, and images have it in different "
            f"units: {spaced[True]} says how large its pixels are, {spaced[False]} does not; "
            "choose dice or iou, or use a format that stores the spacing for all"
        )
    return metric.unit if True in spaced else "pixels"


def _score_subject(  # noqa: PLR0917 - all that a figure rests on
    subject: str,
    places: Sequence[int],
    shard: Prepared,
    reference: Answers,
    decoder: Decoder,
    metric: Metric,
) -> ReferenceSubject:
    items = [shard.items[place] for place in places]
    maps = on_own_grids(
        [reference.labels(place, item) for place, item in zip(places, items, strict=True)],
        items,
        largest_component=decoder.largest_component,
    )
    classes: tuple[Figure, ...] = ()
    figure = dice = truth_pixels = None
    if shard.labels is not None:
        truths = [shard.truth(place) for place in places]
        truth_pixels = sum(int(np.count_nonzero((one != 0) & (one != IGNORED))) for one in truths)
        own = worth(metric, maps, truths, items, reference.classes)
        classes, figure = own.classes, own.mean
        dice = worth(METRICS["dice"], maps, truths, items, reference.classes).mean
    return ReferenceSubject(
        subject=subject,
        split=items[0].split,
        items=len(items),
        slices=sum(map(_slices, items)),
        slices_seen=sum(map(_slices_seen, items)),
        figure=figure,
        classes=classes,
        dice=dice,
        truth_pixels=truth_pixels,
        found_pixels=sum(int(np.count_nonzero(one)) for one in maps),
    )


def _slices(item: PreparedItem) -> int:
    """2-D images of an item on its own grid."""
    shape = item.placement.shape
    return shape[item.placement.axis or 0] if len(shape) == 3 else 1


def _slices_seen(item: PreparedItem) -> int:
    """Of these, how many the network sees."""
    kept = item.placement.slices
    return _slices(item) if kept is None else len(kept)
