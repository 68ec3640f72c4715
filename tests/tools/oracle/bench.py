"""A checkout, a data set and results to change, and the real Snakemake to ask about them."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from segtrt.config.resolve import resolve_config
from segtrt.config.typed import as_json
from segtrt.machine.facts import Machine, description
from segtrt.machine.gpu import GpuFacts

from oracle.tables import NOT_REPEATABLE
from oracle.world import HARDWARE, REPORT, SLICES, Job, World

ROOT = Path(__file__).resolve().parents[3]
SUBJECTS = tuple(f"TCGA_XX_{n}_20200101" for n in (1001, 1002, 1003, 1004, 1005))

NOTE: Job = ("note_changes", "")

TARGETS = {
    ("write_report", ""): "results/report.html",
    ("inspect_network", ""): "results/model/network.json",
    ("describe_segmentation", ""): "results/model/segmentation.json",
    ("score_reference", ""): "results/reference/scores.json",
    ("make_package", ""): "results/package.zip",
    ("blame_region", "int8_openvino/01"): "results/precision/sensitivity/int8_openvino/01.json",
    ("export_onnx", ""): "results/onnx/fp32/model.onnx",
    ("encode_slices", "00"): "results/tensors/shard_00.safetensors",
    ("time_reference", ""): "results/reference/timing.json",
    ("build_engine", "openvino/b4_int8"): "results/engines/openvino/b4_int8/engine.bin",
    ("validate_engine", "tensorrt/b4_fp32"): "results/validation/tensorrt/b4_fp32.json",
    ("time_reference", "@a"): "results/reference/timing@a.json",
    ("mix_regions", "openvino/mixed"): "results/precision/mix/openvino/mixed.json",
    ("build_engine", "openvino@b/b4_int8"): "results/engines/openvino@b/b4_int8/engine.bin",
}
"""Job -> what one asks Snakemake for."""


def copy_checkout(folder: Path) -> Path:
    """A copy of what the workflow needs of this checkout."""
    ignore = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("workflow", "profiles", "envs", "config"):
        shutil.copytree(ROOT / name, folder / name, ignore=ignore)
    for name in ("Snakefile", "config.yaml"):
        shutil.copy2(ROOT / name, folder / name)
    return folder


def base_config(folder: Path) -> dict[str, Any]:
    """Settings with every kind of runtime and precision, two shards and the data under `folder`."""
    given = {
        "dataset": {
            "source": "path",
            "path": str(folder / "images/kaggle_3m"),
            "shards": 2,
            "calibration_fraction": 0.4,
        },
        "tensors": {"samples": [{"subject": SUBJECTS[0], "slice": 1}]},
        "model": {"weights": str(folder / "weights/weights.safetensors")},
        "engines": {
            "runtimes": ["onnxruntime", "openvino", "tensorrt"],
            "batch_sizes": [4],
            "precisions": ["fp32", "int8"],
            "on_unsupported": "skip",
        },
        "precision_search": {"regions": 2},
    }
    settings: dict[str, Any] = as_json(resolve_config(given))
    return settings


_NO_DATA = {
    "patch": None,
    "patches": 0,
    "skipped": [],
    "twins": [],
    "ignored": {"files": 0, "examples": []},
}
_NO_NETWORK = {"source": "unet", "network": {"notes": []}, "decoder": {}, "graphs": {}}


def earlier_summary(version: int) -> str:
    """A summary without an engine, for the report to compare with."""
    figures = dict.fromkeys(("subjects", "items", "slices", "slices_seen"), 0)
    splits = {f"{kind}_{name}": 0 for kind in ("evaluation", "calibration") for name in figures}
    summary = {
        "format": "segtrt-summary-4",
        "title": f"earlier {version}",
        "recommendation": {
            "engine": None,
            "closest": None,
            "failures": [],
            "broken": [],
            "max_metric_loss": 0.005,
            "confident": False,
            "doubt": "",
            "max_latency_ms": None,
            "candidates": 0,
            "qualified": 0,
        },
        "engines": [],
        "metric": {"name": "dice", "title": "Dice", "unit": "", "higher_is_better": True},
        "classes": [],
        "reference": {
            **{"name": "PyTorch", "quality": None, "has_truth": True, "doubt": ""},
            "largest_component": True,
            "subjects": [],
        },
        "dataset": {"source": "demo", "normalisation": "slice", **figures, **splits, **_NO_DATA},
        "model": {"weights": "w", "weights_sha256": "0" * 64, **_NO_NETWORK},
        "machines": [
            {
                "name": "",
                "facts": {},
                "timed": "PyTorch eager fp32",
                "timings": [],
                "baselines": [],
                "preparation_ms": {},
                "recommended": None,
            }
        ],
        "config": {},
        "rules": [],
        "rule_graph": None,
        "comparison": None,
    }
    return json.dumps(summary)


class Bench:
    """The files of a world, and what Snakemake makes of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.checkout = copy_checkout(folder / "checkout")
        self.originals = {
            path.relative_to(self.checkout): path.read_text(encoding="utf-8")
            for pattern in ("workflow/scripts/**/*.py", "workflow/report/*.*")
            for path in self.checkout.glob(pattern)
        }
        self.looks: dict[Path, int] = {}
        """File -> version of its comments and formatting."""
        self.outputs: dict[Job, list[str]] = {}
        self.records: dict[Job, str] = {}
        self.images = folder / "images/kaggle_3m"
        self._shown: dict[Path, str] = {}
        environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
        self._server = subprocess.Popen(
            [sys.executable, Path(__file__).with_name("server.py"), folder / "said.txt"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**environment, "SEGTRT_CACHE": "off", "CUDA_VISIBLE_DEVICES": ""},
        )

    def close(self) -> None:
        """Stop the process that runs Snakemake."""
        assert self._server.stdin
        self._server.stdin.close()
        self._server.wait()

    def show(self, world: World) -> None:
        """Bring the files to the state of `world`; those that are as they should be are not
        touched."""
        config = yaml.safe_dump(world.config, sort_keys=False)
        self._write(self.checkout / "config.yaml", config)
        for path, text in self.originals.items():
            self._write(self.checkout / path, self._text(path, text, world))
        for name, machine in world.described.items():
            described = Machine(
                machine["cpu"],
                "avx2 avx512_vnni",
                GpuFacts(*(machine[kind] for kind in HARDWARE[1:]), 24576),
            )
            path = self.checkout / description(name)
            self._write(path, json.dumps(described.to_json()))
        self._write(self.folder / "weights/weights.safetensors", f"weights {world.weights}")
        self._write(self.folder / "own/own.py", f"def own(*given): return {world.own}\n")
        self._write(self.folder / "own/network.onnx", f"graph {world.graph}")
        self._write(self.folder / "earlier/summary.json", earlier_summary(world.compared))
        self.images = Path(world.config["dataset"]["path"])
        for folder in self.images.glob("TCGA_*") if self.images.is_dir() else ():
            if folder.name not in world.subjects:
                shutil.rmtree(folder)
        for name, version in world.subjects.items():
            for number in range(1, SLICES + 1):
                for kind in ("", "_mask"):
                    path = self.images / name / f"{name}_{number}{kind}.tif"
                    shade = version if (number, kind) == (1, "") else 0
                    if self._shown.get(path) != str(shade) or not path.exists():
                        path.parent.mkdir(parents=True, exist_ok=True)
                        mode = np.full((256, 256) if kind else (256, 256, 3), shade, np.uint8)
                        Image.fromarray(mode).save(path)
                        self._shown[path] = str(shade)

    def _text(self, path: Path, text: str, world: World) -> str:
        inside = path.relative_to("workflow")
        if inside.parts[0] == "report":
            version = world.templates.get(path.name, 0)
            return text + f"\n<!-- {version} -->\n" * bool(version)
        stem = ".".join(inside.with_suffix("").parts[1:]).removesuffix(".__init__")
        library = stem.startswith("segtrt.")
        code, name = (world.code, stem[7:]) if library else (world.scripts, stem)
        if code.get(name):
            text += f"\n_EDITED = {code[name]}\n"
        return reformatted(text, self.looks.get(path, 0))

    def _write(self, path: Path, text: str) -> None:
        if self._shown.get(path) != text or not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            self._shown[path] = text

    def forget_images(self) -> None:
        """The data set was moved by somebody else."""
        self._shown = {path: text for path, text in self._shown.items() if path.suffix != ".tif"}

    def moved(self, folder: Path) -> None:
        """The checkout was moved to `folder`."""
        self._shown = {
            (folder / path.relative_to(self.checkout)): text
            for path, text in self._shown.items()
            if path.is_relative_to(self.checkout)
        } | {p: t for p, t in self._shown.items() if not p.is_relative_to(self.checkout)}
        self.checkout = folder

    def plan(self, world: World, target: Job = REPORT, *arguments: str) -> set[Job]:
        """The jobs that the real Snakemake would run."""
        said = self._ask(
            world,
            do="plan",
            arguments=[
                *(TARGETS[target], "--dry-run", "--quiet", "host"),
                *("--snakefile", str(self.checkout / "Snakefile")),
                *("--directory", str(self.checkout), *arguments),
            ],
        )
        return jobs_in(said)

    def run(self, world: World, jobs: Iterable[Job], number: int, target: Job = REPORT) -> None:
        """Leave behind what running `jobs` would."""
        said = self._ask(
            world,
            do="run",
            jobs=sorted(jobs),
            targets=[TARGETS[target]],
            run=number,
            not_repeatable=sorted(NOT_REPEATABLE),
        )
        for rule, name, outputs, record in json.loads(said.splitlines()[-1]):
            self.outputs[rule, name] = outputs
            self.records[rule, name] = record

    def _ask(self, world: World, **request: Any) -> str:
        assert self._server.stdin and self._server.stdout
        request |= {
            "directory": str(self.checkout),
            "checkout": str(self.checkout),
            "machine": world.machine,
            "packages": {name: f"1.{version}" for name, version in world.packages.items()},
        }
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        assert answer["status"] == 0, answer["said"][-3000:]
        said: str = answer["said"]
        return said


