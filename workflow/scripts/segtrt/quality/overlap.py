"""Counts of pixels by label in prediction and truth; they add up over slices and patches."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Overlap:
    """Pixels by label, added piece by piece; memory is that of a table of classes."""

    def __init__(self, classes: int, ignored: int | None = None) -> None:
        """Begin at zero.

        Args:
            classes: the highest label, 1 to 255.
            ignored: value of the truth where nothing is counted.
        """
        self._labels = classes + 1
        self._ignored = ignored
        self._table = np.zeros((self._labels, self._labels), np.int64)

    def add(self, prediction: NDArray[np.uint8], truth: NDArray[np.uint8]) -> None:
        """Count the pixels of a piece: a patch, a slice or a whole volume.

        Args:
            prediction: labels, any shape, 0 to `classes`.
            truth: labels of that shape and range, or `ignored`.

        Raises:
            ValueError: shapes differ, or a label is above `classes`.
        """
        if prediction.shape != truth.shape:
            raise ValueError(
                f"labels of one shape expected, got {prediction.shape} and {truth.shape}"
            )
        if self._ignored is not None:
            seen = truth != self._ignored
            prediction, truth = prediction[seen], truth[seen]
        for name, labels in (("prediction", prediction), ("truth", truth)):
            highest = int(labels.max(initial=0))
            if highest >= self._labels:
                raise ValueError(f"{name} has the label {highest}, at most {self._labels - 1}")
        pairs: NDArray[Any] = truth.astype(np.intp).ravel() * self._labels + prediction.ravel()
        counted = np.bincount(pairs, minlength=self._table.size)
        self._table += counted.reshape(self._table.shape)

    def counts(self) -> Iterator[tuple[int, int, int]]:
        """For labels 1 to `classes`: pixels in both, in the prediction, in the truth."""
        for label in range(1, self._labels):
            yield (
                int(self._table[label, label]),
                int(self._table[:, label].sum()),
                int(self._table[label].sum()),
            )
