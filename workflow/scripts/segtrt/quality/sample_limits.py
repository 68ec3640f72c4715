"""What an engine's answers to a few sample inputs may differ by: tolerances without a data set."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from segtrt.quality.scores import Errors


@dataclass(frozen=True)
class SampleLimits:
    """What an engine's answers to all samples together may differ by; None is not looked at."""

    max_abs_error: float | None
    """Largest absolute error of an output value."""
    relative_rms: float | None
    """Root mean square of the difference, over the standard deviation of the outputs expected."""
    flipped_fraction: float | None
    """Share of pixels whose label differs."""

    def broken(self, errors: Errors) -> list[str]:
        """What of it was not kept, e.g. `relative error 0.3, limit 0.001`; empty if all was.

        Answers that are not finite never do.
        """
        problems = []
        if errors.non_finite:
            problems.append(f"{errors.non_finite:,} values are not finite")
        for what, value, limit in (
            ("largest error", errors.max_abs_error, self.max_abs_error),
            ("relative error", errors.relative_rms, self.relative_rms),
            ("share of flipped pixels", errors.flipped_fraction, self.flipped_fraction),
        ):
            if limit is not None and not value <= limit:
                problems.append(f"{what} {value:.3g}, limit {limit:g}")
        return problems

    @classmethod
    def of(cls, tolerance: Mapping[str, float | None]) -> Self:
        """What the tolerances of an engine's precision come to for a few samples.

        Shares of flipped pixels are for a whole data set; a pixel that happens to lie on the
        threshold says nothing about a few images. So they are taken where nothing else is limited.

        Args:
            tolerance: figure -> limit, as in `validation.tolerances`.
        """
        error, spread = tolerance.get("max_abs_error"), tolerance.get("relative_rms")
        flipped = tolerance.get("flipped_fraction") if error is spread is None else None
        return cls(error, spread, flipped)
