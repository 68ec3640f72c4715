"""The package's rule: what decides it, what it decides, and what is refused before any job."""

from pathlib import Path
from typing import Any

import pytest
from real_plan import all_nodes, real_plan
from segtrt.config.resolve import resolve_config
from segtrt.errors import SegtrtError
from segtrt.plan.node import Node
from small_world import a_machine, become, write_world

ENGINES = {
    "runtimes": ["onnxruntime", "openvino"],
    "batch_sizes": [1, 4],
    "precisions": ["fp32", "int8"],
}
OWN = {
    "summary": "summarise",
    "report": "write_report",
    "segmentation": "describe_segmentation",
    "code": "",  # no normalisation of the user's own
    "samples": "write_samples",
    "expected": "write_samples",
    "engines": "build_engine",
    "records": "build_engine",
    "graphs": "convert_onnx export_onnx",
}
"""Input -> the rules that make it; all decide."""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    become(monkeypatch, a_machine())
    return write_world(tmp_path) | {"engines": ENGINES}


def package_of(folder: Path, config: dict[str, Any], **settings: Any) -> Node:
    with real_plan(folder, config | {"package": settings}) as plan:
        return plan.node("make_package")


def test_all_that_it_is_made_from_decides_it(config: dict[str, Any], tmp_path: Path) -> None:
    with real_plan(tmp_path, config) as plan:
        node = plan.node("make_package")
        uses = plan.rules["make_package"].uses
        makers = {
            name: {plan.maker(path).rule for path in paths}
            for name, use in uses.items()
            for found in [use.fill({})]
            for paths in [[found] if isinstance(found, str) else found]
        }
        assert {name: " ".join(sorted(rules)) for name, rules in makers.items()} == OWN
        assert all(use.decides for use in uses.values())
        assert len(uses["engines"].fill({})) == 8
        assert sorted(uses["graphs"].fill({})) == [
            f"results/onnx/{graph}/model.onnx" for graph in ("fp32", "int8", "int8_openvino")
        ]
        assert node.outputs == ("results/package.zip", "results/package")
        assert not plan.rules["make_package"].stored


def test_one_engine_is_enough_where_it_is_named(config: dict[str, Any], tmp_path: Path) -> None:
    settings = {"package": {"engine": "openvino/b4_int8"}}
    with real_plan(tmp_path, config | settings) as plan:
        uses = plan.rules["make_package"].uses
        plan.node("make_package")
        folder = "results/engines/openvino/b4_int8"
        assert uses["engines"].fill({}) == [f"{folder}/engine.bin"]
        assert uses["records"].fill({}) == [f"{folder}/engine.json"]
        assert uses["graphs"].fill({}) == ["results/onnx/int8_openvino/model.onnx"]


def test_its_settings_decide_nothing_else(config: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "NOTICE").write_text("one")
    changes: list[dict[str, Any]] = [
        {"name": "brain"},
        {"licence": "mit"},
        {"views": ["onnx"]},
        {"engine": "onnxruntime/b1_fp32"},
        {"notices": [str(tmp_path / "NOTICE")]},
    ]
    with real_plan(tmp_path, config) as plan:
        before = {(node.rule, node.name): node.key for node in all_nodes(plan)}
        package = plan.node("make_package").key
    keys = {package}
    for settings in changes:
        with real_plan(tmp_path, config | {"package": settings}) as plan:
            assert {(node.rule, node.name): node.key for node in all_nodes(plan)} == before
            keys.add(plan.node("make_package").key)
    assert len(keys) == 1 + len(changes)


def test_the_content_of_notices_counts_and_their_place_does_not(
    config: dict[str, Any], tmp_path: Path
) -> None:
    paths = [tmp_path / place / "NOTICE" for place in ("a", "b")]
    for path in paths:
        path.parent.mkdir()
        path.write_text("one")
    one, other = (package_of(tmp_path, config, notices=[str(path)]).key for path in paths)
    assert one == other
    paths[0].write_text("two")
    assert package_of(tmp_path, config, notices=[str(paths[0])]).key != one


def test_an_engine_that_is_not_asked_for_is_refused_before_any_job(
    config: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(SegtrtError, match=r"package\.engine is openvino/b9_fp32, which is none"):
        package_of(tmp_path, config, engine="openvino/b9_fp32")


@pytest.mark.parametrize(
    "settings",
    [{"name": "../x"}, {"name": ""}, {"views": ["tensorflow"]}, {"licence": "My own"}],
)
def test_settings_that_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(SegtrtError, match=f"package.{next(iter(settings))}"):
        resolve_config({"package": settings})
