"""Machines that the configuration names: described first, then planned for, then held to it."""

import json
from pathlib import Path

import pytest
from segtrt.machine.facts import Machine, description, this_machine
from segtrt.machine.gpu import GpuFacts
from snakemake_runs import engines_listed, job_counts, run_snakemake

A100 = Machine("EPYC", "avx2", GpuFacts("NVIDIA A100", "8.0", "580.1", "13.0", 40_960))
SMALL = [
    "engines={runtimes: [openvino], batch_sizes: [4], precisions: [fp32]}",
    "dataset={subjects: [DEMO_0001, DEMO_0002]}",
    "tensors={samples: [{subject: DEMO_0001, slice: 8}]}",
    "inference={iterations: 5, max_seconds: 0.2, warmup_max_seconds: 0}",
]


def describe(folder: Path, name: str, machine: Machine) -> None:
    """As `describe_machines` leaves it."""
    path = folder / description(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(machine.to_json()))


def test_machines_are_described_before_anything_is_planned(
    project_root: Path, tmp_path: Path
) -> None:
    snakefile = project_root / "Snakefile"
    config = ["--config", "machines={one: {}, two: {}}"]
    refused = run_snakemake(tmp_path, "-n", *config, snakefile=snakefile)
    assert refused.returncode != 0
    said = refused.stdout + refused.stderr
    assert "machines: one, two not described yet in config/machines; run first: " in said
    assert "Traceback" not in said
    unlocked = run_snakemake(
        tmp_path, "describe_machines", "--unlock", *config, snakefile=snakefile
    )
    assert unlocked.returncode == 0, unlocked.stderr
    asking = ["--set-resources", "describe_machine:runtime=5"]
    refused = run_snakemake(tmp_path, "-n", *asking, *config, snakefile=snakefile)
    assert "one, two not described yet" in refused.stdout + refused.stderr

    done = run_snakemake(tmp_path, "describe_machines", "-c2", *config, snakefile=snakefile)
    assert done.returncode == 0, done.stderr
    described = this_machine()
    for name in ("one", "two"):
        assert json.loads((tmp_path / description(name)).read_text()) == described.to_json()
        assert f"config/machines/{name}.json: {described.cpu}" in done.stdout
    planned = run_snakemake(tmp_path, "-n", *config, snakefile=snakefile)
    assert planned.returncode == 0, planned.stderr
    unknown = run_snakemake(
        tmp_path, "-n", "results/machines/@three.json", *config, snakefile=snakefile
    )
    assert "No rule to produce results/machines/@three.json" in unknown.stdout + unknown.stderr

    # Asked again, they are looked at again, whatever stood there and however it would be planned.
    describe(tmp_path, "two", A100)
    config += ["engines={runtimes: [tensorrt], on_unsupported: fail}"]
    assert run_snakemake(tmp_path, "-n", *config, snakefile=snakefile).returncode != 0
    again = run_snakemake(tmp_path, "describe_machines", "-c2", *config, snakefile=snakefile)
    assert again.returncode == 0, again.stderr
    assert "config/machines/one.json: unchanged" in again.stdout
    assert f"two.json: cpu EPYC -> {described.cpu}" in again.stdout


def test_without_machines_there_is_none_to_describe(project_root: Path, tmp_path: Path) -> None:
    snakefile = project_root / "Snakefile"
    done = run_snakemake(tmp_path, "describe_machines", "-c1", snakefile=snakefile)
    assert done.returncode != 0
    assert "segtrt: the configuration names no machine" in done.stderr


def test_each_machine_has_its_engines_and_its_own_times(project_root: Path, tmp_path: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    describe(tmp_path, "a100", A100)
    describe(tmp_path, "node", Machine("Xeon", "avx2 amx_int8", None))
    machines = "machines={a100: {runtimes: [tensorrt_rtx, openvino]}, node: {}}"
    engines = "engines={runtimes: [openvino], batch_sizes: [1, 4], precisions: [fp32]}"
    config = ["--config", machines, engines]
    reported = run_snakemake(tmp_path, "-n", *config, snakefile=project_root / "Snakefile")
    assert reported.returncode == 0, reported.stderr
    assert engines_listed(reported.stdout) == {
        f"{place}/b{batch}_fp32" for place in ("openvino@a100", "openvino@node") for batch in (1, 4)
    } | ({f"tensorrt_rtx@a100/b{batch}_fp32" for batch in (1, 4)})
    counts = job_counts(reported.stdout)
    assert counts["time_reference"] == counts["time_preparation"] == 2
    assert counts["summarise"] == counts["run_reference"] == 1


def test_a_job_on_another_machine_than_planned_says_so_and_stops(
    project_root: Path, tmp_path: Path
) -> None:
    """Nothing is built, loaded or timed there; what needs no machine is made."""
    snakefile = project_root / "Snakefile"
    describe(tmp_path, "elsewhere", Machine("A CPU that nobody has", "none", None))
    config = ["--config", "machines={elsewhere: {}}", *SMALL]
    done = run_snakemake(tmp_path, "-c2", "--retries", "0", *config, snakefile=snakefile)
    assert done.returncode != 0
    reported = "planned for A CPU that nobody has"
    for log in ("build_engine/openvino@elsewhere/b4_fp32", "time_reference@elsewhere"):
        text = (tmp_path / f"results/logs/{log}.log").read_text()
        assert reported in text
        assert len(text.splitlines()) == 1
        assert "snakemake describe_machines" in text
    assert not list(tmp_path.glob("results/engines/**/engine.bin"))
    assert (tmp_path / "results/reference/shard_00.safetensors").exists()


@pytest.mark.slow
def test_one_report_over_two_machines(project_root: Path, tmp_path: Path) -> None:
    """This machine under two names; a name more later costs its own engines alone."""
    snakefile = project_root / "Snakefile"
    for name in ("one", "two", "three"):
        describe(tmp_path, name, this_machine())
    config = ["--config", "machines={one: {}, two: {}}", *SMALL]
    done = run_snakemake(tmp_path, "results/report.html", "-c2", *config, snakefile=snakefile)
    assert done.returncode == 0, done.stderr
    summary = json.loads((tmp_path / "results/summary.json").read_text())
    assert [engine["name"] for engine in summary["engines"]] == [
        "openvino@one/b4_fp32",
        "openvino@two/b4_fp32",
    ]
    assert all(engine["verdict"] == "pass" and engine["speedup"] for engine in summary["engines"])
    assert [machine["name"] for machine in summary["machines"]] == ["one", "two"]
    page = (tmp_path / "results/report.html").read_text()
    assert "openvino@two/b4_fp32" in page
    again = run_snakemake(tmp_path, "-n", *config, snakefile=snakefile)
    assert "Nothing to be done" in again.stdout + again.stderr

    config[1] = "machines={one: {}, three: {}, two: {}}"
    more = run_snakemake(tmp_path, "-n", *config, snakefile=snakefile)
    assert engines_listed(more.stdout) == {"openvino@three/b4_fp32"}
    assert job_counts(more.stdout)["time_reference"] == 1
