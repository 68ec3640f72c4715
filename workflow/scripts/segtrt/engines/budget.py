"""How long a timing may take."""

from dataclasses import dataclass


@dataclass(frozen=True)
class TimingBudget:
    """When the timing of one batch ends."""

    iterations: int
    """Timed runs, at least 1."""
    max_seconds: float | None
    """Stop after this many seconds once 5 runs, or `iterations` if fewer, are done; None never
    stops early."""
    warmup_max_seconds: float
    """Longest warm-up, in seconds."""

    def shared_by(self, count: int) -> "TimingBudget":
        """An equal share of the seconds for each of so many; the runs stay."""
        seconds = None if self.max_seconds is None else self.max_seconds / count
        return TimingBudget(self.iterations, seconds, self.warmup_max_seconds / count)
