"""What regions of a made-up network lose."""

from typing import Any

import numpy as np
from segtrt.precision import Graph

_NAMES = ("encoder1", "encoder2", "encoder3 to bottleneck", "decoder2", "decoder1", "conv <b>&amp;")


def example_search(rng: np.random.Generator) -> dict[str, Any]:
    """A search with every kind of cell: next to no loss, more than is allowed, none measured.

    Of its mixes one lowers most regions, and one none.
    """
    cells: list[dict[str, Any]] = []
    for lost in (0.0, 0.0004, 0.03, 0.002, -0.0003):
        loss = {
            "metric_loss": lost,
            "flipped_fraction": float(abs(lost) / 10 + rng.uniform(0, 1e-5)),
            "relative_l2": float(rng.uniform(0.001, 0.02)),
            **{"non_finite": 0, "subjects": 3, "pixels": 65536},
        }
        cells.append({"outcome": "measured", "reason": "", "method": "codes", "loss": loss})
    whole = {"reason": "", "method": None, "loss": None}
    cells.append({**whole, "outcome": "unchanged"})
    missing = {**whole, "outcome": "unavailable", "reason": "nvidia-modelopt is not installed"}
    return {
        "subjects": 3,
        "regions": [{"name": name, "nodes": 4} for name in _NAMES],
        "rows": [
            {"graph": "int8", "label": Graph.INT8.label, "cells": cells},
            {"graph": "fp8", "label": Graph.FP8.label, "cells": [missing] * len(_NAMES)},
        ],
        "mixes": [
            _mix("mixed", 0.005, [0, 1, 3, 4], 61.0, 0.0024),
            _mix("mixed_b2", 0.0, [], None, 0.0),
        ],
    }


def _mix(
    name: str, budget: float, lowered: list[int], latency: float | None, lost: float
) -> dict[str, Any]:
    """A mix, and what was found of it; one that was not timed has no latency."""
    choices = [{"region": n, "name": _NAMES[n], "graph": "int8"} for n in lowered]
    figures = {"plain_ms": 100.0, "metric_loss": lost, "flipped_fraction": lost / 10}
    found = {**figures, "metric_loss": lost * 1.3, "latency_ms": latency}
    return {
        **{"runtime": "openvino", "machine": "", "precision": name, "budget": budget},
        **{"batch_size": 4, "min_gain": 0.02, "choices": choices},
        "predicted": {**figures, "latency_ms": 100.0 - 9 * len(lowered)},
        "found": {
            **(found if latency else dict.fromkeys(found)),
            "engine": f"openvino/b4_{name}" if latency else None,
            "verdict": "pass" if latency else None,
        },
    }
