"""Scoring an engine: its labels against ground truth and the reference's, subject by subject."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from segtrt.data.prepared import Prepared, PreparedItem
from segtrt.engines.record import read_record
from segtrt.errors import SegtrtError
from segtrt.files import replacing_folder
from segtrt.progress import track
from segtrt.quality.answers import Answers
from segtrt.quality.confidence import loss_interval, paired_losses
from segtrt.quality.errors import ErrorSums
from segtrt.quality.masks import write_masks
from segtrt.quality.means import class_means, mean_figure
from segtrt.quality.metric import Metric, find_metric
from segtrt.quality.reference_scores import (
    ReferenceScores,
    ReferenceSubject,
    read_reference_scores,
)
from segtrt.quality.scores import Figures, Quality, Scores, SubjectScore, View
from segtrt.quality.subject_labels import (
    Map,
    finish,
    labels_to_write,
    open_answers,
    refuse_non_finite,
    warn_of_non_finite,
)
from segtrt.quality.views import foreground, kept_planes, outlines_of, planes_of
from segtrt.quality.worth import Worth, worth

_BYTES_AT_ONCE = 64 * 2**20


@dataclass(frozen=True)
class ShardPaths:
    """Files of one shard."""

    tensors: Path
    """Prepared images (`segtrt.data.prepared`)."""
    reference: Path
    """The reference's answers (`segtrt.quality.answers`)."""
    engine: Path
    """The engine's."""


@dataclass
class _Sums:
    """What the items add up to, shard by shard."""

    reference: ReferenceScores
    metric: Metric
    evaluation: ErrorSums = field(default_factory=ErrorSums)
    calibration: ErrorSums = field(default_factory=ErrorSums)
    patches: int = 0
    subjects: list[SubjectScore] = field(default_factory=list)
    views: list[View] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.of_reference = {one.subject: one for one in self.reference.subjects}

    def of(self, split: str) -> ErrorSums:
        """The errors of a split."""
        return self.evaluation if split == "evaluation" else self.calibration


def score_engine(
    record: Path,
    *,
    reference_scores: Path,
    shards: Sequence[ShardPaths],
    root: Path,
    metric: str,
    out_json: Path,
    predictions_dir: Path,
) -> None:
    """Score an engine and write its masks; labels are made as the reference's were.

    Means over subjects count evaluation subjects only, and so do the error figures under `errors`;
    `errors_every_item` counts calibration subjects too.

    Args:
        record: `engine.json`. Of an unsupported engine the shards are not read, the folder of
            predictions stays empty and the scores have no figures.
        reference_scores: what `segtrt.quality.reference_scoring` wrote.
        shards: the items, shard by shard.
        root: the data set's folder.
        metric: as in `validation.metric`, and as the reference was scored by.
        out_json: all figures (`segtrt.quality.scores`).
        predictions_dir: gets a mask for each image, in its format, grid and name.

    Raises:
        SegtrtError: shards do not belong together, the reference's answers are not finite, or no
            subject is left to score. Values of the engine that are not finite are counted in its
            errors, for its verdict, and logged with the first item that has them.
    """
    engine = read_record(record)
    reference = read_reference_scores(reference_scores)
    figures = None
    with replacing_folder(predictions_dir) as masks_dir:
        if engine.status == "built":
            sums = _Sums(reference, find_metric(metric))
            for paths in shards:
                _score_shard(sums, paths, root, masks_dir)
            if not any(entry.split == "evaluation" for entry in sums.subjects):
                raise SegtrtError(
                    f"{engine.name} cannot be scored: every subject is in the calibration split; "
                    "lower dataset.calibration_fraction or add subjects"
                )
            figures = _figures(sums)
    Scores(
        engine=engine.name,
        status=engine.status,
        decoder=reference.decoder,
        metric=reference.metric,
        figures=figures,
    ).write(out_json)


def _figures(sums: _Sums) -> Figures:
    every = sums.evaluation.merged(sums.calibration)
    scored = [entry for entry in sums.subjects if entry.split == "evaluation"]
    return Figures(
        # A budget for a few patches may have kept those of calibration subjects only.
        errors=(sums.evaluation if sums.evaluation.patches else every).errors(),
        errors_every_item=every.errors(),
        quality=summarise_quality(
            scored, sums.reference.evaluated, higher_is_better=sums.metric.higher_is_better
        ),
        agreement=mean_figure([entry.agreement for entry in scored]),
        patches=sums.patches,
        subjects=tuple(sums.subjects),
        views=tuple(sums.views),
    )


