"""Which engine to use for a number of slices, given what each engine's batch takes."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from segtrt.errors import SegtrtError


@dataclass(frozen=True)
class MeasuredEngine:
    """An engine and the latency of one batch on it."""

    name: str
    batch_size: int
    """Slices that one run takes; a run with fewer slices takes as long."""
    latency_ms: float
    """Median latency of one batch, copies included."""


@dataclass(frozen=True)
class Cover:
    """Runs that together take a number of slices."""

    runs: tuple[tuple[MeasuredEngine, int], ...]
    """Each engine with its number of runs, the largest batches first."""
    slices: int
    latency_ms: float
    """Sum over all runs, one after the other."""

    @property
    def padding(self) -> int:
        """Places in the batches that no slice fills."""
        return sum(engine.batch_size * count for engine, count in self.runs) - self.slices


def best_engine(engines: Sequence[MeasuredEngine], slices: int) -> Cover:
    """The one engine that takes `slices` slices in the shortest time, and how often it runs.

    Of two that take equally long, the one with less padding is chosen, then the first by name.

    Raises:
        SegtrtError: no engine, or no slice, or an engine's figures make no sense.
    """
    _check(engines, slices)
    covers = []
    for engine in engines:
        count = -(-slices // engine.batch_size)
        covers.append(Cover(((engine, count),), slices, count * engine.latency_ms))
    return min(covers, key=lambda cover: (cover.latency_ms, cover.padding, cover.runs[0][0].name))


def cheapest_cover(engines: Sequence[MeasuredEngine], slices: int) -> Cover:
    """The runs, of any of the engines, that take `slices` slices in the shortest time.

    Dynamic programming over the number of slices: the last run is one of the engines, and what it
    leaves is covered as cheaply as can be. Takes `slices` x number of engines steps. Of covers that
    take equally long, the one with the fewest runs is chosen.

    Raises:
        SegtrtError: no engine, or no slice, or an engine's figures make no sense.
    """
    _check(engines, slices)
    ordered = sorted(engines, key=lambda engine: (-engine.batch_size, engine.name))
    # Per number of slices: (time, runs) of its cheapest cover, and which engine runs last in it.
    cost = [(0.0, 0)]
    last = [-1]
    for count in range(1, slices + 1):
        candidates = []
        for index, engine in enumerate(ordered):
            time, runs = cost[max(0, count - engine.batch_size)]
            candidates.append((time + engine.latency_ms, runs + 1, index))
        time, runs, index = min(candidates)
        cost.append((time, runs))
        last.append(index)
    chosen: Counter[int] = Counter()
    left = slices
    while left > 0:
        chosen[last[left]] += 1
        left -= ordered[last[left]].batch_size
    cover = tuple((ordered[index], chosen[index]) for index in sorted(chosen))
    return Cover(cover, slices, sum(engine.latency_ms * count for engine, count in cover))


def _check(engines: Sequence[MeasuredEngine], slices: int) -> None:
    if not engines:
        raise SegtrtError("no engine to choose from: none was built and timed")
    if slices < 1:
        raise SegtrtError(f"cannot choose an engine for {slices} slices; give 1 or more")
    for engine in engines:
        if engine.batch_size < 1 or not 0 < engine.latency_ms < float("inf"):
            raise SegtrtError(
                f"engine {engine.name} has batch size {engine.batch_size} and a latency of "
                f"{engine.latency_ms} ms; both must be above zero; time it again"
            )
