"""New images segmented by a proven engine: read, run, decoded and written side by side.

One thread runs the engine; others read and prepare the next images, put answers together, and write
masks. Each hands over to the next through a queue of a few entries, so memory stays bounded however
many images there are.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segtrt.arrays import Images, Outputs
from segtrt.data.formats.read import read_image
from segtrt.data.prepared import PreparedItem
from segtrt.deploy.outputs import Target
from segtrt.deploy.overlay import overlay_png
from segtrt.deploy.probabilities import probabilities_of
from segtrt.deploy.proven import Proven
from segtrt.deploy.reading import Ready, Unit, batches_of, read_ahead
from segtrt.engines.answering import ItemLabels
from segtrt.errors import SegtrtError
from segtrt.files import replacing, write_bytes
from segtrt.machine.cpu import available_cores
from segtrt.progress import track
from segtrt.quality.masks import write_masks
from segtrt.quality.subject_labels import on_own_grids
from segtrt.runtimes.base import Session

Values = NDArray[np.float32]
"""(classes, *grid), or (classes, *size) on an image's own grid."""

_BATCHES_AHEAD = 4
"""Batches whose answers wait to be put together."""

_MOST_THREADS = 8
"""That read, and that write; more than these wait for each other."""


@dataclass
class _Group:
    """Images whose masks are made together."""

    targets: Sequence[Target]
    """In the order of the images; a stack's slices are one unit."""
    missing: int
    """Units that have not been answered yet."""
    done: list["_Answer"] = field(default_factory=list)


@dataclass(frozen=True)
class _Answer:
    """What the engine makes of a unit."""

    item: PreparedItem
    labels: NDArray[np.uint8]
    """(*grid)."""
    outputs: Values | None
    """(classes, *grid), if they are wanted."""
    non_finite: int


@dataclass
class Report:
    """What became of the images."""

    written: int = 0
    """Masks."""
    faults: list[str] = field(default_factory=list)
    """A line for each image, or for the images of a subject, that has none."""


def predict(
    proven: Proven,
    session: Session,
    groups: Sequence[Sequence[Target]],
    folder: Path,
    report: Report,
) -> None:
    """Segment images and write their masks; what cannot be read is reported, and the rest done.

    Args:
        proven: the engine.
        session: it, loaded.
        groups: the images; of each group masks are made together, or none.
        folder: the folder of predictions, which `groups` name files of.
        report: gets what became of them, also if the work ends early.

    Raises:
        OSError: a file cannot be written.
    """
    _Pipeline(proven, session, groups, folder, report).run()


