"""The workflow's jobs as nodes: which edit, setting or machine changes which key."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from segtrt.config.resolve import resolve_config
from segtrt.config.settings import as_json
from segtrt.engines.matrix import make_matrix
from segtrt.machine import facts as machines
from segtrt.machine.facts import Machine
from segtrt.machine.gpu import GpuFacts
from segtrt.plan import deciding, pipeline
from segtrt.plan.deciding import PACKAGES, deciding_config
from segtrt.plan.fingerprint import PACKAGE, code_fingerprint
from segtrt.plan.pipeline import Pipeline
from segtrt.plan.sources import DatasetDigest
from segtrt.runtimes.base import Availability
from segtrt.runtimes.registry import get_runtime
from segtrt.runtimes.tensorrt import runtime as tensorrt_runtimes

DATASET = DatasetDigest(
    Path("images"), {"subjects": {"a": 1, "b": 2}}, ({"a": 1}, {"b": 2}), {"a": 1}
)
ENGINES: dict[str, Any] = {
    "runtimes": ["onnxruntime", "openvino", "tensorrt"],
    "batch_sizes": [1, 4],
    "precisions": ["fp32", "int8"],
}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine with a GPU; call it to change the machine."""

    def become(
        gpu: str = "GPU A", driver: str = "580", cpu: str = "CPU 1", trt: str = "11"
    ) -> None:
        facts = GpuFacts(gpu, "9.0", driver, "13.0", 80_000)
        monkeypatch.setattr(machines, "this_machine", lambda: Machine(cpu, "avx2", facts))
        monkeypatch.setattr(tensorrt_runtimes.TensorRT, "version", lambda _: trt)
        here = Availability(True, True)
        monkeypatch.setattr(tensorrt_runtimes.TensorRT, "availability", lambda *_: here)

    become()
    return become


