"""What `segtrt run` makes of one input's result: does it agree with the output beside the input?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from segtrt.config.resolve import resolve_config
from segtrt.errors import SegtrtError
from segtrt.graphs.samples import read_sample_output
from segtrt.precision import Precision
from segtrt.quality.metrics import Errors, ErrorSums, dice
from segtrt.report.wording import number, percent
from segtrt.runtimes.base import Images, Probabilities


@dataclass(frozen=True)
class Limits:
    """What a result may differ by from the output beside its input; None is not looked at."""

    max_abs_error: float | None
    """Largest absolute error of a probability."""
    flipped_fraction: float | None
    """Largest share of an input's mask pixels that differ."""
    threshold: float
    """Probability above which a pixel is in the mask."""

    @classmethod
    def of(cls, precision: Precision, atol: float | None, max_flipped: float | None) -> "Limits":
        """The limits asked for; if none is, the default tolerances of the precision.

        Of those `max_abs_error` alone is taken where there is one: a single pixel that happens to
        lie on the threshold says nothing about so close an engine.
        """
        validation = resolve_config({}).validation
        if atol is None and max_flipped is None:
            tolerance = validation.tolerances[precision]
            atol = tolerance["max_abs_error"]
            max_flipped = tolerance["flipped_fraction"] if atol is None else None
        return cls(atol, max_flipped, validation.threshold)

    def __str__(self) -> str:
        told = []
        if self.max_abs_error is not None:
            told.append(f"error of a probability at most {self.max_abs_error:g}")
        if self.flipped_fraction is not None:
            told.append(f"at most {self.flipped_fraction * 100:g} % of mask pixels flipped")
        return ", ".join(told)


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

    def add(self, found: Probabilities) -> None:
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
