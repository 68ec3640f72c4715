"""What planning costs as images grow; a part of `scale.py`.

Images are of some bytes each: planning reads names and bytes, and decodes none. So the first look
at them costs little beside that at real ones, which is read at the speed of the disk.
"""

import json
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from timed import ROOT, describe_machine, middle, run, snakemake

sys.path.insert(0, str(ROOT / "workflow/scripts"))
sys.path.extend([str(ROOT / "tools"), str(ROOT / "tests/tools")])

from finished_run import finish_run
from generate_large_dataset import SLICES, SUBJECTS, slice_counts
from segtrt.plan.hash_cache import SETTLED_NS

SIZES = (4_000, 40_000, 200_000)
REPORT = "results/report.html"
JOBS = {
    "engine_job": ("time_engine", "runtime=openvino,at=,batch=1,precision=int8"),
    "encode_job": ("encode_slices", "shard=00"),
}
"""What is measured -> rule and wildcards of the job whose own reading of the workflow it is."""


def measure_images(repeats: int = 5) -> dict[str, Any]:
    """Seconds to plan 24 engines on 8 shards, by number of images; each has a mask.

    Args:
        repeats: of each figure; at most three of those that hash every image.

    Returns:
        The machine, what Snakemake alone takes to say its version, and for each number of images
        medians of: `first`, a dry run that knows no file; `remembered`, one that knows all and has
        no job done; `again`, a run with nothing to do; `engine_job` and `encode_job`, what a job of
        a batch system begins with. And `demo_again`, that of the demo with the default settings.
    """
    machine = describe_machine()
    alone = middle([run("snakemake", "--version") for _ in range(repeats)], 2)
    with tempfile.TemporaryDirectory() as name:
        finish_run(Path(name), {})
        demo = middle([snakemake(Path(name), REPORT) for _ in range(repeats)], 2)
    print(json.dumps({"demo_again": demo}), flush=True)
    rows = []
    for size in SIZES:
        with tempfile.TemporaryDirectory() as name:
            rows.append({"images": size, **_measure(Path(name), size, repeats)})
        print(json.dumps(rows[-1]), flush=True)
    return {
        "machine": machine,
        "snakemake --version": alone,
        "repeats": repeats,
        "demo_again": demo,
        "sizes": rows,
    }


def _measure(folder: Path, images: int, repeats: int) -> dict[str, Any]:
    config = folder / "config.json"
    settings = _make_data(folder, images)
    config.write_text(json.dumps(settings))
    options = ["--configfile", str(config)]
    time.sleep(SETTLED_NS / 1e9)  # what was just written is not remembered
    places = {name: folder / name for name in ("first", "remembered", "finished")}
    for place in places.values():
        place.mkdir()
    dry = (REPORT, "-n", *options)
    first = [snakemake(places["first"], *dry) for _ in range(min(repeats, 3))]
    finish_run(places["finished"], settings)
    hashes = Path("results/keys/hashes.txt")
    (places["remembered"] / hashes).parent.mkdir(parents=True)
    shutil.copyfile(places["finished"] / hashes, places["remembered"] / hashes)
    figures = {
        "first": middle(first, 2),
        "remembered": middle([snakemake(places["remembered"], *dry) for _ in range(repeats)], 2),
        "again": middle(
            [snakemake(places["finished"], REPORT, *options) for _ in range(repeats)], 2
        ),
    }
    for name, (rule, wildcards) in JOBS.items():
        job = ["-n", "--mode", "remote", "--force", "--nolock", "--allowed-rules", rule]
        job += ["--target-jobs", f"{rule}:{wildcards}", *options]
        figures[name] = middle([snakemake(places["finished"], *job) for _ in range(repeats)], 2)
    return {**figures, "hashes_mb": round((places["finished"] / hashes).stat().st_size / 1e6, 1)}


def _make_data(folder: Path, images: int) -> dict[str, Any]:
    """So many images and masks of some bytes, as uneven as the Kaggle set's; returns settings."""
    root, weights = folder / "images", folder / "weights.safetensors"
    weights.write_text("weights")
    for number, count in enumerate(slice_counts(round(images * SUBJECTS / SLICES), images)):
        subject = root / f"LARGE_{number:05d}"
        subject.mkdir(parents=True)
        for item in range(1, count + 1):
            (subject / f"{subject.name}_{item}.tif").write_text(f"{number} {item}")
            (subject / f"{subject.name}_{item}_mask.tif").write_text(f"{number} {item} mask")
    return {
        "dataset": {"source": "path", "path": str(root), "shards": 8},
        "tensors": {"samples": [{"subject": "LARGE_00000", "slice": 1}]},
        "model": {"weights": str(weights)},
        "engines": {
            "runtimes": ["onnxruntime", "openvino"],
            "batch_sizes": [1, 2, 4, 8, 16, 32],
            "precisions": ["fp32", "int8"],
        },
    }
