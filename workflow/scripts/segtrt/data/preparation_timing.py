"""How long a patch takes before any engine sees it: reading and decoding, and preparing."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from segtrt.data.encode import load_unit, units_of
from segtrt.data.encoding import encoding_of
from segtrt.data.labels import Labels
from segtrt.data.manifest import read_manifest
from segtrt.data.preparation_file import FORMAT, PreparationTiming
from segtrt.errors import SegtrtError
from segtrt.files import write_json
from segtrt.machine.facts import refuse_other_machine, this_machine
from segtrt.model.spec import NetworkSpec


def time_preparation(
    manifest: Path,
    root: Path,
    out: Path,
    *,
    machine: Mapping[str, Any],
    tensors: Mapping[str, Any],
    spec: NetworkSpec,
    labels: Labels | None,
    patches: int = 48,
) -> None:
    """Time decoding and preparing on one core and write the medians as JSON.

    The file's format is in `segtrt.data.preparation_file`. Reading includes the check of the files'
    hashes; files come from the system's cache if they were read before.

    Args:
        manifest: the data set's manifest.
        root: the folder that the manifest's paths are relative to.
        out: the JSON file to make.
        machine: facts of the machine to time on (`Machine.cpu_facts`), as planned.
        tensors: the settings of that name, as JSON values.
        spec: what the network takes.
        labels: which values of masks stand for which class; None without masks.
        patches: patches to time on, from the first items; an item is taken whole, its time shared
            out over its patches.

    Raises:
        SegtrtError: the data set has no subject, a file is missing or changed, or this is another
            machine.
    """
    refuse_other_machine(machine, this_machine().cpu_facts())
    listed = read_manifest(manifest)
    if not listed.subjects:
        raise SegtrtError(f"{manifest} lists no image to time; check dataset.subjects")
    encoding = encoding_of(tensors, spec, listed.grids)
    decode: list[float] = []
    normalise: list[float] = []
    timed = 0
    for unit in units_of(listed, encoding):
        begin = time.perf_counter_ns()
        loaded = load_unit(root, unit, labels)
        between = time.perf_counter_ns()
        prepared = encoding.preparation.prepare(loaded.image, loaded.spacing)
        end = time.perf_counter_ns()
        count = len(encoding.cut(prepared.placement.grid))
        decode.append((between - begin) / 1e6 / count)
        normalise.append((end - between) / 1e6 / count)
        timed += count
        if timed >= patches:
            break
    timing = PreparationTiming(median(decode), median(normalise), timed)
    write_json(out, {"format": FORMAT, **asdict(timing)})
