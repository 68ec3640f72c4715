"""Real runs of a small configuration: the shared store, cleaning, damage, interruption."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from oracle.bench import ROOT, Bench, copy_checkout, jobs_in
from oracle.world import World

pytestmark = pytest.mark.slow

CONFIG = {
    "dataset": {"subjects": ["DEMO_0001", "DEMO_0002"]},
    "tensors": {"samples": [{"subject": "DEMO_0001", "slice": 8}]},
    "engines": {
        "runtimes": ["openvino"],
        "batch_sizes": [1],
        "precisions": ["fp32", "int8"],
        "calibration": {"slices": 2},
    },
    "inference": {"iterations": 2, "max_seconds": 0.2, "warmup_max_seconds": 0.1},
}
ENGINE = "results/engines/openvino/b1_int8/engine.bin"
EXPENSIVE = (
    "export_onnx",
    "convert_onnx/int8_openvino",
    "run_reference/00",
    "build_engine/openvino/b1_fp32",
    "build_engine/openvino/b1_int8",
)
"""Jobs that the store saves, by the name of their log."""


class Checkout:
    """A copy of the checkout in which Snakemake really runs."""

    def __init__(self, folder: Path, cache: Path | str) -> None:
        self.folder = copy_checkout(folder)
        shutil.copytree(ROOT / "data/demo", folder / "data/demo")
        (folder / "config.yaml").write_text(yaml.safe_dump(CONFIG))
        self.environment = {**os.environ, "SEGTRT_CACHE": str(cache), "COLUMNS": "200"}

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "snakemake", *arguments]

    def try_to(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run Snakemake; output and errors come together."""
        return subprocess.run(
            self.command(*arguments),
            cwd=self.folder,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )

    def run(self, *arguments: str) -> str:
        """Run Snakemake, which must succeed; returns what it says."""
        done = self.try_to(*arguments)
        assert done.returncode == 0, done.stdout[-4000:]
        return done.stdout

    def log(self, job: str) -> str:
        return (self.folder / f"results/logs/{job}.log").read_text()

    def bytes(self, path: str) -> bytes:
        return (self.folder / path).read_bytes()


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Checkout:
    """A checkout whose report is up to date, with a store of its own."""
    made = Checkout(tmp_path_factory.mktemp("first") / "checkout", cache)
    made.run()
    return made


@pytest.fixture
def copy(first: Checkout, tmp_path: Path, cache: Path) -> Checkout:
    """The first checkout with its results, copied without times."""
    made = Checkout(tmp_path / "copy", cache)
    shutil.copytree(
        first.folder / "results", made.folder / "results", copy_function=shutil.copyfile
    )
    return made


def test_a_real_run_leaves_what_the_oracle_supposes(first: Checkout, tmp_path: Path) -> None:
    keys = first.folder / "results/keys"
    records = {
        path.relative_to(keys): json.loads(path.read_text()) for path in keys.rglob("*/*.json")
    }
    jobs = []
    for path in records:
        rule, *name = path.with_suffix("").parts
        job = "" if name == ["all"] else "/".join(name)
        jobs.append((rule, job.replace("/shard_", "/")))
    bench = Bench(tmp_path)
    try:
        shutil.copytree(ROOT / "data/demo", bench.checkout / "data/demo")
        shutil.copy(first.folder / "config.yaml", bench.checkout / "config.yaml")
        bench.run(World({}, machine={}), jobs, 0)
        assert bench.outputs.keys() - {("train", "")} == set(jobs)
        for path, real in records.items():
            supposed = json.loads((bench.checkout / "results/keys" / path).read_text())
            for part in ("format", "key", "parts", "upstream"):
                assert supposed[part] == real[part], path
            assert supposed["outputs"].keys() == real["outputs"].keys()
            # A job may not need all that another makes.
            assert real["inputs"].keys() <= supposed["inputs"].keys()
    finally:
        bench.close()


def test_a_finished_run_has_nothing_to_do(first: Checkout, copy: Checkout) -> None:
    for checkout in (first, copy):
        assert jobs_in(checkout.run("--dry-run")) == set()


def test_a_second_checkout_builds_nothing_expensive(
    first: Checkout, cache: Path, tmp_path: Path
) -> None:
    second = Checkout(tmp_path / "far/away", cache)
    second.run()
    for job in EXPENSIVE:
        assert "taken from the store" not in first.log(job)
        assert "taken from the store" in second.log(job)
    for path in ("results/onnx/fp32/model.onnx", "results/onnx/int8_openvino/model.onnx", ENGINE):
        assert first.bytes(path) == second.bytes(path)
    assert jobs_in(second.run("--dry-run")) == set()


def test_graphs_are_the_same_to_the_byte_in_another_folder(first: Checkout, tmp_path: Path) -> None:
    second = Checkout(tmp_path / "far/away", "off")
    graphs = ["results/onnx/fp32/model.onnx", "results/onnx/int8_openvino/model.onnx"]
    second.run(*graphs)
    assert [first.bytes(path) for path in graphs] == [second.bytes(path) for path in graphs]
    assert str(tmp_path).encode() not in b"".join(map(second.bytes, graphs))


