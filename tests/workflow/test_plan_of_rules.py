"""The real workflow's jobs as nodes: which edit, setting or machine changes which key."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from oracle.bench import earlier_summary
from real_plan import all_nodes, real_plan
from segtrt.data.sharding import assign_splits
from segtrt.machine.facts import Machine
from segtrt.plan import contents
from segtrt.plan.fingerprint import PACKAGE
from segtrt.plan.node import Node
from small_world import SUBJECTS, a_machine, become, describe, write_image, write_world

ENGINES: dict[str, Any] = {
    "runtimes": ["onnxruntime", "openvino", "tensorrt"],
    "batch_sizes": [1, 4],
    "precisions": ["fp32", "int8"],
}
SPLITS = assign_splits(list(SUBJECTS), 0.2, 0)
[CALIBRATION] = [name for name, split in SPLITS.items() if split == "calibration"]
EVALUATION = next(name for name, split in SPLITS.items() if split == "evaluation")


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine with a GPU; call it to change the machine."""

    def change(tensorrt: str = "11", **facts: str) -> None:
        become(monkeypatch, a_machine(**facts), tensorrt)

    change()
    return change


@pytest.fixture
def nodes(tmp_path: Path) -> Callable[..., list[Node]]:
    """Every job of a configuration, whose groups are given by name."""
    base = write_world(tmp_path)

    def of(**groups: dict[str, Any]) -> list[Node]:
        config = base | {"engines": ENGINES}
        config |= {name: {**config.get(name, {}), **group} for name, group in groups.items()}
        with real_plan(tmp_path, config) as plan:
            made = all_nodes(plan)
            assert all(node.key for node in made)
        return made

    return of


@pytest.fixture
def keys(nodes: Callable[..., list[Node]]) -> Callable[..., dict[str, str]]:
    """Label -> key of every job of a configuration."""
    return lambda **groups: {node.label: node.key for node in nodes(**groups)}


