"""The same settings give the same outputs, whatever the store holds: each job gets its own file.

What the jobs of every kind of graph and runtime make without a store is compared with what they
make with an empty store, a filled one, and one filled by another configuration.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from fast_snakemake import FastSnakemake
from run_contents import TYPES, contents, sha256, stored_types
from tiny_runs import write_inputs

ROOT = Path(__file__).resolve().parents[2]
GRAPHS = [f"results/onnx/{graph}/model.onnx" for graph in TYPES]
STORED = (
    "export_onnx",
    *(f"convert_onnx/{graph}" for graph in TYPES if graph != "fp32"),
    *("run_reference/00", "run_reference/01"),
)
"""Jobs whose outputs go to the store, beside engines, by the name of their log."""

QUICK = [
    *GRAPHS,
    *(f"results/reference/shard_{shard}.safetensors" for shard in ("00", "01")),
    "results/onnx/fp32/test_data_set_0/output_0.pb",
    *(f"results/scores/{runtime}/b2_int8.json" for runtime in ("onnxruntime", "openvino")),
    *(f"results/engines/tensorrt_rtx/b2_{name}/engine.bin" for name in ("fp16", "bf16", "fp8")),
]
"""What is made in a quick comparison."""

OTHER = {
    # Volumes lose their first and last slices: a sample must be of another one.
    "tensors": {"normalisation": "volume", "samples": [{"subject": "DEMO_0001", "slice": 8}]},
    "engines": {
        "precisions": ["fp8", "int8", "fp16"],
        "calibration": {"method": "entropy", "slices": 1},
    },
}
"""What another configuration has that is otherwise the same."""

OTHER_QUICK = [
    *(
        f"results/onnx/{graph}/model.onnx"
        for graph in ("fp8", "int8_openvino", "int8_signed", "int8", "fp16")
    ),
    *(f"results/reference/shard_{shard}.safetensors" for shard in ("00", "01")),
    "results/engines/openvino/b2_int8/engine.bin",
    "results/engines/tensorrt_rtx/b2_fp16/engine.bin",
]


class Runs:
    """Runs of one configuration, each in a folder of its own."""

    def __init__(self, folder: Path, snakemake: FastSnakemake) -> None:
        self.folder, self.snakemake = folder, snakemake
        settings = write_inputs(folder)
        self.write("usual", settings)
        self.write(
            "other",
            settings
            | {name: {**settings[name], **OTHER[name]} for name in OTHER if name in settings},
        )

    def write(self, name: str, settings: dict[str, Any]) -> None:
        (self.folder / f"{name}.yaml").write_text(yaml.safe_dump(settings))

    def arguments(self, folder: Path, targets: list[str], settings: str) -> list[str]:
        places = ["--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
        given = ["--configfile", str(self.folder / f"{settings}.yaml"), "--cores", "2"]
        return [*targets, *places, *given, "--notemp"]

    def run(
        self,
        name: str,
        targets: list[str],
        cache: Path | str = "off",
        settings: str = "usual",
        forgets: str | None = None,
    ) -> Path:
        """Make the targets in a fresh folder; returns it."""
        folder = self.folder / name
        folder.mkdir()
        arguments = self.arguments(folder, targets, settings)
        self.snakemake.run(folder, *arguments, cache=cache, forgets=forgets)
        return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    pytest.importorskip("tensorrt_rtx")
    folder = tmp_path_factory.mktemp("contents")
    with FastSnakemake(folder / "said.txt") as snakemake:
        yield Runs(folder, snakemake)


@pytest.fixture(scope="module")
def alone(runs: Runs) -> Path:
    """A run without a store."""
    return runs.run("alone", QUICK)


def from_store(folder: Path) -> set[str]:
    """The jobs whose outputs came from the store, by the name of their log."""
    logs = folder / "results/logs"
    return {
        path.relative_to(logs).with_suffix("").as_posix()
        for path in logs.rglob("*.log")
        if "taken from the store" in path.read_text()
    }


def test_every_graph_is_of_its_kind_and_like_no_other(alone: Path) -> None:
    assert {graph: stored_types(alone / f"results/onnx/{graph}/model.onnx") for graph in TYPES} == (
        TYPES
    )
    proofs = {
        graph: alone / f"results/onnx/{graph}/proof.json" for graph in TYPES if graph != "fp32"
    }
    assert {graph: json.loads(path.read_text())["graph"] for graph, path in proofs.items()} == {
        graph: graph for graph in proofs
    }
    # Of a network like this one, the same tool makes the graph for both runtimes.
    others = [path for path in GRAPHS if "int8_openvino" not in path]
    assert len({sha256(alone / path) for path in others}) == len(others)


def test_every_engine_is_of_its_graph(alone: Path) -> None:
    graphs = {
        "engines/tensorrt_rtx/b2_fp16": "fp16",
        "engines/tensorrt_rtx/b2_bf16": "bf16",
        "engines/tensorrt_rtx/b2_fp8": "fp8",
        "engines/onnxruntime/b2_int8": "int8",
        "engines/openvino/b2_int8": "int8_openvino",
    }
    found = {name: record for name, record in contents(alone).items() if name in graphs}
    assert {name: record["graph_sha256"] for name, record in found.items()} == {
        name: sha256(alone / f"results/onnx/{graph}/model.onnx") for name, graph in graphs.items()
    }
    assert {record["status"] for record in found.values()} == {"built"}


def test_a_store_makes_no_difference_whoever_filled_it(
    runs: Runs, alone: Path, tmp_path: Path
) -> None:
    expected = contents(alone)
    assert len(expected) > 30
    runs.run("other", OTHER_QUICK, tmp_path, settings="other")
    after_other = runs.run("after other", QUICK, tmp_path)
    # What the other configuration has as well came from it, and nothing that it has otherwise.
    assert from_store(after_other) == {
        "export_onnx",
        "convert_onnx/fp16",
        "build_engine/tensorrt_rtx/b2_fp16",
    }
    assert contents(after_other) == expected
    filled = runs.run("filled", QUICK, tmp_path)
    engines = {
        *(f"build_engine/tensorrt_rtx/b2_{name}" for name in ("fp16", "bf16", "fp8")),
        *(f"build_engine/{runtime}/b2_int8" for runtime in ("onnxruntime", "openvino")),
    }
    assert from_store(filled) == {*STORED, *engines}
    assert contents(filled) == expected


def test_the_comparison_needs_what_a_job_is_in_the_keys(
    runs: Runs, alone: Path, tmp_path: Path
) -> None:
    """With keys that lack it, graphs get one another's file, and that is noticed."""
    mixed = runs.run("mixed", GRAPHS, tmp_path, forgets="identity")
    made, expected = contents(mixed), contents(alone)
    wrong = {path for path in made if made[path] != expected[path]}
    assert wrong and {path.split("/")[1] for path in wrong} < TYPES.keys()
    others = [path for path in GRAPHS if "int8_openvino" not in path]
    assert len({sha256(mixed / path) for path in others}) < len(others)


