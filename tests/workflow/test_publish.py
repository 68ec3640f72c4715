"""The rule that publishes: what decides it, what it decides, and what is refused before any job."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from real_plan import all_nodes, real_plan
from segtrt.config.resolve import resolve_config
from segtrt.errors import SegtrtError
from segtrt.plan.checks import check_publishing
from segtrt.plan.node import Node
from small_world import a_machine, become, write_world
from snakemake_runs import job_counts, run_snakemake

ENGINES = {"runtimes": ["onnxruntime"], "batch_sizes": [1, 4], "precisions": ["fp32", "int8"]}
SECRET = "https://alice:hush@mlflow.example/runs?token=s3cret"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    become(monkeypatch, a_machine())
    return write_world(tmp_path) | {"engines": ENGINES}


def published(folder: Path, config: dict[str, Any], **settings: Any) -> Node:
    with real_plan(folder, config | {"publish": settings}) as plan:
        return plan.node("publish")


def test_report_summary_and_engines_decide_it(config: dict[str, Any], tmp_path: Path) -> None:
    for which, count in (("recommended", 4), ("all", 4), ("none", 0)):
        with real_plan(tmp_path, config | {"publish": {"engines": which}}) as plan:
            node = plan.node("publish")
            makers = {up.rule for up in node.upstream}
            assert makers - {"build_engine"} == {"summarise", "write_report"}
            assert sum(up.rule == "build_engine" for up in node.upstream) == count
            assert node.verifies == ()
            assert node.outputs == ("results/published.json",)
            assert not plan.rules["publish"].stored


def test_its_settings_decide_nothing_else(config: dict[str, Any], tmp_path: Path) -> None:
    def keys(**settings: Any) -> tuple[dict[Any, str], str]:
        with real_plan(tmp_path, config | {"publish": settings}) as plan:
            others = {(n.rule, n.name): n.key for n in all_nodes(plan) if n.rule != "publish"}
            return others, plan.node("publish").key

    others, own = keys()
    found = {own}
    for settings in ({"experiment": "brain"}, {"engines": "none"}, {"tracking_uri": SECRET}):
        assert keys(**settings)[0] == others
        found.add(keys(**settings)[1])
    assert len(found) == 4


def test_mlflows_variable_decides_and_no_secret_is_in_the_key(
    config: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = published(tmp_path, config)
    named = published(tmp_path, config, tracking_uri=SECRET)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", SECRET.replace("hush", "other"))
    by_variable = published(tmp_path, config)
    assert by_variable.key == named.key != usual.key
    for node in (named, by_variable):
        text = json.dumps(node.as_params())
        assert "mlflow.example/runs" in text
        assert not [word for word in ("alice", "hush", "other", "s3cret") if word in text]


def test_without_mlflow_it_is_refused_before_any_job(monkeypatch: pytest.MonkeyPatch) -> None:
    check_publishing(own_environment=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SegtrtError, match=r"publishing needs MLflow: install the extra mlflow"):
        check_publishing(own_environment=False)
    check_publishing(own_environment=True)


@pytest.mark.parametrize(
    "settings", [{"engines": "some"}, {"experiment": ""}, {"tracking_uri": 5}, {"run": "x"}]
)
def test_settings_that_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SegtrtError, match="publish"):
        resolve_config({"publish": settings})


def test_publish_is_a_target(tmp_path: Path, project_root: Path) -> None:
    snakefile = project_root / "Snakefile"
    done = run_snakemake(tmp_path, "publish", "-n", snakefile=snakefile)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = job_counts(done.stdout)
    assert counts["publish"] == counts["write_report"] == 1
    assert "make_package" not in counts
    report = run_snakemake(tmp_path, "results/report.html", "-n", snakefile=snakefile)
    assert "publish" not in job_counts(report.stdout)
