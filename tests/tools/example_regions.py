"""What regions of a made-up network lose."""

from typing import Any

import numpy as np
from segtrt.precision import Graph

_NAMES = ("encoder1", "encoder2", "encoder3 to bottleneck", "decoder2", "decoder1", "conv <b>&amp;")


def example_search(rng: np.random.Generator) -> dict[str, Any]:
    """A search with every kind of cell: next to no loss, more than is allowed, none measured."""
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
    }
