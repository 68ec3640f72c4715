#!/usr/bin/env python3
"""Measure the workflow on a data set of the Kaggle set's size: planning, preparing, memory, jobs.

    tools/generate_large_dataset.py /tmp/large
    benchmarks/scale.py /tmp/large --out scale.json                # everything, half an hour
    benchmarks/scale.py /tmp/large --parts plan prepare            # two minutes
    benchmarks/scale.py --parts images                             # five minutes; needs no data set
    benchmarks/scale.py --parts fingerprint                        # seconds; needs no data set

plan      `snakemake -n` for 24 engines, first with no file known, then as it is every later time.
images    planning with 4,000, 40,000 and 200,000 small images: with no file known, with all known,
          a run with nothing to do, and a job's own reading: one of an engine, one of images.
grow      as plan, for up to 100 engines and 64 shards, and for one small job of each such plan:
          what every job on a batch system begins with.
prepare   all slices decoded, normalised and written, one process for each core, against a process
          for each image, as the published example does it (on a few images).
workflow  the whole CPU job on a quarter, a half and all of the subjects, in the same number of
          shards: peak memory of each rule's jobs, number of jobs, time at work and start-up. The
          network is a narrow one with random weights: its width has nothing to do with growth.
fingerprint  what it costs a fresh process to tell which machine it runs on.

Nothing is kept but the figures, in JSON.
"""

import argparse
import csv
import json
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workflow/scripts"))

from fingerprint import measure_fingerprint
from planning import measure_images
from segtrt.config.resolve import resolve_config
from segtrt.data.encode import encode_shard
from segtrt.data.form import form_of
from segtrt.data.layout import KAGGLE
from segtrt.data.listing import list_items
from segtrt.data.make_manifest import write_manifest
from segtrt.data.scan import Demands
from segtrt.data.sharding import assign_shards
from segtrt.machine.cpu import available_cores
from segtrt.model.network_file import UNET
from segtrt.model.unet import build_unet
from segtrt.model.weights import save_weights
from timed import middle, snakemake

SHARDS = 8
FEATURES = 4
ENGINES_24 = {
    "runtimes": ["onnxruntime", "openvino"],
    "batch_sizes": [1, 2, 4, 8, 16, 32],
    "precisions": ["fp32", "int8"],
}
ENGINES_2 = {"runtimes": ["onnxruntime", "openvino"], "batch_sizes": [4], "precisions": ["fp32"]}

# The published example's preparation of one image, without running its network: its imports, the
# slice's normalisation, and the ONNX tensor file.
ONE_IMAGE = """
import sys
import numpy as np, onnx, torch
from onnx import numpy_helper
from PIL import Image
from skimage.exposure import rescale_intensity
pixels = np.array(Image.open(sys.argv[1]))
low, high = np.percentile(pixels, (10, 99))
pixels = rescale_intensity(pixels, in_range=(low, high)).astype(np.float64)
pixels = (pixels - pixels.mean()) / pixels.std()
tensor = torch.from_numpy(pixels.transpose(2, 0, 1)[None].astype(np.float32))
with open(sys.argv[2], "wb") as handle:
    handle.write(numpy_helper.from_array(tensor.numpy()).SerializeToString())
"""


def engine_matrix(batch_sizes: int) -> dict[str, Any]:
    """Two runtimes and two precisions at so many batch sizes: four engines for each."""
    return {**ENGINES_24, "batch_sizes": list(range(1, batch_sizes + 1))}


def make_configuration(
    folder: Path, data: Path, subjects: list[str], engines: Any, shards: int = SHARDS
) -> list[str]:
    """Write a configuration, and weights where it needs some; returns Snakemake's options."""
    weights = folder / "narrow.safetensors"
    if not weights.exists():
        make_weights(weights)
    first = subjects[0]
    settings = {
        "dataset": {
            "source": "path",
            "path": str(data),
            "shards": shards,
            "subjects": subjects,
        },
        "tensors": {"samples": [{"subject": first, "slice": 1}]},
        "model": {"weights": str(weights), "arguments": {"init_features": FEATURES}},
        "engines": engines,
        "inference": {"iterations": 5, "max_seconds": 1, "warmup_max_seconds": 0.2},
    }
    path = folder / "config.json"
    path.write_text(json.dumps(settings))
    return ["--configfile", str(path)]


def make_weights(path: Path) -> None:
    """Random weights of a narrow network."""
    import torch

    torch.manual_seed(0)
    save_weights(build_unet(FEATURES).state_dict(), path, half=False)


