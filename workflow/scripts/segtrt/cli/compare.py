"""What `segtrt run` makes of one input's result: does it agree with the output beside the input?"""

from pathlib import Path

import numpy as np

from segtrt.arrays import Outputs
from segtrt.errors import SegtrtError
from segtrt.graphs.samples import read_sample_output
from segtrt.quality.decode import Decoder
from segtrt.quality.errors import ErrorSums
from segtrt.quality.means import mean_figure
from segtrt.quality.metric import METRICS
from segtrt.quality.sample_limits import SampleLimits
from segtrt.quality.scores import Errors
from segtrt.report.wording import number, percent


class Result:
    """What came out for one input, in every place of the batches that it took."""

    def __init__(self, path: Path, expected: Path | None, decoder: Decoder) -> None:
        """Begin with nothing.

        Args:
            path: the input.
            expected: the output to compare with, or None if there is none.
            decoder: how outputs become labels.
        """
        self.path = path
        self.expected = expected
        self.mask_pixels = 0
        """Pixels of any class."""
        self.dice: float | None = None
        """Mean Dice of the classes with those expected; the lowest of all places."""
        self._decoder = decoder
        self._sums = ErrorSums()
        self._non_finite = 0

    def add(self, found: Outputs) -> None:
        """Take in what the engine gave in one place, (channels, *size).

        Raises:
            SegtrtError: the output to compare with cannot be read.
        """
        wrong = ~np.isfinite(found)
        labels = self._decoder.labels(np.where(wrong, np.float32(0), found), str(self.path))
        labels = np.where(wrong.any(axis=0), np.uint8(0), labels)
        self.mask_pixels = int(np.count_nonzero(labels))
        self._non_finite += int(np.count_nonzero(wrong))
        if self.expected is None:
            return
        reference = read_sample_output(self.expected, found.shape)[0]
        if not np.isfinite(reference).all():
            raise SegtrtError(f"{self.expected} has values that are not finite; write it again")
        expected = self._decoder.labels(reference, str(self.expected))
        self._sums.add(reference[np.newaxis], found[np.newaxis])
        self._sums.add_labels(expected, labels)
        agreement = mean_figure(
            METRICS["dice"].figures(labels, expected, self._decoder.classes(len(found)))
        )
        if agreement is not None:
            self.dice = agreement if self.dice is None else min(self.dice, agreement)

    @property
    def errors(self) -> Errors | None:
        """Differences from the expected output; None if there is none."""
        return None if self.expected is None else self._sums.errors()

    def failures(self, limits: SampleLimits) -> list[str]:
        """What is wrong with it, e.g. `error of an output 0.3, limit 0.05`; empty if nothing.

        Values that are not finite are wrong even with nothing to compare with.
        """
        problems = []
        if self._non_finite:
            problems.append(f"{self._non_finite:,} values are not finite")
        if errors := self.errors:
            for what, value, limit in (
                ("error of an output", errors.max_abs_error, limits.max_abs_error),
                ("relative error of the outputs", errors.relative_rms, limits.relative_rms),
            ):
                if limit is not None and not value <= limit:
                    problems.append(f"{what} {number(value)}, limit {limit:g}")
            flipped = limits.flipped_fraction
            if flipped is not None and not errors.flipped_fraction <= flipped:
                problems.append(
                    f"{percent(errors.flipped_fraction)} of pixels flipped, limit "
                    f"{flipped * 100:g} %"
                )
        return problems


def expected_output(path: Path) -> Path | None:
    """`output_0.pb` beside `input_0.pb`, and so on; None if it is not there."""
    if not path.name.startswith("input"):
        return None
    output = path.with_name("output" + path.name.removeprefix("input"))
    return output if output.is_file() else None