def summarise_quality(
    scored: Sequence[SubjectScore],
    reference: Sequence[ReferenceSubject],
    *,
    higher_is_better: bool,
) -> Quality | None:
    """The metric over the evaluation subjects; None if the engine or the reference has no figure.

    Args:
        scored: the engine's evaluation subjects.
        reference: the reference's.
        higher_is_better: the metric's direction.
    """
    own = [one.figure for one in scored if one.figure is not None]
    theirs = [one.reference_figure for one in scored if one.reference_figure is not None]
    if not own or not theirs:
        return None
    lost = fmean(theirs) - fmean(own)
    losses = paired_losses(
        [one.figure for one in scored],
        [one.reference_figure for one in scored],
        higher_is_better=higher_is_better,
    )
    return Quality(
        mean=fmean(own),
        median=median(own),
        worst=min(own) if higher_is_better else max(own),
        reference_mean=fmean(theirs),
        reference_median=median(theirs),
        loss=lost if higher_is_better else -lost,
        loss_interval=loss_interval(losses),
        paired_subjects=len(losses),
        classes=class_means([one.classes for one in scored]),
        reference_classes=class_means([one.classes for one in reference]),
    )


def _score_shard(sums: _Sums, paths: ShardPaths, root: Path, masks_dir: Path) -> None:
    with open_answers(paths.tensors, paths.reference, paths.engine) as (shard, opened):
        reference, engine = opened
        refuse_non_finite(shard, reference)
        warn_of_non_finite(shard, engine)
        sums.patches += len(shard)
        _add_outputs(sums, shard, reference, engine)
        labels = labels_to_write(shard.labels, sums.reference.class_names)
        runs = shard.subjects()
        for subject, places in track(runs.items(), "scoring", len(runs), "subjects"):
            maps = _score_subject(sums, subject, places, shard, opened)
            for place, own in zip(places, maps, strict=True):
                write_masks(own, shard.items[place], root, masks_dir, labels)


def _add_outputs(sums: _Sums, shard: Prepared, reference: Answers, engine: Answers) -> None:
    """Add the raw outputs that were kept, each patch to its subject's split."""
    splits = [item.split for item in shard.items for _ in item.rows]
    if not reference.rows:
        return
    bytes_each = reference.outputs(0, 1).nbytes
    step = max(1, _BYTES_AT_ONCE // bytes_each)
    for start in range(0, len(reference.rows), step):
        expected, actual = (one.outputs(start, start + step) for one in (reference, engine))
        own = np.array([splits[row] for row in reference.rows[start : start + step]])
        for split in np.unique(own):
            sums.of(str(split)).add(expected[own == split], actual[own == split])


def _score_subject(
    sums: _Sums, subject: str, places: Sequence[int], shard: Prepared, answers: Sequence[Answers]
) -> list[Map]:
    """Add a subject's figures; returns the engine's labels on its items' own grids.

    Args:
        sums: what to add to.
        subject: its name.
        places: places of its items in the shard.
        shard: the shard.
        answers: the reference's and the engine's.
    """
    reference, engine = answers
    if subject not in sums.of_reference:
        raise SegtrtError(
            f"the reference's scores lack subject {subject}; delete them and run the workflow again"
        )
    items = [shard.items[place] for place in places]
    expected = [reference.labels(place, shard.items[place]) for place in places]
    actual = [engine.labels(place, shard.items[place]) for place in places]
    errors = sums.of(items[0].split)
    flipped = [
        errors.add_labels(one, other, engine.non_finite[place])
        for one, other, place in zip(expected, actual, places, strict=True)
    ]
    expected, actual = (
        finish(maps, largest_component=sums.reference.largest_component)
        for maps in (expected, actual)
    )
    own = [item.placement.restore(one) for item, one in zip(items, actual, strict=True)]
    theirs = [item.placement.restore(one) for item, one in zip(items, expected, strict=True)]
    truths = [shard.truth(place) for place in places] if shard.labels else None
    found = Worth(()) if truths is None else _worth(sums, own, truths, items, engine)
    sums.subjects.append(
        SubjectScore(
            subject=subject,
            split=items[0].split,
            items=len(items),
            figure=found.mean,
            classes=found.classes,
            reference_figure=sums.of_reference[subject].figure,
            agreement=_worth(sums, own, theirs, items, engine).mean,
            flipped_pixels=sum(int(flips.sum()) for flips in flipped),
        )
    )
    for place, item in enumerate(items):
        shown = expected[place] if truths is None else item.placement.place_labels(truths[place])
        sums.views += _views(item, shown, actual[place], flipped[place])
    return own


def _worth(
    sums: _Sums,
    maps: Sequence[Map],
    truths: Sequence[Map],
    items: Sequence[PreparedItem],
    engine: Answers,
) -> Worth:
    return worth(sums.metric, maps, truths, items, engine.classes)


def _views(item: PreparedItem, shown: Map, labels: Map, flipped: NDArray[np.int64]) -> list[View]:
    """What pictures may show of an item.

    Args:
        item: the item.
        shown: its true labels on the network's grid or, without them, the reference's.
        labels: the engine's there.
        flipped: flipped pixels of each plane.
    """
    planes = planes_of(labels)
    return [
        View(
            subject=item.subject,
            item=item.name,
            plane=plane if labels.ndim == 3 else None,
            flipped_pixels=int(flipped[plane]),
            foreground_pixels=int(np.count_nonzero(planes[plane])),
            outlines=outlines_of(planes[plane]),
        )
        for plane in kept_planes(foreground(planes_of(shown)), flipped)
    ]
