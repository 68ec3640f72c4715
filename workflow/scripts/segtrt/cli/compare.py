"""What `segtrt run` makes of one input's result: does it agree with the output beside the input?"""

from pathlib import Path

import numpy as np

from segtrt.arrays import Images, Outputs
from segtrt.cli.limits import Limits
from segtrt.errors import SegtrtError
from segtrt.graphs.samples import read_sample_output
from segtrt.quality.metrics import ErrorSums, dice
from segtrt.quality.scores import Errors
from segtrt.report.wording import number, percent


class Result:
    """What came out for one input, in every place of the batches that it took."""

    def __init__(self, path: Path, expected: Path | None, threshold: float) -> None:
        """Begin with nothing.

        Args:
            path: the input.
            expected: the output to compare with, or None if there is none.
            threshold: probability above which a pixel is in the mask.
        """
        self.path = path
        self.expected = expected
        self.mask_pixels = 0
        """Pixels above the threshold."""
        self.dice: float | None = None
        """Dice of the mask with the expected one; the lowest of all places."""
        self._threshold = threshold
        self._sums = ErrorSums(threshold)
        self._non_finite = 0
        self._input_non_finite = 0

    def look_at(self, image: Images) -> None:
        """Take in the input, (1, 3, 256, 256): some operators make numbers of what is none."""
        self._input_non_finite = int(np.count_nonzero(~np.isfinite(image)))

    def add(self, found: Outputs) -> None:
        """Take in what the engine gave in one place, (1, 256, 256).

        Raises:
            SegtrtError: the output to compare with cannot be read.
        """
        mask = found > self._threshold
        self.mask_pixels = int(np.count_nonzero(mask))
        self._non_finite += int(np.count_nonzero(~np.isfinite(found)))
        if self.expected is None:
            return
        reference = read_sample_output(self.expected)[0]
        if not np.isfinite(reference).all():
            raise SegtrtError(f"{self.expected} has values that are not finite; write it again")
        self._sums.add(reference, found)
        agreement = dice(reference > self._threshold, mask)
        self.dice = agreement if self.dice is None else min(self.dice, agreement)

    @property
    def errors(self) -> Errors | None:
        """Differences from the expected output; None if there is none."""
        return None if self.expected is None else self._sums.errors()

    def failures(self, limits: Limits) -> list[str]:
        """What is wrong with it, e.g. `error of a probability 0.3, limit 0.05`; empty if nothing.

        Values that are not finite are wrong even with nothing to compare with.
        """
        told = []
        if self._input_non_finite:
            told.append(f"{self._input_non_finite:,} values of the input itself are not finite")
        if self._non_finite:
            told.append(f"{self._non_finite:,} values are not finite")
        if errors := self.errors:
            atol, flipped = limits.max_abs_error, limits.flipped_fraction
            if atol is not None and not errors.max_abs_error <= atol:
                told.append(
                    f"error of a probability {number(errors.max_abs_error)}, limit {atol:g}"
                )
            if flipped is not None and not errors.flipped_fraction <= flipped:
                told.append(
                    f"{percent(errors.flipped_fraction)} of mask pixels flipped, limit "
                    f"{flipped * 100:g} %"
                )
        return told


def expected_output(path: Path) -> Path | None:
    """`output_0.pb` beside `input_0.pb`, and so on; None if it is not there."""
    if not path.name.startswith("input"):
        return None
    output = path.with_name("output" + path.name.removeprefix("input"))
    return output if output.is_file() else None