Keys = Callable[..., dict[str, str]]


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Rules, or `rule runtime` for those of an engine, of which a key changed."""
    assert before.keys() == after.keys()
    labels = [label for label in before if before[label] != after[label]]
    return {label.split("/")[0] if "/" in label else label.split(" ")[0] for label in labels}


def test_every_rule_has_its_script_and_every_output_its_own_job(
    nodes: Callable[..., list[Node]],
) -> None:
    made = nodes()
    assert all((PACKAGE.parent / f"{node.rule}.py").is_file() for node in made)
    outputs = [path for node in made for path in node.outputs]
    assert len(outputs) == len(set(outputs))
    records = [node.record for node in made]
    assert len(records) == len(set(records))


def test_keys_hold_no_path_host_or_time(keys: Keys, tmp_path: Path) -> None:
    paths = [tmp_path / name / "summary.json" for name in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        path.write_text(earlier_summary(1))
    before, after = (keys(report={"compare_with": str(path)}) for path in paths)
    assert changed(before, after) == set()


def test_the_order_of_lists_does_not_count(keys: Keys) -> None:
    turned = {key: ENGINES[key][::-1] for key in ENGINES}
    assert changed(keys(), keys(engines=turned)) == set()


def test_the_compared_summary_counts_by_content(keys: Keys, tmp_path: Path) -> None:
    earlier = tmp_path / "summary.json"
    earlier.write_text(earlier_summary(1))
    before = keys(report={"compare_with": str(earlier)})
    earlier.write_text(earlier_summary(2))
    after = keys(report={"compare_with": str(earlier)})
    assert changed(before, after) == {"summarise", "write_report"}


def test_another_gpu_or_driver_rebuilds_its_engines_alone(
    keys: Keys, machine: Callable[..., None]
) -> None:
    before = keys()
    expected = {
        f"{rule} tensorrt"
        for rule in ("build_engine", "run_engine", "time_engine", "score_engine", "validate_engine")
    } | {"time_reference", "summarise", "write_report"}
    for change in ({"gpu": "GPU B"}, {"driver": "581"}):
        machine(**change)
        assert changed(before, keys()) == expected
    machine(tensorrt="10.9")
    assert changed(before, keys()) == expected - {"time_reference"}


def test_two_machines_alike_have_the_same_keys(
    keys: Keys, machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
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


def test_a_machines_name_decides_no_engine_and_its_hardware_does(
    keys: Keys, tmp_path: Path
) -> None:
    described: dict[str, Machine] = {
        "one": a_machine(),
        "like": a_machine(),
        "other": a_machine(gpu="GPU B", cpu="CPU 9"),
    }
    alone = keys()
    named = keys(machines=describe(tmp_path, described))
    shared = alone.keys() & named.keys()
    assert {label.split(" ")[0] for label in shared} == {
        *("list_slices", "encode_slices", "train", "fetch_weights", "export_onnx"),
        *("inspect_network", "describe_segmentation"),
        *("convert_onnx", "write_samples", "run_reference", "score_reference"),
        *("summarise", "write_report"),
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
        (
            {"validation": {"decide": {"threshold": 0.4}}},
            {
                *("describe_segmentation", "run_reference", "time_reference", "run_engine"),
                *("score_reference", "score_engine", "validate_engine"),
            },
        ),
        (
            {"validation": {"metric": "iou"}},
            {"score_reference", "score_engine", "validate_engine"},
        ),
        ({"inference": {"iterations": 3}}, {"time_engine", "time_reference"}),
        ({"report": {"title": "Other"}}, set()),
        ({"report": {"confident": True}}, {"validate_engine"}),
        ({"report": {"torch_compile": True}}, {"time_reference"}),
        ({"tensors": {"samples": [{"subject": "anna", "slice": 2}]}}, {"write_samples"}),
    ],
)
def test_a_setting_counts_where_it_is_used(
    keys: Keys, groups: dict[str, Any], rules: set[str]
) -> None:
    found = {label.split(" ")[0] for label in changed(keys(), keys(**groups))}
    assert found == rules | {"summarise", "write_report"}


MIXED = {
    "engines": {"precisions": ["fp32", "int8", "mixed"]},
    "dataset": {"search_fraction": 0.3},
    "precision_search": {"regions": 2, "max_loss": [0.005, 0.02]},
}


@pytest.mark.parametrize(
    ("groups", "rules"),
    [
        ({"precision_search": {"regions": 2, "max_loss": [0.005, 0.03]}}, {"mix_regions"}),
        (
            {"precision_search": {**MIXED["precision_search"], "batch_size": 2}},
            {"time_region", "mix_regions"},
        ),
        (
            {"inference": {"iterations": 3}},
            {"time_region", "mix_regions", "time_reference", "time_engine"},
        ),
        ({"validation": {"tolerances": {"mixed": {"metric_loss": 0.1}}}}, {"validate_engine"}),
        ({"report": {"max_metric_loss": 0.1}}, set()),
    ],
)
def test_a_setting_of_mixes_counts_where_it_is_used(
    keys: Keys, groups: dict[str, Any], rules: set[str]
) -> None:
    before, after = keys(**MIXED), keys(**{**MIXED, **groups})
    labels = {label for label in before if before[label] != after[label]}
    found = {label.split(" ")[0] for label in labels}
    follows = {"build_engine", "run_engine", "time_engine", "score_engine", "validate_engine"}
    if "mix_regions" in rules:
        rules = rules | follows
    assert found == rules | {"summarise", "write_report"}
    # Only what is mixed follows a mix, and of two budgets only the one that changed.
    mixes = "_mixed_b2" if "max_loss" in str(groups) and "batch_size" not in str(groups) else "_mix"
    built = {label for label in labels if label.startswith("build_engine")}
    assert all(mixes in label for label in built)


def test_another_gpu_times_regions_and_blames_none(
    keys: Keys, machine: Callable[..., None]
) -> None:
    before = keys(**MIXED)
    machine(driver="581")
    found = changed(before, keys(**MIXED))
    assert {"time_region tensorrt", "mix_regions tensorrt"} <= found
    assert not {rule for rule in found if rule.startswith(("blame", "split", "convert"))}
    assert not {rule for rule in found if rule.endswith(("openvino", "onnxruntime"))}


def test_a_builder_setting_of_tensorrt_leaves_other_engines_alone(keys: Keys) -> None:
    found = changed(keys(), keys(engines={"workspace_mib": 2048}))
    assert "build_engine tensorrt" in found
    assert not {each for each in found if each.endswith(("onnxruntime", "openvino"))}


@pytest.mark.parametrize("size", [[256, 256], None])
def test_evaluation_images_do_not_touch_calibrated_engines(
    keys: Keys, tmp_path: Path, size: list[int] | None
) -> None:
    before = keys(tensors={"size": size})
    write_image(tmp_path, EVALUATION, content="other")
    found = changed(before, keys(tensors={"size": size}))
    assert not {rule for rule in found if rule.startswith(("build_engine", "convert_onnx"))}
    assert {"encode_slices", "run_reference", "score_engine openvino"} <= found


def test_calibration_images_touch_quantised_engines_alone(keys: Keys, tmp_path: Path) -> None:
    before = keys()
    write_image(tmp_path, CALIBRATION, content="other")
    after = keys()
    built = {label for label in before if before[label] != after[label] and "build" in label}
    assert built and all(label.endswith("int8") for label in built)


def test_images_that_tell_the_size_touch_what_takes_it(keys: Keys, tmp_path: Path) -> None:
    before = keys(tensors={"size": None})
    write_image(tmp_path, CALIBRATION, content="other")
    found = changed(before, keys(tensors={"size": None}))
    assert {"build_engine onnxruntime", "build_engine tensorrt", "time_reference"} <= found
    assert "export_onnx" not in found


def test_another_size_touches_all_that_is_made_of_patches(keys: Keys) -> None:
    found = changed(keys(), keys(tensors={"size": [128, 128]}))
    assert {"build_engine openvino", "time_engine openvino", "time_reference"} <= found
    assert not {"export_onnx", "fetch_weights", "inspect_network", "list_slices"} & found


def test_weights_count_by_content_and_lead_to_every_engine(keys: Keys, tmp_path: Path) -> None:
    before = keys()
    (tmp_path / "weights.safetensors").write_text("1")
    after = keys()
    same = {label.split(" ")[0] for label in before if before[label] == after[label]}
    images = {"list_slices", "encode_slices", "time_preparation"}
    assert same == images | {"train", "inspect_network", "describe_segmentation"}


def test_the_report_follows_its_templates(keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys()
    monkeypatch.setattr(contents, "digest_templates", lambda: {"report.css": "other"})
    assert changed(before, keys()) == {"write_report"}