@pytest.mark.slow
def test_a_store_makes_no_difference_to_anything(runs: Runs, tmp_path: Path) -> None:
    """Every engine, its masks and scores, and the whole way to the report."""
    target = ["results/report.html"]
    expected = contents(runs.run("all alone", target))
    assert {name for name in expected if name.startswith("engines/")} == {
        f"engines/{name}"
        for name in (
            *(
                f"tensorrt_rtx/b2_{precision}"
                for precision in ("fp32", "fp16", "bf16", "int8", "fp8")
            ),
            *(f"openvino/b2_{precision}" for precision in ("fp32", "fp16", "bf16", "int8")),
            *("onnxruntime/b2_fp32", "onnxruntime/b2_int8"),
        )
    }
    empty, others = tmp_path / "empty", tmp_path / "others"
    assert contents(runs.run("all with an empty store", target, empty)) == expected
    assert contents(runs.run("all with a filled store", target, empty)) == expected
    runs.run("all of the other", target, others, settings="other")
    assert contents(runs.run("all after the other", target, others)) == expected
    # As a user runs it: each job in a Python of its own.
    folder = runs.folder / "as a user"
    folder.mkdir()
    command = [sys.executable, "-m", "snakemake", *runs.arguments(folder, target, "usual")]
    environment = {**os.environ, "SEGTRT_CACHE": str(others), "COLUMNS": "200"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=False)
    assert done.returncode == 0, re.sub(rb"\n+", b"\n", done.stdout + done.stderr)[-3000:]
    assert contents(folder) == expected
