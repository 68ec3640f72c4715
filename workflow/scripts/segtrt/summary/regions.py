"""The summary's part on regions: what each loses in each precision, and what mixes make of it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from segtrt.graphs.regions_file import read_regions
from segtrt.quality.sensitivity import Sensitivity, read_sensitivity

Json = dict[str, Any]


@dataclass(frozen=True)
class RegionFiles:
    """Files of the search for precisions, if there was one."""

    regions: Sequence[Path] = ()
    """`segtrt.graphs.regions_file`: one file, or none."""
    sensitivities: Sequence[Path] = ()
    """What each region loses in each precision (`segtrt.quality.sensitivity`)."""
    mixes: Sequence[Path] = ()
    """The mixes (`segtrt.quality.mix_file`), each in the folder of its runtime and machine."""


NO_REGIONS = RegionFiles()
"""No subjects were set aside for a search."""


def regions_entry(files: RegionFiles, mixes: Sequence[Json] = ()) -> Json | None:
    """What regions lose: precisions by rows, each with a cell for every region; None without any.

    Args:
        files: what was found on regions.
        mixes: entries of mixes (`segtrt.summary.mixes`).

    Raises:
        SegtrtError: a file is missing or of another format.
    """
    if not files.regions:
        return None
    regions = read_regions(files.regions[0])
    found = [read_sensitivity(path) for path in files.sensitivities]
    rows = []
    for graph in dict.fromkeys(one.graph for one in found):
        own = {one.region: one for one in found if one.graph is graph}
        cells = [_cell(own[number]) for number in range(len(regions))]
        rows.append({"graph": str(graph), "label": graph.label, "cells": cells})
    subjects = max((one.loss.subjects for one in found if one.loss), default=0)
    return {
        "subjects": subjects,
        "regions": [{"name": one.name, "nodes": len(one.nodes)} for one in regions],
        "rows": rows,
        "mixes": list(mixes),
    }


def _cell(one: Sensitivity) -> Json:
    return {
        "outcome": str(one.outcome),
        "reason": one.reason,
        "method": None if one.method is None else str(one.method),
        "loss": None if one.loss is None else asdict(one.loss),
    }
