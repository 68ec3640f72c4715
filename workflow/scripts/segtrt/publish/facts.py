"""What MLflow gets of a run: settings as parameters, figures as metrics.

Both come from the summary, which holds neither secrets nor folders of a home.
"""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from segtrt.package.requirements import library_version

LONGEST = 6000
"""Characters that MLflow takes of a parameter's value."""

_FIGURES = {
    "latency_ms": ("timing", "total", "median"),
    "images_per_second": ("timing", "images_per_second"),
    "speedup": ("speedup",),
    "quality": ("quality", "mean"),
    "quality_loss": ("quality", "loss"),
    "flipped_fraction": ("errors", "flipped_fraction"),
    "relative_rms": ("errors", "relative_rms"),
    "build_ms": ("build_ms",),
    "engine_bytes": ("engine_bytes",),
}
"""Metric of an engine -> where its entry in the summary has it."""


@dataclass(frozen=True)
class RunFacts:
    """A run as MLflow shows it."""

    name: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]


def facts_of(summary: Mapping[str, Any]) -> RunFacts:
    """Parameters, metrics and tags of a run.

    Args:
        summary: as `segtrt.summary.document.read_summary` gives it.

    Returns:
        Metrics are named `{runtime}/b{batch}_{precision}/{figure}`, with `.` before a machine's
        name, as MLflow takes no `@`. Those of the recommended engine stand under `recommended` as
        well, so that runs can be compared. What an engine has no figure for is left out.
    """
    chosen = summary["recommendation"]["engine"]
    metrics: dict[str, float] = {}
    for engine in summary["engines"]:
        figures = dict(_figures(engine))
        metrics |= {f"{shown_name(engine['name'])}/{key}": figures[key] for key in figures}
        if engine["name"] == chosen:
            metrics |= {f"recommended/{key}": figures[key] for key in figures}
    quality = summary["reference"]["quality"]
    if quality is not None and quality["mean"] is not None:
        metrics["reference/quality"] = quality["mean"]
    verdicts = Counter(engine["verdict"] for engine in summary["engines"])
    metrics |= {f"engines/{verdict}": float(count) for verdict, count in verdicts.items()}
    tags = {
        "segtrt.version": library_version(),
        "segtrt.recommended": chosen or "none",
        "segtrt.metric": summary["metric"]["name"],
    }
    network, source = summary["model"]["source"], summary["dataset"]["source"]
    return RunFacts(f"{network} on {source}", dict(_params(summary)), metrics, tags)


def shown_name(engine: str) -> str:
    """An engine's name in MLflow's letters."""
    return engine.replace("@", ".")


def _figures(engine: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    for name, path in _FIGURES.items():
        value: Any = engine
        for key in path:
            value = None if value is None else value[key]
        if value is not None:
            yield name, float(value)


def _params(summary: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The settings, and what a run rests on that none of them says."""
    yield from _flat("", summary["config"])
    yield "network.weights_sha256", str(summary["model"]["weights_sha256"])
    for machine in summary["machines"]:
        name = ".".join(part for part in ("machine", machine["name"]) if part)
        yield from _flat(name, machine["facts"])


def _flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
    """A value as parameters, one for each leaf of objects whose keys MLflow takes."""
    if isinstance(value, Mapping) and value and all(re.fullmatch(r"[\w-]+", key) for key in value):
        for key, entry in value.items():
            yield from _flat(f"{name}.{key}" if name else key, entry)
        return
    text = value if isinstance(value, str) else json.dumps(value, sort_keys=True)
    yield name, text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
