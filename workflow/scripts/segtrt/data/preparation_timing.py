"""How long a slice takes before any engine sees it: reading and decoding, and normalising."""

import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from segtrt.data.manifest import read_manifest, read_slice
from segtrt.data.normalise import normalise_slice
from segtrt.data.volume import prepare_volume
from segtrt.errors import SegtrtError
from segtrt.files import read_json, write_json
from segtrt.machine.facts import refuse_other_machine, this_machine

FORMAT = "segtrt-preparation-1"


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

    The file has `decode` and `normalise`, milliseconds for one slice, and `slices`, on how many
    they rest. Reading includes the check of the files' hashes; files come from the system's cache
    if they were read before.

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
            prepare_volume(np.stack(images), np.stack(masks))
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
    write_json(
        out,
        {
            "format": FORMAT,
            "decode": median(decode),
            "normalise": median(normalise),
            "slices": len(decode),
        },
    )


def read_preparation(path: Path) -> dict[str, float]:
    """`decode` and `normalise` in milliseconds for one slice, as `time_preparation` wrote them.

    Raises:
        SegtrtError: missing, not JSON, or not of this format.
    """
    data = read_json(path, "timing of the preparation")
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise SegtrtError(
            f"{path} is not a timing this version can read (format {FORMAT} expected); delete it "
            "and run the workflow again"
        )
    return {step: float(data[step]) for step in ("decode", "normalise")}