def keys(
    *,
    dataset: DatasetDigest = DATASET,
    weights: str = "0",
    described: dict[str, Machine] | None = None,
    **groups: dict[str, Any],
) -> dict[str, str]:
    """Label -> key of every node."""
    engines = ENGINES | groups.pop("engines", {})
    shards = {"shards": 2, **groups.pop("dataset", {})}
    config = resolve_config({"engines": engines, "dataset": shards, **groups})
    matrix = make_matrix(config, get_runtime, described or {"": machines.this_machine()})
    made = Pipeline(config, matrix, dataset, {"content": weights}, get_runtime)
    return {node.label: node.key for node in made.nodes.values()}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Rules, or `rule runtime` for those of an engine, of which a key changed."""
    assert before.keys() == after.keys()
    labels = [label for label in before if before[label] != after[label]]
    return {label.split("/")[0] if "/" in label else label.split(" ")[0] for label in labels}


def test_every_rule_has_its_script_and_every_output_its_own_job() -> None:
    config = resolve_config({"engines": ENGINES, "dataset": {"shards": 2}})
    matrix = make_matrix(config, get_runtime, {"": machines.this_machine()})
    made = Pipeline(config, matrix, DATASET, {}, get_runtime)
    assert all((PACKAGE.parent / f"{rule}.py").is_file() for rule, _ in made.nodes)
    outputs = [path for node in made.nodes.values() for path in node.outputs]
    assert len(outputs) == len(set(outputs))
    records = [node.record for node in made.nodes.values()]
    assert len(records) == len(set(records))


def test_keys_hold_no_path_host_or_time(tmp_path: Path) -> None:
    before = keys(report={"compare_with": str(tmp_path / "one/summary.json")})
    after = keys(report={"compare_with": str(tmp_path / "two/summary.json")})
    assert changed(before, after) == set()


def test_the_order_of_lists_does_not_count() -> None:
    turned = {key: ENGINES[key][::-1] for key in ENGINES}
    assert changed(keys(), keys(engines=turned)) == set()


def test_the_compared_summary_counts_by_content(tmp_path: Path) -> None:
    earlier = tmp_path / "summary.json"
    earlier.write_text("{}")
    before = keys(report={"compare_with": str(earlier)})
    earlier.write_text("{ }")
    after = keys(report={"compare_with": str(earlier)})
    assert changed(before, after) == {"summarise", "write_report"}


def test_another_gpu_or_driver_rebuilds_its_engines_alone(machine: Callable[..., None]) -> None:
    before = keys()
    expected = {
        f"{rule} tensorrt"
        for rule in ("build_engine", "run_engine", "time_engine", "score_engine", "validate_engine")
    } | {"time_reference", "summarise", "write_report"}
    for change in ({"gpu": "GPU B"}, {"driver": "581"}):
        machine(**change)
        assert changed(before, keys()) == expected
    machine(trt="10.9")
    assert changed(before, keys()) == expected - {"time_reference"}


def test_two_machines_alike_have_the_same_keys(
    machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys()
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.setattr("platform.node", lambda: "elsewhere")
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    assert keys() == before
    machine(cpu="CPU 2")
    after = keys()
    engines = [label for label in before if label.startswith("build_engine tensorrt")]
    assert engines and all(before[label] == after[label] for label in engines)


def test_a_machines_name_decides_no_engine_and_its_hardware_does() -> None:
    facts = GpuFacts("GPU B", "8.0", "580", "13.0", 40_000)
    described = {
        "one": machines.this_machine(),
        "like": machines.this_machine(),
        "other": Machine("CPU 9", "avx2", facts),
    }
    alone = keys()
    named = keys(machines=dict.fromkeys(described), described=described)
    shared = alone.keys() & named.keys()
    assert {label.split(" ")[0] for label in shared} == {
        *("list_slices", "encode_slices", "train", "fetch_weights", "export_onnx"),
        *("convert_onnx", "write_samples", "run_reference", "summarise", "write_report"),
    }
    ends = {"summarise", "write_report"}
    assert {label for label in shared if alone[label] != named[label]} == ends
    machines_own = ("build_engine", "time_reference", "time_preparation")
    of_machines = {label for label in named if label.startswith(machines_own)}
    assert len(of_machines) == 3 * sum(label.startswith(machines_own) for label in alone)
    for label in of_machines:
        name = label.split("@")[1].split("/")[0]
        same = named[label] == alone[label.replace(f"@{name}", "").strip()]
        assert same == (name != "other"), label


@pytest.mark.parametrize(
    ("groups", "rules"),
    [
        ({"validation": {"threshold": 0.4}}, {"score_engine", "validate_engine"}),
        ({"inference": {"iterations": 3}}, {"time_engine", "time_reference"}),
        ({"report": {"title": "Other"}}, set()),
        ({"tensors": {"samples": [{"subject": "a", "slice": 1}]}}, {"write_samples"}),
    ],
)
def test_a_setting_counts_where_it_is_used(groups: dict[str, Any], rules: set[str]) -> None:
    found = {label.split(" ")[0] for label in changed(keys(), keys(**groups))}
    assert found == rules | {"summarise", "write_report"}


def test_a_builder_setting_of_tensorrt_leaves_other_engines_alone() -> None:
    found = changed(keys(), keys(engines={"workspace_mib": 2048}))
    assert "build_engine tensorrt" in found
    assert not {each for each in found if each.endswith(("onnxruntime", "openvino"))}


def test_evaluation_images_do_not_touch_calibrated_engines() -> None:
    shards = (DATASET.shards[0], {"b": 3})
    dataset = DatasetDigest(DATASET.root, {"subjects": {"a": 1, "b": 3}}, shards, {"a": 1})
    found = changed(keys(), keys(dataset=dataset))
    assert not {rule for rule in found if rule.startswith(("build_engine", "convert_onnx"))}
    assert {"encode_slices", "run_reference", "score_engine openvino"} <= found


def test_calibration_images_touch_quantised_engines_alone() -> None:
    dataset = DatasetDigest(DATASET.root, DATASET.whole, DATASET.shards, {"a": 2})
    before, after = keys(), keys(dataset=dataset)
    built = {label for label in before if before[label] != after[label] and "build" in label}
    assert built and all(label.endswith("int8") for label in built)


def test_weights_count_by_content_and_lead_to_every_engine() -> None:
    before, after = keys(), keys(weights="1")
    same = {label.split(" ")[0] for label in before if before[label] == after[label]}
    assert same == {"list_slices", "encode_slices", "time_preparation", "train"}


def test_the_report_follows_its_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys()
    monkeypatch.setattr(pipeline, "digest_templates", lambda: {"report.css": "other"})
    assert changed(before, keys()) == {"write_report"}


def test_a_package_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGES, "train", ("no-such-package",))
    assert deciding.versions_of("train") == {"no-such-package": None}


def test_paths_are_reduced_to_names() -> None:
    given = {"dataset": {"source": "path", "path": "/a/kaggle_3m"}, "model": {"weights": "b/w.pt"}}
    config = deciding_config(as_json(resolve_config(given)))
    assert config["dataset"]["path"] == "kaggle_3m" and config["model"]["weights"] == "w.pt"
    url = "https://example.org/a/w-0123abcd.pt"
    assert (
        deciding_config(as_json(resolve_config({"model": {"weights": url}})))["model"]["weights"]
        == url
    )


def test_keys_are_the_same_in_another_process() -> None:
    code = (
        "from segtrt.plan.fingerprint import *; "
        "print(code_fingerprint([PACKAGE.parent / 'build_engine.py']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == code_fingerprint([PACKAGE.parent / "build_engine.py"])
