"""Which region loses it: the network with one region in low precision, on the search subjects."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from segtrt.arrays import Images, Outputs
from segtrt.data.prepared import SEARCH, Prepared
from segtrt.engines.answering import ItemLabels
from segtrt.errors import SegtrtError
from segtrt.graphs.clean import read_graph
from segtrt.graphs.mixing import is_changed, mix
from segtrt.graphs.regions import Region
from segtrt.graphs.rounding import rounded
from segtrt.graphs.running import GraphRun
from segtrt.precision import Graph
from segtrt.progress import track
from segtrt.quality.answers import Answers
from segtrt.quality.errors import ErrorSums
from segtrt.quality.metric import Metric, find_metric
from segtrt.quality.reference_scores import ReferenceScores
from segtrt.quality.sensitivity import Loss, Method, Outcome, Sensitivity
from segtrt.quality.subject_labels import Map, on_own_grids, open_answers, refuse_non_finite
from segtrt.quality.worth import worth

if TYPE_CHECKING:
    import onnx

Run = Callable[[Images], Outputs]
"""Answers (n, classes, *output size) to patches (n, channels, *size)."""


@dataclass(frozen=True)
class Evidence:
    """What regions are judged on."""

    tensors: Sequence[Path]
    """Shards of prepared images (`segtrt.data.prepared`)."""
    reference: Sequence[Path]
    """The reference's answers (`segtrt.quality.answers`), in the same order."""
    scores: ReferenceScores
    """Its figures."""


def blame_region(
    source: Path,
    regions: Sequence[Region],
    number: int,
    *,
    graph: Graph,
    converted: Path | None,
    evidence: Evidence,
    obstacle: str = "",
) -> Sensitivity:
    """Judge one region in one precision.

    Quantised graphs are run through their own codes, fp16 and bf16 by rounding, in ONNX Runtime
    without optimisation: that shows the precision's own error on any machine, and is as near to
    engines as docs/precision_search.md tells.

    Args:
        source: the normalised float32 graph.
        regions: its regions.
        number: which one, from 0; there may be no such region.
        graph: the precision, by its graph.
        converted: that graph, for a quantised one.
        evidence: images and what the reference makes of them.
        obstacle: why there is no such graph; empty if there is one.

    Raises:
        SegtrtError: a file cannot be used, or there are no search subjects.
    """
    if number >= len(regions):
        return Sensitivity(graph, number, "", Outcome.EMPTY)
    region = regions[number]
    if obstacle:
        return Sensitivity(graph, number, region.name, Outcome.UNAVAILABLE, obstacle)
    model = read_graph(source)
    if graph.quantised is None:
        method, low = Method.ROUNDING, rounded(model, [region], graph.precision)
    else:
        if converted is None:
            raise SegtrtError(f"regions in {graph} are taken from that graph, and it is missing")
        method, made = Method.CODES, read_graph(converted)
        try:
            if not is_changed(model, region, graph, made):
                return Sensitivity(graph, number, region.name, Outcome.UNCHANGED)
            low = mix(model, regions, {graph: made}, {number: graph})
        except SegtrtError as error:
            return Sensitivity(graph, number, region.name, Outcome.UNAVAILABLE, str(error))
    loss = measure_loss(runner(low), evidence, f"{region.name} in {graph}")
    return Sensitivity(graph, number, region.name, Outcome.MEASURED, method=method, loss=loss)


def runner(model: "onnx.ModelProto") -> Run:
    """A graph in ONNX Runtime, operator by operator; one of a fixed batch is given full batches."""
    run = GraphRun(model, optimise=False)
    batch = model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or 1

    def answer(images: Images) -> Outputs:
        full = np.repeat(images, batch, axis=0) if batch > 1 else images
        outputs: Outputs = run(full)[::batch]
        return outputs

    return answer


def measure_loss(run: Run, evidence: Evidence, by: str) -> Loss:
    """What answers lose against the reference's on the search subjects.

    Args:
        run: gives them, one patch at a time.
        evidence: images and what the reference makes of them.
        by: who answers, for messages.

    Raises:
        SegtrtError: files do not belong together, or there are no search subjects.
    """
    metric = find_metric(evidence.scores.metric.name)
    theirs = {one.subject: one.figure for one in evidence.scores.subjects}
    judge = _Judge(run, metric, by, evidence.scores.largest_component)
    lost: list[float] = []
    subjects = 0
    for tensors, answers in zip(evidence.tensors, evidence.reference, strict=True):
        with open_answers(tensors, answers) as (shard, [reference]):
            refuse_non_finite(shard, reference)
            runs = {
                subject: places
                for subject, places in shard.subjects().items()
                if shard.items[places[0]].split == SEARCH
            }
            for subject, places in track(runs.items(), f"judging {by}", len(runs), "subjects"):
                subjects += 1
                own = judge.figure(shard, reference, places)
                known = theirs.get(subject)
                if own is not None and known is not None:
                    lost.append(known - own if metric.higher_is_better else own - known)
    if not subjects:
        raise SegtrtError(
            "no subject is set aside for the search; raise dataset.search_fraction or add subjects"
        )
    errors = judge.errors
    if not errors.patches:
        raise SegtrtError(
            "no raw output of a search subject was kept to compare with; raise validation.raw_mib"
        )
    found = errors.errors()
    return Loss(
        metric_loss=fmean(lost) if lost else None,
        flipped_fraction=found.flipped_fraction,
        relative_l2=found.relative_l2,
        non_finite=found.non_finite,
        subjects=subjects,
        pixels=found.pixels,
    )


@dataclass
class _Judge:
    """Runs subjects; their errors add up."""

    run: Run
    metric: Metric
    by: str
    largest_component: bool
    errors: ErrorSums = field(default_factory=ErrorSums)

    def figure(self, shard: Prepared, reference: Answers, places: Sequence[int]) -> float | None:
        """A subject's figure; None without ground truth.

        Args:
            shard: the shard it is in.
            reference: the reference's answers to it.
            places: of its items in the shard.
        """
        items = [shard.items[place] for place in places]
        maps = [self._labels(shard, reference, place) for place in places]
        if shard.labels is None:
            return None
        grids = on_own_grids(maps, items, largest_component=self.largest_component)
        truths = [shard.truth(place) for place in places]
        return worth(self.metric, grids, truths, items, reference.classes).mean

    def _labels(self, shard: Prepared, reference: Answers, place: int) -> Map:
        """An item's labels, before components are dropped."""
        item = shard.items[place]
        kept = {row: number for number, row in enumerate(reference.rows)}
        answer = None
        for row in item.rows:
            outputs = self.run(shard.images(row, row + 1))
            answer = answer or ItemLabels(item, outputs.shape[1:], reference.decoder, self.by)
            answer.add(outputs[0])
            if row in kept:
                self.errors.add(reference.outputs(kept[row], kept[row] + 1), outputs)
        assert answer is not None, "an item has at least one patch"
        labels = answer.labels()
        self.errors.add_labels(reference.labels(place, item), labels, answer.non_finite)
        return labels