def measure_plan(data: Path, repeats: int = 3) -> dict[str, Any]:
    """Seconds of `snakemake -n` for 24 engines."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = make_configuration(folder, data, _subjects(data), ENGINES_24)
        times = [
            snakemake(folder, "results/report.html", "-n", *options) for _ in range(repeats + 1)
        ]
    return {
        "engines": 24,
        "first": middle(times[:1]),
        "later": middle(times[1:]),
    }


def measure_grow(data: Path, repeats: int = 3) -> list[dict[str, Any]]:
    """Seconds to plan, by number of engines and shards."""
    rows = []
    subjects = _subjects(data)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for batch_sizes, shards in ((1, 8), (6, 8), (25, 8), (25, 32), (25, 64)):
            matrix = engine_matrix(batch_sizes)
            options = make_configuration(folder, data, subjects, matrix, shards)
            whole = [
                snakemake(folder, "results/report.html", "-n", *options) for _ in range(repeats)
            ]
            manifest = "results/dataset/manifest.json"
            one = [snakemake(folder, manifest, "-n", *options) for _ in range(repeats)]
            rows.append(
                {
                    "engines": 4 * batch_sizes,
                    "shards": shards,
                    "plan": middle(whole),
                    "one_job": middle(one),
                }
            )
            print(json.dumps(rows[-1]), flush=True)
    return rows


def measure_prepare(data: Path, images: int = 3, repeats: int = 3) -> dict[str, Any]:
    """Seconds for each slice, ours and with a process for each image."""
    cores = available_cores()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shards = [folder / f"shard_{i}.json" for i in range(SHARDS)]
        write_manifest(
            data,
            form_of(data, nnunet=False),
            Demands(),
            manifest_path=folder / "manifest.json",
            shard_paths=shards,
            subjects=None,
            calibration_fraction=0.2,
            seed=0,
            on_bad_subject="fail",
        )
        listing = list_items(data, KAGGLE)
        counts = listing.counts
        paths = [data / item.images[0] for item in listing.items]
        script = folder / "one_image.py"
        script.write_text(ONE_IMAGE)
        ours, published = [], []
        for turn in range(repeats):  # in turns, so that what else the machine does hits both
            begin = time.perf_counter()
            with ProcessPoolExecutor(cores) as pool:
                outs = [shard.with_suffix(".safetensors") for shard in shards]
                work = zip(shards, [data] * SHARDS, outs, strict=True)
                list(pool.map(_encode, work))
            ours.append((time.perf_counter() - begin) / sum(counts.values()))
            for image in paths[turn * images : (turn + 1) * images]:
                begin = time.perf_counter()
                call = [sys.executable, str(script), str(image), str(folder / "input.pb")]
                subprocess.run(call, check=True)
                published.append(time.perf_counter() - begin)
    loads = [0] * SHARDS
    for subject, shard in assign_shards(counts, SHARDS).items():
        loads[shard] += counts[subject]
    mean = sum(loads) / SHARDS
    each, theirs = statistics.median(ours), statistics.median(published)
    return {
        "slices": sum(counts.values()),
        "cores": cores,
        "ours_ms_per_slice": [round(1000 * seconds, 3) for seconds in ours],
        "process_per_image_s": [round(seconds, 2) for seconds in published],
        "times_as_fast": round(theirs / each),
        "all_slices_s": round(each * sum(counts.values()), 1),
        "shard_slices": loads,
        "largest_stray_from_mean": round(max(abs(load - mean) for load in loads) / mean, 3),
    }


def _encode(work: tuple[Path, Path, Path]) -> None:
    encode_shard(
        *work,
        tensors=resolve_config({}).tensors.encoding,
        spec=UNET,
        labels=form_of(work[1], nnunet=False).labels,
    )


def _subjects(data: Path) -> list[str]:
    return list(list_items(data, KAGGLE).counts)


def measure_workflow(data: Path) -> list[dict[str, Any]]:
    """The whole CPU job on growing parts of the data set."""
    names = _subjects(data)
    rows = []
    for part in (4, 2, 1):
        rows.append(_run_workflow(data, names[: len(names) // part]))
        print(json.dumps(rows[-1], indent=2), flush=True)
    return rows


def _run_workflow(data: Path, subjects: list[str]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        options = make_configuration(folder, data, subjects, ENGINES_2)
        total = snakemake(folder, "results/report.html", *options)
        jobs = list(read_benchmarks(folder / "results" / "benchmarks"))
        stored = sum(p.stat().st_size for p in (folder / "results").rglob("*") if p.is_file())
    peaks: dict[str, float] = {}
    seconds: dict[str, float] = {}
    for rule, lasted, peak in jobs:
        peaks[rule] = max(peaks.get(rule, 0.0), peak)
        seconds[rule] = seconds.get(rule, 0.0) + lasted
    # A verdict is nothing but reading two small files: what it takes is a job's start.
    start = min(lasted for rule, lasted, _ in jobs if rule == "validate_engine")
    return {
        "subjects": len(subjects),
        "slices": sum(list_items(data, KAGGLE, subjects).counts.values()),
        "measured_jobs": len(jobs),
        "total_s": round(total.wall_s, 1),
        "total_cpu_s": round(total.cpu_s, 1),
        "start_s_per_job": round(start, 2),
        "start_share": round(start * len(jobs) / sum(seconds.values()), 3),
        "stored_mb": round(stored / 1e6, 1),
        "peak_mb": {rule: round(peak) for rule, peak in sorted(peaks.items())},
        "seconds": {rule: round(lasted, 1) for rule, lasted in sorted(seconds.items())},
    }


def read_benchmarks(folder: Path) -> Any:
    """(rule, seconds, peak memory in MiB) of each job that Snakemake measured."""
    for path in sorted(folder.rglob("*.tsv")):
        with path.open(newline="") as handle:
            for row in csv.DictReader(handle, delimiter="\t"):
                peak = 0.0 if row["max_rss"] in ("-", "NA") else float(row["max_rss"])
                yield path.relative_to(folder).parts[0], float(row["s"]), peak


PARTS = {
    "plan": measure_plan,
    "images": lambda _: measure_images(),
    "grow": measure_grow,
    "prepare": measure_prepare,
    "workflow": measure_workflow,
    "fingerprint": lambda _: measure_fingerprint(),
}


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "data", type=Path, nargs="?", help="folder of tools/generate_large_dataset.py"
    )
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--out", type=Path, help="JSON file for the figures; always printed")
    options = parser.parse_args()
    if options.data is None and set(options.parts) - {"fingerprint", "images"}:
        parser.error("only the parts fingerprint and images need no data set")
    figures: dict[str, Any] = {}
    for part in options.parts:
        figures[part] = PARTS[part](options.data and options.data.resolve())
        print(json.dumps({part: figures[part]}, indent=2), flush=True)
        if options.out:
            options.out.write_text(json.dumps(figures, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
