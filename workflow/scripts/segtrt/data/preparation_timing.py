"""How long a slice takes before any engine sees it: reading and decoding, and normalising."""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from segtrt.data.manifest import read_manifest
from segtrt.data.normalise import normalise_slice
from segtrt.data.preparation_file import FORMAT, PreparationTiming
from segtrt.data.slices import read_slice
from segtrt.data.volume import find_geometry, prepare_volume
from segtrt.errors import SegtrtError
from segtrt.files import write_json
from segtrt.machine.facts import refuse_other_machine, this_machine


def time_preparation(
    manifest: Path,
    root: Path,
    out: Path,
    *,
    machine: Mapping[str, Any],
    normalisation: str,
    slices: int = 48,
) -> None:
    """Time decoding and normalising on one core and write the medians as JSON.

    The file's format is in `segtrt.data.preparation_file`. Reading includes the check of the files'
    hashes; files come from the system's cache if they were read before.

    Args:
        manifest: the data set's manifest.
        root: the folder that the manifest's paths are relative to.
        out: the JSON file to make.
        machine: facts of the machine to time on (`Machine.cpu_facts`), as planned.
        normalisation: `slice` or `volume`; a volume's time is shared out over its slices.
        slices: slices to time on, from the first subjects; a volume is taken whole.

    Raises:
        SegtrtError: the data set has no subject, a file is missing or changed, or this is another
            machine.
    """
    refuse_other_machine(machine, this_machine().cpu_facts())
    decode: list[float] = []
    normalise: list[float] = []
    for subject in read_manifest(manifest).subjects:
        images, masks = [], []
        # A volume is normalised whole; single slices stop at the number asked for.
        left = None if normalisation == "volume" else slices - len(decode)
        for entry in subject.slices[:left]:
            begin = time.perf_counter_ns()
            image, mask = read_slice(root, entry)
            decode.append((time.perf_counter_ns() - begin) / 1e6)
            images.append(image)
            masks.append(mask)
        if normalisation == "volume":
            begin = time.perf_counter_ns()
            volume = np.stack(images)
            prepare_volume(volume, np.stack(masks), find_geometry(volume))
            normalise.append((time.perf_counter_ns() - begin) / 1e6 / len(images))
        else:
            for image in images:
                begin = time.perf_counter_ns()
                normalise_slice(image)
                normalise.append((time.perf_counter_ns() - begin) / 1e6)
        if len(decode) >= slices:
            break
    if not decode:
        raise SegtrtError(f"{manifest} lists no slice to time; check dataset.subjects")
    timing = PreparationTiming(median(decode), median(normalise), len(decode))
    write_json(out, {"format": FORMAT, **asdict(timing)})
