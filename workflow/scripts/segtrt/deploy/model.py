"""A proven engine as a function from arrays to labels, for a service of one's own."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from segtrt.arrays import Images
from segtrt.data.labels import Labels
from segtrt.data.prepared import PreparedItem
from segtrt.deploy.arrays import prepare_array
from segtrt.deploy.proven import Proven, open_proven
from segtrt.engines.answering import ItemLabels
from segtrt.engines.load import open_engine
from segtrt.errors import SegtrtError
from segtrt.runtimes.base import Session


class Model:
    """A loaded engine; `load` makes it. Use it from one thread at a time."""

    def __init__(self, proven: Proven, session: Session, held: ExitStack) -> None:
        """Take what `load` opened; `held` is closed with the model."""
        self._proven, self._session, self._held = proven, session, held

    @property
    def labels(self) -> Labels:
        """The classes: `names` of labels 1, 2, ...; `decode` gives the values that files have."""
        return self._proven.segmentation.labels

    def __call__(
        self, image: NDArray[Any], spacing: Sequence[float] | None = None
    ) -> NDArray[np.uint8]:
        """Segment one image.

        Args:
            image: (channels, *size) as a file holds it, not normalised: any type of real number,
                2-D or 3-D as the engine was proven on; of one channel also (*size). Where a
                subject's slices are normalised as one volume, (channels, slices, rows, columns).
            spacing: mm along each axis of `size`; needed if images are resampled.

        Returns:
            (*size) uint8: 0 background, 1 to C the classes.

        Raises:
            SegtrtError: the network is for other images, or the image or the engine's outputs have
                values that are not finite.
        """
        proven = self._proven
        segmentation, record = proven.segmentation, proven.record
        size = segmentation.network.dimensions + (segmentation.preparation.axis is not None)
        if segmentation.network.channels == 1 and image.ndim == size:
            image = image[np.newaxis]
        prepared, patches = prepare_array(segmentation, image, spacing)
        item = PreparedItem(
            subject="image",
            name="image",
            split="evaluation",
            source={},
            placement=prepared.placement,
            patches=patches,
            spacing=None,
            has_truth=False,
        )
        found = ItemLabels(item, record.settings.output, segmentation.decoder, record.name)
        cut = patches.cut(prepared.image)
        for outputs in self._session.run_batches(_batches(cut, self._session.batch_size)):
            for output in outputs:
                found.add(output)
        if found.non_finite:
            raise SegtrtError(
                f"engine {record.name} answers with {found.non_finite} values that are not finite; "
                "use another precision"
            )
        labels = segmentation.decoder.finish(found.labels())
        restored: NDArray[np.uint8] = prepared.placement.restore(labels)
        return restored

    def close(self) -> None:
        """Free the engine."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load(place: str | Path, threads: int | None = None) -> Model:
    """Load a proven engine.

    Args:
        place: its folder in the results of a run, or a package's folder or zip.
        threads: CPU threads of a CPU engine, None for all cores.

    Raises:
        SegtrtError: it is missing or damaged, or does not fit this machine.
    """
    with ExitStack() as opened:
        proven = opened.enter_context(open_proven(Path(place)))
        session = opened.enter_context(open_engine(proven.engine, proven.record, threads=threads))
        return Model(proven, session, opened.pop_all())


def _batches(patches: Iterator[NDArray[np.float32]], size: int) -> Iterator[Images]:
    batch: list[NDArray[np.float32]] = []
    for patch in patches:
        batch.append(patch)
        if len(batch) == size:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)
