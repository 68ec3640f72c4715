"""The workflow as a module of another workflow."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from tiny_run import ROOT, Runner, copy_slices, planned, reproducible, settings

HOST = f"""
configfile: "host.yaml"


rule all:
    input:
        "count.txt",


module one:
    snakefile: {str(ROOT / "Snakefile")!r}
    config: config["one"]
    prefix: "sub"


use rule * from one as one_*


module two:
    snakefile: {str(ROOT / "Snakefile")!r}
    config: config["two"]
    prefix: "other/place"


use rule * from two exclude all


rule count:
    input:
        "sub/results/tensors/shard_00.safetensors",
        "other/place/results/tensors/shard_00.safetensors",
    output:
        "count.txt",
    shell:
        "wc -c {{input}} > {{output}}"


onstart:
    one.onstart()
    two.onstart()


onsuccess:
    one.onsuccess()
    two.onsuccess()
"""
TRIGGERS = ("-c2", "--rerun-triggers", "mtime")


class Host:
    """A workflow with this one in it twice, as modules with settings of their own."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.runner = Runner(folder, TRIGGERS)
        (folder / "Snakefile").write_text(HOST)
        copy_slices(folder / "images")
        shutil.copy(ROOT / "data/demo/weights.safetensors", folder / "w.safetensors")
        one = settings("images", "w.safetensors")
        self.config: dict[str, Any] = {
            "one": one,
            "two": {**one, "tensors": {**one["tensors"], "normalisation": "scale"}},
        }
        self.configure()

    def configure(self) -> None:
        (self.runner.folder / "host.yaml").write_text(yaml.safe_dump(self.config))

    def files(self) -> set[str]:
        """What lies in the folder."""
        return {path.name for path in self.runner.folder.iterdir()}


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    made = Host(tmp_path_factory.mktemp("module") / "host")
    made.runner.run()
    return made


def test_each_module_makes_its_own_and_nothing_twice(host: Host) -> None:
    folder = host.runner.folder
    given = {"Snakefile", "host.yaml", "images", "w.safetensors", ".snakemake"}
    assert host.files() == {*given, "count.txt", "sub", "other"}
    made = [
        folder / f"{place}/results/tensors/shard_00.safetensors" for place in ("sub", "other/place")
    ]
    assert made[0].read_bytes() != made[1].read_bytes()
    assert planned(host.runner.run("-n")) == set()


def test_a_changed_setting_runs_what_it_must_in_its_module_alone(host: Host) -> None:
    host.config["two"]["tensors"]["normalisation"] = "slice"
    host.configure()
    assert planned(host.runner.run("-n")) == {"note_changes", "encode_slices", "count", "all"}
    said = host.runner.run()
    assert "encode_slices 00: stale (" in said and "normalisation: scale -> slice" in said
    assert planned(host.runner.run("-n")) == set()
    folder = host.runner.folder
    one, two = (
        (folder / place / "results/tensors/shard_00.safetensors").read_bytes()
        for place in ("sub", "other/place")
    )
    assert one == two


def test_upkeep_stays_below_the_prefix(host: Host) -> None:
    folder = host.runner.folder
    stray = folder / "other/place/results/onnx/stray"
    stray.parent.mkdir(parents=True)
    stray.write_text("")
    assert "every artefact is as its job made it" in host.runner.run("one_verify")
    done = host.runner.try_to("verify")
    assert done.returncode == 1
    assert "other/place/results/onnx/stray: has no key record" in done.stdout
    assert "openvino/b1_fp32  missing" in host.runner.run("one_explain")
    before = sorted((folder / "sub").rglob("*"))
    assert "removed results/ (" in host.runner.run("clean_results")
    assert not (folder / "other/place/results").exists()
    assert sorted((folder / "sub").rglob("*")) == before
    assert "results" not in host.files()


@pytest.mark.slow
def test_results_are_those_of_the_workflow_by_itself(host: Host, tmp_path: Path) -> None:
    folder = host.runner.folder
    (tmp_path / "config.yaml").write_text(
        yaml.safe_dump(settings(folder / "images", folder / "w.safetensors"))
    )
    where = ("--snakefile", str(ROOT / "Snakefile"), "--configfile", str(tmp_path / "config.yaml"))
    Runner(tmp_path, (*where, *TRIGGERS)).run()
    said = host.runner.run("sub/results/report.html")
    assert said.count("\nreport: sub/results/report.html") == 1
    assert reproducible(folder / "sub") == reproducible(tmp_path)
    keys = {}
    for place in (folder / "sub", tmp_path):
        records = place / "results/keys"
        keys[place] = {
            path.relative_to(records).as_posix(): json.loads(path.read_text())["key"]
            for path in records.glob("*/**/*.json")
        }
    # In no key is a path.
    assert keys[folder / "sub"] == keys[tmp_path]
    assert planned(host.runner.run("one_all", "-n")) == set()
    host.runner.run("one_all", "--report", "snakemake-report.html")
    page = (folder / "snakemake-report.html").read_text("utf-8")
    assert "Latency of one batch on this engine" in page
    assert "openvino/b1_fp32  current" in host.runner.run("one_explain")
    assert "all 1 engines that were run passed" in host.runner.run("one_check")
    assert "removed 1 engine" in host.runner.run("one_clean_engines")
    assert not (folder / "sub/results/engines").exists()
    again = planned(host.runner.run("one_all", "-n"))
    assert {"one_build_engine", "one_validate_engine"} <= again and "one_export_onnx" not in again


def test_modules_of_two_checkouts_are_refused_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "checkout").mkdir()
    for name in ("Snakefile", "config.yaml", "workflow"):
        (tmp_path / "checkout" / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "workflow/rules", tmp_path / "other/workflow/rules")
    shutil.copy(ROOT / "Snakefile", tmp_path / "other/Snakefile")
    shutil.copy(ROOT / "config.yaml", tmp_path / "other/config.yaml")
    modules = [
        f"module {name}:\n    snakefile: {str(tmp_path / name / 'Snakefile')!r}\n"
        f"    config: {{}}\n    prefix: {name!r}\n\nuse rule * from {name} as {name}_*\n"
        for name in ("checkout", "other")
    ]
    (tmp_path / "Snakefile").write_text("\n".join(modules))
    done = Runner(tmp_path, TRIGGERS).try_to("-n")
    assert done.returncode == 1
    assert "all modules of one workflow must come from one checkout" in done.stdout
