"""The file beside a graph: how it was made and how wrong its answers are, or why there is none."""

from pathlib import Path
from typing import Any

from segtrt.files import read_json, write_json

FORMAT = "segtrt-proof-1"


def write_made(path: Path, **known: Any) -> None:
    """Write what is known of a graph that was made, as JSON values."""
    write_json(path, {"format": FORMAT, "status": "made", **known})


def write_obstacle(path: Path, reason: str) -> None:
    """Write why there is no graph."""
    write_json(path, {"format": FORMAT, "status": "unsupported", "reason": reason})


def obstacle_of(proof: Path) -> str:
    """Why there is no such graph; empty if there is one.

    Raises:
        SegtrtError: the file is missing or damaged.
    """
    data = read_json(proof, "proof of a graph")
    return str(data["reason"]) if data.get("status") == "unsupported" else ""
