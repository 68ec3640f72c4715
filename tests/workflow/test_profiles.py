"""The profiles: complete, understood by Snakemake, and asking for what each job needs."""

import json
import os
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from onnx import helper
from segtrt.machine.facts import Machine, description
from segtrt.machine.gpu import GpuFacts
from snakemake_runs import run_snakemake
from tiny_networks import onnx_graph, weight

PROFILES = ("default", "slurm", "kubernetes")
CONFIG = [
    "engines={runtimes: [onnxruntime, openvino], batch_sizes: [4], precisions: [fp32]}",
    "dataset={subjects: [DEMO_0001, DEMO_0002]}",
]
GPU_RULES = {"build_engine", "run_engine", "time_engine"}


def dry_run(root: Path, folder: Path, *arguments: str, config: list[str] = CONFIG) -> str:
    """What `snakemake -n` prints for the report; it must succeed."""
    program = str(Path(sys.executable).with_name("snakemake"))
    call = [program, "results/report.html", "-n", "--snakefile", str(root / "Snakefile")]
    call += ["--directory", str(folder), *arguments, "--config", *config]
    done = subprocess.run(
        call,
        # Neither a cluster nor a bucket can be reached by accident.
        env={**os.environ, "KUBECONFIG": "/dev/null", "AWS_CONFIG_FILE": "/dev/null"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def jobs(output: str) -> dict[str, list[dict[str, str]]]:
    """Resources of each job by rule, as a dry run tells them."""
    found = defaultdict(list)
    for rule, fields in re.findall(r"^ *(?:local)?rule (\w+):\n((?:[ ]+\S.*\n)*)", output, re.M):
        asked = re.search(r"^ *resources: (.*)$", fields, re.M)
        pairs = re.findall(r"(\w+)=(<TBD>|[^,]*)", asked[1] if asked else "")
        threads = re.search(r"^ *threads: (\d+)$", fields, re.M)
        wildcards = re.search(r"^ *wildcards: (.*)$", fields, re.M)
        values = dict(pair.split("=") for pair in wildcards[1].split(", ")) if wildcards else {}
        reported = {"at": values["at"]} if values.get("at") else {}
        reported |= {"runtime of engine": values["runtime"]} if "runtime" in values else {}
        found[rule].append({**dict(pairs), **reported, "threads": threads[1] if threads else "1"})
    return dict(found)


def profile(root: Path, name: str) -> dict[str, object]:
    """A profile's settings."""
    content = yaml.safe_load((root / "profiles" / name / "profile.yaml").read_text())
    assert isinstance(content, dict)
    return content


@pytest.mark.parametrize("name", PROFILES)
def test_every_setting_stands_below_a_comment(project_root: Path, name: str) -> None:
    """Each block of settings has a comment; there is no empty value."""
    text = (project_root / "profiles" / name / "profile.yaml").read_text()
    for block in text.split("\n\n"):
        assert block.startswith("#"), f"no comment above:\n{block}"
    assert None not in profile(project_root, name).values()


@pytest.mark.parametrize("name", PROFILES)
def test_profiles_keep_what_caching_needs(project_root: Path, name: str) -> None:
    """Keys carry the decision, so incomplete jobs rerun and code's times do not count."""
    settings = profile(project_root, name)
    assert settings["rerun-incomplete"] is True
    assert settings["keep-going"] is True
    triggers = settings["rerun-triggers"]
    assert isinstance(triggers, list)
    assert "mtime" in triggers
    assert "code" not in triggers


def test_groups_name_rules_that_are(project_root: Path) -> None:
    """Both cluster profiles group the same, existing rules."""
    rules = set()
    for path in (project_root / "workflow" / "rules").glob("*.smk"):
        rules |= set(re.findall(r"^\s*rule (\w+):", path.read_text(), re.M))
    slurm, kubernetes = (profile(project_root, name) for name in ("slurm", "kubernetes"))
    assert slurm["groups"] == kubernetes["groups"]
    for settings in (slurm, kubernetes):
        for key in ("groups", "set-threads"):
            named = settings[key]
            assert isinstance(named, dict)
            assert set(named) <= rules
        # An engine's jobs each queue on a GPU for themselves.
        assert not {*GPU_RULES, "rebuild_engine"} & set(settings["groups"])  # type: ignore[call-overload]


def test_slurm_dry_run(project_root: Path, tmp_path: Path) -> None:
    """Every job says what it needs; those on the CPU ask for no GPU."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    where = ["--workflow-profile", str(project_root / "profiles/slurm")]
    output = dry_run(project_root, tmp_path, *where, "--cores", "8")
    found = jobs(output)
    assert {"list_slices", "encode_slices", "summarise", "score_engine", *GPU_RULES} <= set(found)
    for rule, each in found.items():
        for asked in each:
            assert "gpu" not in asked, rule
            assert int(asked["mem_mb"]) >= 500, rule
            assert asked["runtime"] == "<TBD>" or int(asked["runtime"]) >= 10, rule
            assert "slurm_partition" not in asked, rule
    assert found["run_reference"][0]["threads"] == "4"


def test_jobs_on_large_volumes_ask_for_their_patches(project_root: Path, tmp_path: Path) -> None:
    """128 cubed is as much as 32 slices of 256 x 256."""
    conv = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 6)
    onnx_graph(
        *(tmp_path / "net.onnx", [conv], {"w": weight(2, 1, 3, 3, 3)}),
        given=(None, 1, None, None, None),
    )
    for name in ("a", "b"):
        np.save(tmp_path / f"{name}.npy", np.zeros((4, 4, 4), np.float32))
    config = ["model={network: net.onnx}", "dataset={images: '{item}.npy', masks: null}"]
    asked = []
    for side in (32, 128):
        window = f"tensors={{normalisation: none, window: {{size: [{side}, {side}, {side}]}}}}"
        done = run_snakemake(
            *(tmp_path, "results/reference/shard_00.safetensors", "-n"),
            *("--config", *config, window),
            snakefile=project_root / "Snakefile",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        asked.append(int(jobs(done.stdout + done.stderr)["run_reference"][0]["mem_mb"]))
    assert asked == [1000 + 8 * 144, 1000 + 32 * 144]


def test_slurm_jobs_for_a_gpu_ask_for_one(project_root: Path, tmp_path: Path) -> None:
    """The rules of engines, and no others, where the site gives them a GPU."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    wanted = [f"{rule}:gpu=1" for rule in sorted(GPU_RULES)]
    where = ["--profile", str(project_root / "profiles/slurm"), "--set-resources", *wanted]
    found = jobs(dry_run(project_root, tmp_path, *where))
    for rule, each in found.items():
        assert {asked.get("gpu") for asked in each} == ({"1"} if rule in GPU_RULES else {None})


def test_each_machines_jobs_ask_for_their_way_there(project_root: Path, tmp_path: Path) -> None:
    """Its resources, and a GPU of its kind where a job uses one; no other job has them."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    pytest.importorskip("tensorrt_rtx")
    a100 = GpuFacts("NVIDIA A100", "8.0", "580.1", "13.0", 40_960)
    for name, machine in (
        ("a100", Machine("EPYC", "avx2", a100)),
        ("h100", Machine("EPYC", "avx2", replace(a100, name="NVIDIA H100"))),
        ("plain", Machine("EPYC", "avx2", None)),
    ):
        path = tmp_path / description(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(machine.to_json()))
    config = [
        "engines={runtimes: [tensorrt_rtx, openvino], batch_sizes: [4], precisions: [fp32], "
        "compute_capabilities: ['8.0', '9.0']}",
        "machines={a100: {resources: {slurm_partition: gpu, gpu_model: a100}}, "
        "h100: {resources: {slurm_partition: fast, gres: 'gpu:h100:1'}}, "
        "plain: {resources: {slurm_partition: standard}}}",
    ]
    where = ["--workflow-profile", str(project_root / "profiles/slurm")]
    found = jobs(dry_run(project_root, tmp_path, *where, config=config))

    def asked(rule: str, machine: str, runtime: str | None = None) -> list[str | None]:
        [job] = [
            job
            for job in found[rule]
            if job.get("at") == f"@{machine}" and job.get("runtime of engine") == runtime
        ]
        return [job.get(key) for key in ("slurm_partition", "gpu", "gpu_model", "gres")]

    # Without PyCUDA its engines are built and not run.
    assert asked("build_engine", "a100", "tensorrt_rtx") == ["gpu", "1", "a100", None]
    assert asked("build_engine", "h100", "tensorrt_rtx") == ["fast", None, None, "gpu:h100:1"]
    assert asked("build_engine", "plain", "tensorrt_rtx") == ["standard", None, None, None]
    for rule in sorted(GPU_RULES):
        assert asked(rule, "a100", "openvino") == ["gpu", None, None, None]
        assert asked(rule, "h100", "openvino") == ["fast", None, None, None]
    assert asked("time_reference", "a100") == ["gpu", "1", "a100", None]
    assert asked("time_reference", "h100") == ["fast", None, None, "gpu:h100:1"]
    assert asked("time_reference", "plain") == ["standard", None, None, None]
    assert asked("time_preparation", "a100") == ["gpu", None, None, None]
    elsewhere = [job for rule, each in found.items() for job in each if "at" not in job]
    assert elsewhere
    assert all(not {"slurm_partition", "gpu", "gres", "gpu_model"} & set(job) for job in elsewhere)


def test_kubernetes_dry_run_contacts_nobody(project_root: Path, tmp_path: Path) -> None:
    """With a folder in place of the bucket; weights come by URL, images from a mounted volume."""
    pytest.importorskip("snakemake_executor_plugin_kubernetes")
    pytest.importorskip("snakemake_storage_plugin_fs")
    bucket, data = tmp_path / "bucket", project_root / "data/demo/kaggle_3m"
    bucket.mkdir()
    storage = ["--default-storage-provider", "fs", "--default-storage-prefix", str(bucket)]
    profile_path = str(project_root / "profiles/kubernetes")
    config = [
        CONFIG[0],
        f"dataset={{source: path, path: {data}, subjects: [DEMO_0001, DEMO_0002]}}",
        "model={weights: https://example.org/weights.safetensors}",
        "tensors={samples: [{subject: DEMO_0001, slice: 8}]}",
    ]
    output = dry_run(
        project_root, tmp_path, "--workflow-profile", profile_path, *storage, config=config
    )
    found = jobs(output)
    assert set(found) >= GPU_RULES
    assert all("gpu" not in asked for each in found.values() for asked in each)
    assert f"{bucket}/results/report.html" in output


def test_the_kubernetes_profile_names_its_storage(project_root: Path) -> None:
    """S3, by a plugin that is installed."""
    pytest.importorskip("snakemake_storage_plugin_s3")
    assert profile(project_root, "kubernetes")["default-storage-provider"] == "s3"
