"""Scoring a rebuilt engine: its labels against ground truth, as the proven engine's were."""

from collections.abc import Sequence
from pathlib import Path

from segtrt.engines.rebuild_file import read_rebuild
from segtrt.progress import track
from segtrt.quality.metric import Metric, find_metric
from segtrt.quality.rebuild_scores import RebuildScores
from segtrt.quality.reference_scores import ReferenceScores, read_reference_scores
from segtrt.quality.scores import SubjectScore
from segtrt.quality.scoring import summarise_quality
from segtrt.quality.subject_labels import on_own_grids, open_answers
from segtrt.quality.worth import worth


def score_rebuild(
    rebuild: Path,
    shards: Sequence[tuple[Path, Path]],
    *,
    reference_scores: Path,
    metric: str,
    out_json: Path,
) -> None:
    """Score a rebuilt engine's labels on the evaluation subjects.

    Args:
        rebuild: what became of the build (`segtrt.engines.rebuild_file`); if nothing was built, the
            shards are not read.
        shards: prepared images and the labels (`segtrt.quality.answers`), shard by shard.
        reference_scores: what `segtrt.quality.reference_scoring` wrote.
        metric: as in `validation.metric`, and as the reference was scored by.
        out_json: the file to write, a `RebuildScores`.

    Raises:
        SegtrtError: files cannot be read or do not belong together.
    """
    made = read_rebuild(rebuild)
    reference = read_reference_scores(reference_scores)
    measure = find_metric(metric)
    scored = [
        one
        for tensors, labels in (shards if made.built else ())
        for one in _score_shard(tensors, labels, reference, measure)
    ]
    RebuildScores(
        engine=made.engine,
        metric=reference.metric,
        quality=summarise_quality(
            scored, reference.evaluated, higher_is_better=measure.higher_is_better
        ),
    ).write(out_json)


def _score_shard(
    tensors: Path, labels: Path, reference: ReferenceScores, metric: Metric
) -> list[SubjectScore]:
    """The evaluation subjects of a shard; none without ground truth."""
    expected = {one.subject: one.figure for one in reference.evaluated}
    scored: list[SubjectScore] = []
    with open_answers(tensors, labels) as (shard, [answers]):
        if shard.labels is None:
            return []
        runs = {name: places for name, places in shard.subjects().items() if name in expected}
        for subject, places in track(runs.items(), "scoring", len(runs), "subjects"):
            items = [shard.items[place] for place in places]
            maps = [answers.labels(place, shard.items[place]) for place in places]
            own = on_own_grids(maps, items, largest_component=reference.largest_component)
            truths = [shard.truth(place) for place in places]
            found = worth(metric, own, truths, items, answers.classes)
            scored.append(
                SubjectScore(
                    subject=subject,
                    split=items[0].split,
                    items=len(items),
                    figure=found.mean,
                    classes=found.classes,
                    reference_figure=expected[subject],
                    agreement=None,
                    flipped_pixels=0,
                )
            )
    return scored
