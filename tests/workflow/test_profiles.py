"""The profiles: complete, understood by Snakemake, and asking for what each job needs."""

import os
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

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
        found[rule].append({**dict(pairs), "threads": threads[1] if threads else "1"})
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
        assert not GPU_RULES & set(settings["groups"])  # type: ignore[call-overload]


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


def test_slurm_jobs_for_a_gpu_ask_for_one(project_root: Path, tmp_path: Path) -> None:
    """The rules of engines, and no others, where the site gives them a GPU."""
    pytest.importorskip("snakemake_executor_plugin_slurm")
    wanted = [f"{rule}:gpu=1" for rule in sorted(GPU_RULES)]
    where = ["--profile", str(project_root / "profiles/slurm"), "--set-resources", *wanted]
    found = jobs(dry_run(project_root, tmp_path, *where))
    for rule, each in found.items():
        assert {asked.get("gpu") for asked in each} == ({"1"} if rule in GPU_RULES else {None})


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
