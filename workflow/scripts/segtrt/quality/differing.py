"""How far the answers of two engines lie apart, shard by shard."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from segtrt.data.prepared import Prepared
from segtrt.quality.answers import Answers
from segtrt.quality.errors import ErrorSums
from segtrt.quality.scores import Errors
from segtrt.quality.subject_labels import open_answers

_BYTES_AT_ONCE = 64 * 2**20


class Differences:
    """What the shards add up to. Evaluation subjects count, as in an engine's own errors."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self._evaluation, self._others = ErrorSums(), ErrorSums()
        self._equal = {True: 0, False: 0}

    def add(self, tensors: Path, first: Path, second: Path) -> None:
        """Add a shard.

        Args:
            tensors: prepared images.
            first: one engine's answers (`segtrt.quality.answers`), which are compared with.
            second: the other's.

        Raises:
            SegtrtError: a file cannot be read, or they do not belong together.
        """
        with open_answers(tensors, first, second) as (shard, (one, other)):
            for place, item in enumerate(shard.items):
                self._sums(item.split == "evaluation").add_labels(
                    one.labels(place, item), other.labels(place, item), other.non_finite[place]
                )
            self._add_outputs(shard, one, other)

    def _sums(self, evaluation: bool) -> ErrorSums:
        return self._evaluation if evaluation else self._others

    def _add_outputs(self, shard: Prepared, one: Answers, other: Answers) -> None:
        if not one.rows:
            return
        evaluated = [item.split == "evaluation" for item in shard.items for _ in item.rows]
        step = max(1, _BYTES_AT_ONCE // one.outputs(0, 1).nbytes)
        for start in range(0, len(one.rows), step):
            expected, actual = (each.outputs(start, start + step) for each in (one, other))
            own = np.array([evaluated[row] for row in one.rows[start : start + step]])
            same = _same_bytes(expected, actual)
            for evaluation in (True, False):
                chosen = own == evaluation
                # The sums compare with finite values alone; `add_labels` counts the others.
                finite = np.where(np.isfinite(expected[chosen]), expected[chosen], np.float32(0))
                self._sums(evaluation).add(finite, actual[chosen])
                self._equal[evaluation] += int(np.count_nonzero(same & chosen))

    def figures(self) -> tuple[Errors, int]:
        """The second's errors against the first, and the patches whose outputs are the same bytes.

        Of evaluation subjects; where a small budget kept raw outputs of others alone, of all.
        """
        if self._evaluation.patches:
            return self._evaluation.errors(), self._equal[True]
        both = self._evaluation.merged(self._others)
        return both.errors(), sum(self._equal.values())


def _same_bytes(one: NDArray[np.float32], other: NDArray[np.float32]) -> NDArray[np.bool_]:
    """By patch, whether two outputs, (patches, channels, *size) each, are the same bytes."""
    first, second = (
        np.ascontiguousarray(each).view(np.uint32).reshape(len(each), -1) for each in (one, other)
    )
    return np.array([np.array_equal(*rows) for rows in zip(first, second, strict=True)], np.bool_)