class _Pipeline:
    def __init__(
        self,
        proven: Proven,
        session: Session,
        groups: Sequence[Sequence[Target]],
        folder: Path,
        report: Report,
    ) -> None:
        self._record, self._segmentation = proven.record, proven.segmentation
        self._session, self._folder, self._report = session, folder, report
        stacks = self._segmentation.stacks
        self._groups = [_Group(targets, 1 if stacks else len(targets)) for targets in groups]
        self._units = [
            Unit(tuple(one.item for one in part), place)
            for place, targets in enumerate(groups)
            for part in ([targets] if stacks else [[target] for target in targets])
        ]
        self._open: ItemLabels | None = None
        self._writes: deque[Future[int]] = deque()

    def run(self) -> None:
        """Do all of it."""
        threads = max(1, min(_MOST_THREADS, available_cores() // 2))
        total = sum(len(group.targets) for group in self._groups)
        with (
            ThreadPoolExecutor(threads, "read") as reading,
            ThreadPoolExecutor(1, "decode") as decoding,
            ThreadPoolExecutor(threads, "write") as writing,
        ):
            try:
                for _ in track(
                    self._images(reading, decoding, writing, threads),
                    "predicting",
                    total,
                    "images",
                ):
                    pass
            except BaseException:
                for pool in (reading, decoding, writing):
                    pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _images(
        self,
        reading: ThreadPoolExecutor,
        decoding: ThreadPoolExecutor,
        writing: ThreadPoolExecutor,
        threads: int,
    ) -> Iterator[int]:
        """Once for each image that is done with."""
        size = self._session.batch_size
        volumes = self._segmentation.network.dimensions == 3 or self._segmentation.stacks
        ahead = 2 if volumes else threads + 2 * size
        owners: deque[list[Ready]] = deque()

        def batches() -> Iterator[Images]:
            units = read_ahead(reading, self._units, self._segmentation, ahead)
            for images, whose in batches_of(self._readable(units), size):
                owners.append(whose)
                yield images

        pending: deque[Future[int]] = deque()
        for outputs in self._session.run_batches(batches()):
            take = partial(self._take, outputs, owners.popleft(), writing, 2 * threads)
            pending.append(decoding.submit(take))
            while len(pending) > _BATCHES_AHEAD:
                yield from range(pending.popleft().result())
        while pending:
            yield from range(pending.popleft().result())
        while self._writes:
            yield from range(self._count(self._writes.popleft()))

    def _readable(self, units: Iterable[tuple[Unit, Ready | str]]) -> Iterator[Ready]:
        """Units that could be read; of a group with another one, none that follows it."""
        spoilt: set[int] = set()
        for unit, found in units:
            group = self._groups[unit.group]
            if isinstance(found, str):
                others = len(group.targets) - len(unit.items)
                siblings = f"; its subject's {others} other images have no mask either" * bool(
                    others
                )
                self._report.faults.append(found + siblings)
                spoilt.add(unit.group)
            elif unit.group not in spoilt:
                yield found

    def _take(
        self,
        outputs: Outputs,
        owners: Sequence[Ready],
        writing: ThreadPoolExecutor,
        most_writes: int,
    ) -> int:
        """Put a batch's answers together; returns how many images are done with meanwhile."""
        done = 0
        for ready, output in zip(owners, outputs, strict=True):
            if self._open is None:
                self._open = ItemLabels(
                    ready.item,
                    self._record.settings.output,
                    self._segmentation.decoder,
                    self._record.name,
                    keep=self._wants_probabilities,
                )
            labels = self._open
            labels.add(output)
            if not labels.done:
                continue
            group = self._groups[ready.unit.group]
            kept = labels.outputs() if self._wants_probabilities else None
            group.done.append(_Answer(ready.item, labels.labels(), kept, labels.non_finite))
            group.missing -= 1
            self._open = None
            if not group.missing:
                self._writes.append(writing.submit(self._write, group))
            while len(self._writes) > most_writes:
                done += self._count(self._writes.popleft())
        return done

    @property
    def _wants_probabilities(self) -> bool:
        return any(target.probabilities for group in self._groups[:1] for target in group.targets)

    def _count(self, write: Future[int]) -> int:
        written = write.result()
        self._report.written += written
        return written

    def _write(self, group: _Group) -> int:
        """Write a group's masks; returns how many, none where the group has a fault."""
        answers, group.done = group.done, []
        try:
            self._write_answers(group.targets, answers)
        except SegtrtError as error:
            self._report.faults.append(str(error))
            return 0
        return len(group.targets)

    def _write_answers(self, targets: Sequence[Target], answers: Sequence[_Answer]) -> None:
        first = targets[0].item
        wrong = sum(answer.non_finite for answer in answers)
        if wrong:
            raise SegtrtError(
                f"{first.root / first.images[0]}: engine {self._record.name} answers with {wrong} "
                "values that are not finite; use another precision"
            )
        own = on_own_grids(
            [answer.labels for answer in answers],
            [answer.item for answer in answers],
            largest_component=self._segmentation.decoder.largest_component,
        )
        found = [self._probabilities(answer) for answer in answers]
        for target, one, probabilities in self._by_target(targets, own, found):
            if target.probabilities is not None and probabilities is not None:
                with replacing(target.probabilities) as path, path.open("wb") as handle:
                    np.save(handle, probabilities)
            if target.overlay is not None:
                image = read_image(target.item).array
                write_bytes(target.overlay, overlay_png(image, one))
        for answer, one in zip(answers, own, strict=True):
            write_masks(one, answer.item, first.root, self._folder, self._segmentation.labels)

    def _by_target(
        self,
        targets: Sequence[Target],
        maps: Sequence[NDArray[np.uint8]],
        found: Sequence[Values | None],
    ) -> Iterator[tuple[Target, NDArray[np.uint8], Values | None]]:
        """Each image with its own labels and, if wanted, probabilities."""
        if self._segmentation.stacks:
            (volume,), (values,) = maps, found
            maps = list(volume)
            found = [None if values is None else values[:, at] for at in range(len(volume))]
        yield from zip(targets, maps, found, strict=True)

    def _probabilities(self, answer: _Answer) -> Values | None:
        """Probabilities on an item's own grid, (classes, *size) float32."""
        if answer.outputs is None:
            return None
        decoder = self._segmentation.decoder
        outputs = answer.item.placement.restore(answer.outputs, decoder.background)
        return probabilities_of(outputs, decoder)