def test_cleaned_engines_are_listed_and_really_built(copy: Checkout) -> None:
    said = copy.run("clean_engines")
    assert re.search(r"removed 2 engines and what belongs to them, [\d.]+ MiB freed", said)
    planned = jobs_in(copy.run("results/report.html", "--dry-run"))
    cells = ("openvino/b1_fp32", "openvino/b1_int8")
    rules = ("build_engine", "time_engine", "score_engine", "validate_engine")
    assert planned == {
        *((rule, cell) for rule in rules for cell in cells),
        *(("run_engine", f"{cell}/00") for cell in cells),
        ("summarise", ""),
        ("write_report", ""),
    }
    copy.run(ENGINE)
    assert "taken from the store" not in copy.log("build_engine/openvino/b1_int8")
    # Built alone, it is not the engine that was scored.
    assert ("score_engine", "openvino/b1_int8") in jobs_in(copy.run("--dry-run"))


def test_other_clean_targets_say_what_they_removed(copy: Checkout, tmp_path: Path) -> None:
    own = tmp_path / "cache"
    copy.environment["SEGTRT_CACHE"] = str(own)
    (copy.folder / "results/onnx/int8_openvino/model.onnx").unlink()
    copy.run("results/onnx/int8_openvino/model.onnx")
    assert re.search(rf"removed 1 entry from {own}, [\d.]+ MiB freed", copy.run("clean_cache"))
    said = copy.run("clean_results")
    assert re.search(r"removed results/ \(.*engines.*\), [\d.]+ MiB freed", said)
    assert not list((copy.folder / "results").glob("*.html"))
    assert (copy.folder / "data/demo").is_dir()


def test_explain_tells_the_state_of_every_engine(copy: Checkout) -> None:
    said = copy.run("explain", "--dry-run")
    assert re.search(r"^  openvino/b1_fp32  current$", said, re.MULTILINE)
    config = {**CONFIG, "engines": {**CONFIG["engines"], "calibration": {"slices": 3}}}
    (copy.folder / "config.yaml").write_text(yaml.safe_dump(config))
    (copy.folder / "results/engines/openvino/b1_fp32/engine.bin").unlink()
    for arguments in (["explain", "--dry-run"], ["explain"]):
        said = copy.run(*arguments)
        assert re.search(
            r"^  openvino/b1_fp32  incomplete \(results/engines/openvino/b1_fp32/engine.bin is "
            r"missing\)$",
            said,
            re.MULTILINE,
        )
        assert re.search(
            r"^  openvino/b1_int8  stale \(made from convert_onnx int8_openvino, which changed\)$",
            said,
            re.MULTILINE,
        )
        assert "\nconvert_onnx int8_openvino: stale (calibration.settings.slices: 2 -> 3)\n" in said


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("damaged", "user"),
    [
        (ENGINE, "results/timing/openvino/b1_int8.json"),
        ("results/engines/openvino/b1_int8/engine.json", "results/timing/openvino/b1_int8.json"),
        ("results/onnx/int8_openvino/model.onnx", ENGINE),
        ("results/tensors/shard_00.safetensors", "results/onnx/int8_openvino/model.onnx"),
        ("results/model/weights.safetensors", "results/onnx/fp32/model.onnx"),
    ],
)
@pytest.mark.parametrize("damage", [cut_short, change_a_byte])
def test_damage_is_reported_and_mended_as_reported(
    copy: Checkout, damaged: str, user: str, damage: Callable[[Path], None]
) -> None:
    damage(copy.folder / damaged)
    (copy.folder / user).unlink()
    done = copy.try_to(user)
    assert done.returncode != 0
    assert f"segtrt: {damaged} was changed or damaged after it was made" in done.stdout
    assert "Traceback (most recent call last)" not in done.stdout.partition("segtrt: ")[2][:400]
    (copy.folder / damaged).unlink()
    copy.run(user)


def test_swapped_engines_are_not_loaded(copy: Checkout) -> None:
    one = copy.folder / "results/engines/openvino/b1_int8"
    two = copy.folder / "results/engines/openvino/b1_fp32"
    one.rename(one.with_name("aside"))
    two.rename(one)
    one.with_name("aside").rename(two)
    (copy.folder / "results/timing/openvino/b1_int8.json").unlink()
    done = copy.try_to("results/timing/openvino/b1_int8.json")
    assert done.returncode != 0
    assert "b1_int8/engine.bin was changed or damaged after it was made" in done.stdout


def test_a_killed_run_is_taken_up_again(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path / "checkout", "off")
    graph = "results/onnx/fp32/model.onnx"
    run = subprocess.Popen(
        checkout.command(graph),
        cwd=checkout.folder,
        env=checkout.environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    begun = checkout.folder / "results/logs/export_onnx.log"
    deadline = time.monotonic() + 120
    while not begun.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    assert begun.exists() and not (checkout.folder / graph).exists()
    refused = checkout.try_to(graph)
    assert refused.returncode != 0 and "--unlock" in refused.stdout
    checkout.run("--unlock")
    checkout.run(graph)
    assert jobs_in(checkout.run(graph, "--dry-run")) == set()
    assert not list((checkout.folder / "results").rglob("*.part"))


def test_forced_jobs_run_though_nothing_changed(copy: Checkout) -> None:
    planned = jobs_in(copy.run("--dry-run", "--forcerun", "score_engine"))
    assert ("score_engine", "openvino/b1_fp32") in planned
    assert ("run_engine", "openvino/b1_fp32/00") in planned
    assert ("build_engine", "openvino/b1_fp32") not in planned