def reformatted(text: str, version: int) -> str:
    """The same code with other comments, docstrings and line breaks; version 0 is as it was."""
    if version == 0:
        return text
    if version % 2:
        return f'# version {version}\n{text}\n\n\n# the end\n"""A closing word {version}."""\n'
    import ast

    return f"# version {version}\n{ast.unparse(ast.parse(text))}\n"


def jobs_in(said: str) -> set[Job]:
    """The jobs that a dry run lists, but the one that only writes down what changed."""
    jobs = set()
    for block in re.split(r"\n(?=(?:local)?rule \w+:\n)", said)[1:]:
        rule = re.match(r"(?:local)?rule (\w+):", block)
        assert rule
        found = re.search(r"^    wildcards: (.*)$", block, re.MULTILINE)
        values = dict(pair.split("=") for pair in found[1].split(", ")) if found else {}
        name = values.get("graph", values.get("at", ""))
        if "runtime" in values:
            cell = f"b{values['batch']}_{values['precision']}" if "batch" in values else name
            name = f"{values['runtime']}{values['at']}/{values.get('mix', cell)}"
        for part in ("shard", "region", "part", "number"):
            if part in values:
                name = f"{name}/{values[part]}".lstrip("/")
        jobs.add((rule[1], name))
    assert jobs != {NOTE}, "a change is written down that starts nothing"
    return jobs - {NOTE}
