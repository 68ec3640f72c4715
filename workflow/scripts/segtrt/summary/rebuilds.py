"""The summary's rebuilds: how far an engine that is built again is from the one that was proven."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrt.engines.rebuild_file import Rebuild, read_rebuild
from segtrt.quality.rebuild_scores import RebuildScores, read_rebuild_scores

Json = dict[str, Any]


@dataclass(frozen=True)
class RebuildFiles:
    """Files of rebuilds, in `{engine's name}/{number}/`."""

    rebuilds: Sequence[Path] = ()
    """`segtrt.engines.rebuild_file`."""
    scores: Sequence[Path] = ()
    """`segtrt.quality.rebuild_scores`, in the same order."""


NO_REBUILDS = RebuildFiles()

_RANGES = (
    *("build_ms", "latency_ms", "proven_latency_ms", "relative_l2", "flipped_fraction"),
    "metric_loss",
)
"""Figures of which the lowest and the highest of all builds are stated."""


def rebuild_entries(files: RebuildFiles) -> dict[str, Json]:
    """By the name of an engine, what its rebuilds came to; no entry for one without any.

    Raises:
        SegtrtError: a file is missing or of another format.
    """
    builds: dict[str, list[tuple[Rebuild, RebuildScores]]] = {}
    for rebuild, scores in zip(files.rebuilds, files.scores, strict=True):
        *_, place, cell, _, _ = rebuild.parts
        both = read_rebuild(rebuild), read_rebuild_scores(scores)
        builds.setdefault(f"{place}/{cell}", []).append(both)
    return {name: rebuild_entry(own) for name, own in builds.items()}


def rebuild_entry(rebuilds: Sequence[tuple[Rebuild, RebuildScores]]) -> Json:
    """What the rebuilds of one engine came to, in the order of their numbers."""
    builds = [_build(number, *both) for number, both in enumerate(rebuilds, 1)]
    made = [one for one in builds if not one["reason"]]
    return {
        "asked": len(builds),
        "built": len(made),
        "same_bytes": sum(one["same_bytes"] for one in made),
        "patches": sum(one["patches"] for one in made),
        "equal_patches": sum(one["equal_patches"] for one in made),
        "stable": all(one["stable"] for one in made),
        **{name: _range(one[name] for one in made) for name in _RANGES},
        "builds": builds,
    }


def _build(number: int, rebuild: Rebuild, scores: RebuildScores) -> Json:
    built, quality = rebuild.built, scores.quality
    return {
        "number": number,
        "reason": rebuild.reason,
        "engine_sha256": built.engine_sha256 if built else None,
        "engine_bytes": built.engine_bytes if built else None,
        "same_bytes": built.same_bytes if built else None,
        "build_ms": built.build_ms if built else None,
        "latency_ms": built.latency.median_ms if built else None,
        "proven_latency_ms": built.proven_latency.median_ms if built else None,
        "stable": built.latency.stable and built.proven_latency.stable if built else None,
        "patches": built.errors.patches if built else None,
        "equal_patches": built.equal_patches if built else None,
        "relative_l2": built.errors.relative_l2 if built else None,
        "max_abs_error": built.errors.max_abs_error if built else None,
        "flipped_fraction": built.errors.flipped_fraction if built else None,
        "non_finite": built.errors.non_finite if built else None,
        "metric": quality.mean if quality else None,
        "metric_loss": quality.loss if quality else None,
    }


def _range(values: Iterable[float | None]) -> Mapping[str, float] | None:
    known = [value for value in values if value is not None]
    return {"low": min(known), "high": max(known)} if known else None
