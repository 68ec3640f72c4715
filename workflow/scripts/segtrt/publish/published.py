"""The file that says which run of MLflow has what: `results/published.json`."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from segtrt.files import write_json

FORMAT = "segtrt-published-1"


@dataclass(frozen=True)
class Published:
    """A run that was published."""

    tracking: str
    """Where, as it may be shown."""
    experiment: str
    run_id: str
    content: str
    """SHA-256 of parameters, metrics and files; the run's tag `segtrt.content`."""
    params: int
    metrics: int
    files: Mapping[str, int]
    """Bytes of each file, by its path in the run."""

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, {"format": FORMAT, **asdict(self)})
