"""The file of a rebuilt engine's scores: what its labels are worth against ground truth."""

from dataclasses import asdict, dataclass
from pathlib import Path

from segtrt.files import write_json
from segtrt.formats import read_format
from segtrt.quality.scores import MetricFacts, Quality

FORMAT = "segtrt-rebuild-scores-1"


@dataclass(frozen=True)
class RebuildScores:
    """A rebuilt engine's scores."""

    engine: str
    """Name of the engine that was built once more."""
    metric: MetricFacts
    quality: Quality | None = None
    """The metric over the evaluation subjects; None without ground truth, or if nothing was
    built."""

    def write(self, path: Path) -> None:
        """Write the scores as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})


def read_rebuild_scores(path: Path) -> RebuildScores:
    """Read what `score_rebuild` wrote.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    return read_format(path, RebuildScores, what="rebuild's score file", tag=FORMAT)
