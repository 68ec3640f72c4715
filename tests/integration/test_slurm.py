"""The workflow on a real Slurm of one node: its results, and what happens when things break."""

import contextlib
import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

CONFIG = [
    "engines={runtimes: [onnxruntime, openvino], batch_sizes: [4], precisions: [fp32]}",
    "dataset={subjects: [DEMO_0001, DEMO_0002]}",
    "tensors={samples: [{subject: DEMO_0001, slice: 8}]}",
    "inference={iterations: 5, max_seconds: 0.5, warmup_max_seconds: 0.2}",
]
# There is no accounting database; and a test need not wait long for a job's end.
QUICK = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"]
QUICK += ["--latency-wait", "10"]
# The runtimes on the CPU stand on the pretended GPU: their jobs ask for it and queue on it.
ON_GPU = [f"{rule}:gpu=1" for rule in ("build_engine", "run_engine", "time_engine")]

TENSORS = "results/tensors/shard_00.safetensors"
"""A target that takes two jobs, one after the other."""


class Cluster:
    """A running cluster, and the workflow on it."""

    def __init__(self, root: Path, folder: Path, tool: ModuleType, environment: Mapping[str, str]):
        self.root = root
        self.folder = folder
        self.tool = tool
        self.environment = {**os.environ, **environment, "SEGTRT_CACHE": "off"}

    def command(self, where: Path, *arguments: str, profile: bool = True) -> list[str]:
        """The Snakemake call: a target and options in `arguments`, the configuration behind."""
        program = str(Path(sys.executable).with_name("snakemake"))
        call = [program, *arguments, "--snakefile", str(self.root / "Snakefile")]
        call += ["--directory", str(where)]
        if profile:
            call += [
                "--profile",
                str(self.root / "profiles" / "slurm"),
                "--workflow-profile",
                "none",
            ]
            call += QUICK
        return [*call, "--config", *CONFIG]

    def snakemake(
        self, where: Path, *arguments: str, profile: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run the workflow to its end in the folder `where`; stderr is in stdout."""
        return subprocess.run(
            self.command(where, *arguments, profile=profile),
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=900,
            check=False,
        )

    def start(self, where: Path, *arguments: str) -> "subprocess.Popen[str]":
        """Start the workflow; its output goes to `output.txt` in `where`."""
        where.mkdir(parents=True, exist_ok=True)
        with (where / "output.txt").open("w") as output:
            return subprocess.Popen(
                self.command(where, *arguments),
                env=self.environment,
                stdout=output,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )

    def slurm(self, *command: str) -> str:
        """What one of Slurm's client tools answers."""
        done = subprocess.run(
            command, env=self.environment, capture_output=True, text=True, check=True
        )
        return done.stdout

    def queue(self) -> list[tuple[str, str, str]]:
        """(name, state, reason) of each job that waits or runs."""
        lines = self.slurm("squeue", "--noheader", "--format=%k|%T|%r").splitlines()
        return [tuple(line.split("|", 2)) for line in lines]  # type: ignore[misc]

    def running(self, rule: str) -> bool:
        """Whether a job of the rule runs."""
        return any(rule in name and state == "RUNNING" for name, state, _ in self.queue())


def await_that(condition: Callable[[], bool], what: str, seconds: float = 120) -> None:
    """Wait until a condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what}: not within {seconds} s"
        time.sleep(0.3)


@pytest.fixture(scope="module")
def tool(project_root: Path) -> ModuleType:
    """The script that starts a cluster."""
    path = project_root / "tools" / "local_slurm.py"
    spec = importlib.util.spec_from_file_location("local_slurm", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def cluster(
    project_root: Path, tool: ModuleType, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Cluster]:
    """A Slurm of one node with a pretended GPU."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    reason = tool.hindrance()
    if reason:
        pytest.skip(f"no Slurm here: {reason}")
    folder = tmp_path_factory.mktemp("slurm")
    # Four processors, so that jobs of four threads find room on a smaller machine too.
    with tool.running(folder, cpus=4) as environment:
        yield Cluster(project_root, folder, tool, environment)


@pytest.fixture
def idle(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with nothing in its queue, before and after; its node in service."""
    yield cluster
    subprocess.run(["scancel", "--user=root"], env=cluster.environment, check=False)
    await_that(lambda: not cluster.queue(), "the queue empties")


def files(folder: Path, pattern: str) -> dict[str, bytes]:
    """Content of the files of `folder` that match."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.glob(pattern))
        if path.is_file() and path.name != ".snakemake_timestamp"
    }


def keys(folder: Path) -> dict[str, str]:
    """Key of each record."""
    return {
        name: json.loads(content)["key"]
        for name, content in files(folder / "results/keys", "*/**/*.json").items()
    }


def test_the_demo_on_slurm_equals_a_local_run(idle: Cluster, tmp_path: Path) -> None:
    """Point by point: GPU jobs queued on the GPU, same keys and masks, nothing local in results."""
    there, here = tmp_path / "there", tmp_path / "here"
    target = "results/report.html"
    done = idle.snakemake(there, target, "--set-resources", *ON_GPU)
    assert done.returncode == 0, done.stdout
    asked = re.findall(r"^ *rule (\w+):\n(?: .*\n)*? +resources: (.*)$", done.stdout, re.M)
    on_gpu = sorted(rule for rule, resources in asked if "gpu=1" in resources)
    assert on_gpu == sorted(2 * ["build_engine", "run_engine", "time_engine"])
    assert not any("gpu=" in resources for rule, resources in asked if rule not in on_gpu)

    local = idle.snakemake(here, target, profile=False)
    assert local.returncode == 0, local.stdout
    assert keys(there) == keys(here) != {}
    masks = files(there / "results/predictions", "**/*.tif")
    assert masks == files(here / "results/predictions", "**/*.tif")
    assert len(masks) == 2 * 2 * 16
    tensors = files(there / "results", "tensors/*")
    assert tensors == files(here / "results", "tensors/*") != {}
    scores = files(there / "results", "scores/**/*.json")
    assert set(scores) == set(files(here / "results", "scores/**/*.json"))

    # A job's own look at the workflow writes nothing, and a second start finds nothing to do.
    assert not (there / "results/keys/changes.txt").exists()
    assert not list(there.glob(".snakemake/locks/*"))
    again = idle.snakemake(there, target)
    assert "Nothing to be done" in again.stdout

    # The cache of hashes knows source files by their place; it is no artefact and safe to lose.
    places = [str(tmp_path).encode(), str(idle.root).encode(), str(Path.home()).encode() + b"/"]
    kept = files(there, "results/**/*")
    telling = [
        name
        for name, content in kept.items()
        if not name.startswith(("results/logs/", "results/keys/hashes.txt"))
        and any(place in content for place in places)
    ]
    assert telling == []


@pytest.mark.slow
def test_machines_are_described_and_reported_on_together(idle: Cluster, tmp_path: Path) -> None:
    """Two of them, each with its partition: jobs go there, and one report has both."""
    machines = {
        name: {"runtimes": ["openvino"], "resources": {"slurm_partition": partition}}
        for name, partition in (("first", "main"), ("second", "gpu"))
    }
    CONFIG.append(f"machines={json.dumps(machines)}")
    try:
        described = idle.snakemake(tmp_path, "describe_machines")
        assert described.returncode == 0, described.stdout
        assert set(files(tmp_path, "config/machines/*")) == {
            "config/machines/first.json",
            "config/machines/second.json",
        }
        done = idle.snakemake(tmp_path, "results/report.html")
        assert done.returncode == 0, done.stdout
        again = idle.snakemake(tmp_path, "results/report.html")
    finally:
        CONFIG.pop()
    assert "Nothing to be done" in again.stdout
    reached = set()
    for rule, fields in re.findall(r"^ *rule (\w+):\n((?: .*\n)*)", done.stdout, re.M):
        place = re.search(r"\bat=@(\w+)", fields)
        if place and rule not in ("score_engine", "validate_engine"):
            partition = machines[place[1]]["resources"]["slurm_partition"]  # type: ignore[index]
            assert f"slurm_partition={partition}" in fields
            reached.add((rule, place[1]))
        else:
            assert "slurm_partition=" not in fields
    rules = ("build_engine", "run_engine", "time_engine", "time_reference", "time_preparation")
    assert reached == {(rule, name) for rule in rules for name in machines}
    summary = json.loads((tmp_path / "results/summary.json").read_text())
    assert [one["name"] for one in summary["engines"]] == [
        "openvino@first/b4_fp32",
        "openvino@second/b4_fp32",
    ]
    assert {one["verdict"] for one in summary["engines"]} == {"pass"}


@pytest.mark.slow
def test_a_job_over_its_memory_is_sent_again_with_more(idle: Cluster, tmp_path: Path) -> None:
    """Slurm kills it, Snakemake tells so and retries as configured."""
    asked = "list_slices:mem_mb=20 if attempt == 1 else 1000"
    done = idle.snakemake(tmp_path, TENSORS, "--set-resources", asked, "--retries", "1")
    assert "Error in rule list_slices" in done.stdout
    assert re.search(r"status is: '(OUT_OF_MEMORY|CANCELLED|FAILED)", done.stdout), done.stdout
    assert done.returncode == 0, done.stdout
    assert (tmp_path / TENSORS).exists()


@pytest.mark.slow
def test_a_job_that_stays_over_its_memory_is_reported(idle: Cluster, tmp_path: Path) -> None:
    """With the log; the next start, with what it needs, finishes the rest."""
    asked = ["--set-resources", "encode_slices:mem_mb=20"]
    done = idle.snakemake(tmp_path, TENSORS, *asked, "--retries", "0")
    assert done.returncode != 0
    assert "Error in rule encode_slices" in done.stdout
    assert re.search(r"results/logs/slurm/rule_encode_slices/\S+\.log", done.stdout)
    assert (tmp_path / "results/dataset/manifest.json").exists()
    assert not (tmp_path / TENSORS).exists()
    again = idle.snakemake(tmp_path, TENSORS)
    assert again.returncode == 0, again.stdout
    assert "rule list_slices" not in again.stdout


@pytest.mark.slow
def test_a_job_over_its_time_is_reported(idle: Cluster, tmp_path: Path) -> None:
    """Training that never ends, with a limit of a minute."""
    CONFIG.append("training={epochs: 1000000}")
    try:
        target = "results/training/weights.safetensors"
        asked = ["--set-resources", "train:runtime=1", "--retries", "0"]
        done = idle.snakemake(tmp_path, target, *asked, "--set-threads", "train=1")
    finally:
        CONFIG.pop()
    assert done.returncode != 0
    assert "Error in rule train" in done.stdout
    assert "TIMEOUT" in done.stdout, done.stdout
    assert not (tmp_path / "results/training").exists() or not list(
        (tmp_path / "results/training").iterdir()
    )


@pytest.mark.slow
def test_a_drained_node_only_delays(idle: Cluster, tmp_path: Path) -> None:
    """The job on it ends, the next one waits until the node is back."""
    run = idle.start(tmp_path, TENSORS)
    await_that(lambda: idle.running("list_slices"), "list_slices runs")
    idle.slurm("scontrol", "update", "NodeName=localhost", "State=drain", "Reason=test")
    try:
        await_that(
            lambda: any("encode" in n and s == "PENDING" for n, s, _ in idle.queue()),
            "encode_slices waits",
        )
        assert run.poll() is None
    finally:
        idle.slurm("scontrol", "update", "NodeName=localhost", "State=resume")
    assert run.wait(timeout=180) == 0, (tmp_path / "output.txt").read_text()
    assert (tmp_path / TENSORS).exists()


@pytest.mark.slow
def test_a_lost_node_only_delays(idle: Cluster, tmp_path: Path) -> None:
    """Killed with all that runs on it; Slurm puts the job back into the queue."""
    run = idle.start(tmp_path, TENSORS)
    await_that(lambda: idle.running("list_slices"), "list_slices runs")
    idle.tool.lose_node(idle.folder)
    await_that(
        lambda: "down" in idle.slurm("sinfo", "--noheader", "--format=%t"), "the node is down"
    )
    idle.tool.start_node(idle.folder)
    assert run.wait(timeout=300) == 0, (tmp_path / "output.txt").read_text()
    assert (tmp_path / TENSORS).exists()


@pytest.mark.slow
def test_a_killed_start_is_picked_up_by_the_next(idle: Cluster, tmp_path: Path) -> None:
    """Its job goes on without it; its lock is taken away by hand."""
    run = idle.start(tmp_path, TENSORS)
    await_that(lambda: idle.running("list_slices"), "list_slices runs")
    os.killpg(run.pid, signal.SIGKILL)
    run.wait()
    await_that(lambda: not idle.queue(), "the job ends by itself")
    refused = idle.snakemake(tmp_path, TENSORS)
    assert refused.returncode != 0
    assert "--unlock" in refused.stdout
    unlocked = idle.snakemake(tmp_path, TENSORS, "--unlock")
    assert unlocked.returncode == 0, unlocked.stdout
    again = idle.snakemake(tmp_path, TENSORS)
    assert again.returncode == 0, again.stdout
    assert (tmp_path / TENSORS).exists()


@pytest.mark.slow
def test_an_interrupted_start_leaves_no_lock_and_no_jobs(idle: Cluster, tmp_path: Path) -> None:
    """What was submitted is cancelled: here training that never ends."""
    CONFIG.append("training={epochs: 1000000}")
    try:
        target = "results/training/weights.safetensors"
        run = idle.start(tmp_path, target, "--set-threads", "train=1")
        await_that(lambda: idle.running("train"), "train runs")
        for _ in range(3):
            # Snakemake overlooks an interrupt that reaches it while it writes to its log.
            run.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(timeout=20)
                break
    finally:
        CONFIG.pop()
    assert run.poll() not in (None, 0), (tmp_path / "output.txt").read_text()
    await_that(lambda: not idle.queue(), "its jobs are cancelled", seconds=30)
    assert not list(tmp_path.glob(".snakemake/locks/*"))
    again = idle.snakemake(tmp_path, "results/dataset/manifest.json")
    assert again.returncode == 0, again.stdout
