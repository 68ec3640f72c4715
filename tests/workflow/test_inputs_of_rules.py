"""Each rule's inputs against a table written by hand: who makes them, and whether they decide."""

from pathlib import Path
from typing import Any

import pytest
from real_plan import all_nodes, real_plan
from segtrt.plan.node import Node
from small_world import a_machine, become, describe, write_world

DECIDES = {
    "list_slices": {},
    "inspect_network": {},
    "encode_slices": {"network": "inspect_network"},
    "time_preparation": {"network": "inspect_network"},
    "describe_segmentation": {"manifest": "list_slices", "network": "inspect_network"},
    "train": {"network": "inspect_network", "tensors": "encode_slices"},
    "fetch_weights": {},
    "export_onnx": {"weights": "fetch_weights"},
    "convert_onnx": {"graph": "export_onnx"},
    "write_samples": {
        "network": "inspect_network",
        "weights": "fetch_weights",
        "tensors": "encode_slices",
    },
    "run_reference": {
        "network": "inspect_network",
        "weights": "fetch_weights",
        "tensors": "encode_slices",
    },
    "time_reference": {
        "network": "inspect_network",
        "weights": "fetch_weights",
        "tensors": "encode_slices",
    },
    "build_engine": {"graph": "export_onnx convert_onnx", "network": "inspect_network"},
    "run_engine": {
        "engine": "build_engine",
        "record": "build_engine",
        "tensors": "encode_slices",
    },
    "time_engine": {"engine": "build_engine", "record": "build_engine"},
    "score_reference": {"tensors": "encode_slices", "reference": "run_reference"},
    "score_engine": {
        "tensors": "encode_slices",
        "reference": "run_reference",
        "reference_scores": "score_reference",
        "answers": "run_engine",
    },
    "validate_engine": {"record": "build_engine", "scores": "score_engine"},
    "summarise": {
        "manifest": "list_slices",
        "network": "inspect_network",
        "weights": "fetch_weights",
        "tensors": "encode_slices",
        "reference_scores": "score_reference",
        "reference": "run_reference",
        "reference_timings": "time_reference",
        "preparations": "time_preparation",
        "samples": "write_samples",
        "records": "build_engine",
        "timings": "time_engine",
        "scores": "score_engine",
        "validations": "validate_engine",
    },
    "write_report": {"summary": "summarise", "overlays": "summarise"},
}
"""Rule -> the inputs that decide its outcome, each with the rules that make it."""

VERIFIED = {
    # Images decide by their content, whoever put them there, and by how subjects fall into shards.
    "list_slices": {"fetched": "fetch_dataset"},
    "encode_slices": {"fetched": "fetch_dataset", "manifest": "list_slices"},
    "time_preparation": {"fetched": "fetch_dataset", "manifest": "list_slices"},
    # Images of the calibration subjects decide, not those that lie in the same shards.
    "convert_onnx": {"tensors": "encode_slices"},
    # Times do not depend on what an image shows.
    "time_engine": {"tensors": "encode_slices"},
    # What a placeholder of a graph says.
    "build_engine": {"proof": "export_onnx convert_onnx"},
    # Of the record the name is used, and whether there is an engine; its answers tell that as well.
    "score_engine": {"record": "build_engine"},
    # It goes along with the report, whose engines are used with it.
    "summarise": {"segmentation": "describe_segmentation"},
}
"""Rule -> the inputs that are only verified, each with the rules that make it."""

GRAPHS = {
    ("openvino", "fp16"): "fp32",
    ("openvino", "bf16"): "fp32",
    ("openvino", "int8"): "int8_openvino",
    ("tensorrt", "int8"): "int8_signed",
    ("tensorrt", "tf32"): "fp32",
}
"""(runtime, precision) -> the graph that it is built from, where the name is another."""

SOURCES = {"demo": {}, "kaggle": {"fetch_dataset": {}}}
"""Source -> the rules that it adds."""


def by_input(folder: Path, config: dict[str, Any], decides: bool) -> dict[str, dict[str, str]]:
    """Rule -> input -> rules that make its files, of every job of a configuration."""
    found: dict[str, dict[str, set[str]]] = {}
    with real_plan(folder, config) as plan:
        for node in all_nodes(plan):
            rule = plan.rules[node.rule]
            wildcards = rule.match(node.outputs[0])
            assert wildcards is not None
            makers = found.setdefault(node.rule, {})
            for name, use in rule.uses.items():
                paths = use.fill(wildcards)
                for path in [paths] if isinstance(paths, str) else paths:
                    if use.decides is decides:
                        makers.setdefault(name, set()).add(plan.maker(path).rule)
    return {
        rule: {name: " ".join(sorted(rules, reverse=True)) for name, rules in inputs.items()}
        for rule, inputs in found.items()
    }


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Every runtime and graph on two machines."""
    become(monkeypatch, a_machine())
    machines = describe(tmp_path, {"one": a_machine(), "two": a_machine(gpu=None)})
    engines = {
        "runtimes": ["onnxruntime", "openvino", "tensorrt"],
        "precisions": ["fp32", "tf32", "fp16", "bf16", "int8", "fp8"],
        "on_unsupported": "skip",
    }
    return write_world(tmp_path) | {"engines": engines, "machines": machines}


@pytest.mark.parametrize("source", SOURCES)
def test_inputs_decide_or_are_verified_as_the_table_says(
    config: dict[str, Any], tmp_path: Path, source: str
) -> None:
    if source == "kaggle":
        config["dataset"] = {"source": "kaggle", "shards": 2}
    decides = DECIDES | SOURCES[source]
    verified = {rule: VERIFIED.get(rule, {}) for rule in decides}
    if source == "demo":
        verified = {
            rule: {name: maker for name, maker in inputs.items() if maker != "fetch_dataset"}
            for rule, inputs in verified.items()
        }
    assert by_input(tmp_path, config, decides=True) == decides
    assert by_input(tmp_path, config, decides=False) == verified


def test_what_regions_are_judged_by(config: dict[str, Any], tmp_path: Path) -> None:
    config["dataset"] = {**config["dataset"], "search_fraction": 0.2}
    config["precision_search"] = {"regions": 2}
    decides = DECIDES | {
        "split_regions": {"graph": "export_onnx"},
        "convert_whole": {"graph": "export_onnx"},
        "blame_region": {
            "regions": "split_regions",
            "graph": "export_onnx",
            "converted": "convert_whole",
            "tensors": "encode_slices",
            "reference": "run_reference",
            "reference_scores": "score_reference",
        },
        "summarise": DECIDES["summarise"]
        | {"regions": "split_regions", "sensitivities": "blame_region"},
    }
    assert by_input(tmp_path, config, decides=True) == decides
    verified = by_input(tmp_path, config, decides=False)
    assert verified["convert_whole"] == {"tensors": "encode_slices"}
    assert verified["blame_region"] == {"proof": "convert_whole"}


def test_what_mixes_are_made_from(config: dict[str, Any], tmp_path: Path) -> None:
    config["dataset"] = {**config["dataset"], "search_fraction": 0.2}
    config["precision_search"] = {"regions": 2, "max_loss": [0.01, 0.02]}
    config["engines"]["precisions"].append("mixed")
    decides = by_input(tmp_path, config, decides=True)
    assert decides["time_region"] == {
        "regions": "split_regions",
        "graph": "export_onnx",
        "converted": "convert_whole convert_onnx",
        "network": "inspect_network",
    }
    assert decides["mix_regions"] == {
        "regions": "split_regions",
        "graph": "export_onnx",
        "converted": "convert_whole convert_onnx",
        "gains": "time_region",
        "sensitivities": "blame_region",
    }
    assert decides["build_engine"]["graph"] == "mix_regions export_onnx convert_onnx"
    assert decides["summarise"]["mixes"] == "mix_regions"
    verified = by_input(tmp_path, config, decides=False)
    assert verified["time_region"] == {
        "proof": "convert_whole convert_onnx",
        "tensors": "encode_slices",
    }
    assert verified["mix_regions"] == {"tensors": "encode_slices"}
    with real_plan(tmp_path, config) as plan:
        nodes = {node.label: node for node in all_nodes(plan)}
        # Short floats have no graph of their own in OpenVINO, and none here in ONNX Runtime.
        timed = {label.split()[1].rsplit("/", 1)[0] for label in nodes if "time_region" in label}
        assert {name for name in timed if name.endswith("@one/fp16")} == {"tensorrt@one/fp16"}
        assert {name for name in timed if name.startswith("openvino@two")} == {
            "openvino@two/int8_openvino"
        }
        own = nodes["mix_regions tensorrt@one/mixed_b2"]
        assert all("@one" in up.label for up in own.upstream if up.rule == "time_region")
        assert nodes["build_engine tensorrt@one/b4_mixed_b2"].upstream[0] is own


def test_what_rebuilds_are_made_of(config: dict[str, Any], tmp_path: Path) -> None:
    """Neither a store nor the proven engine's answers, which are gone once they are scored."""
    config["engines"] |= {"rebuilds": 2}
    decides = DECIDES | {
        "rebuild_engine": {
            "engine": "build_engine",
            "record": "build_engine",
            "graph": "export_onnx convert_onnx",
            "tensors": "encode_slices",
        },
        "score_rebuild": {
            "rebuild": "rebuild_engine",
            "labels": "rebuild_engine",
            "tensors": "encode_slices",
            "reference_scores": "score_reference",
        },
        "summarise": DECIDES["summarise"]
        | {"rebuilds": "rebuild_engine", "rebuild_scores": "score_rebuild"},
    }
    assert by_input(tmp_path, config, decides=True) == decides
    verified = {rule: inputs for rule, inputs in VERIFIED.items() if rule != "list_slices"}
    found = by_input(tmp_path, config, decides=False)
    assert found["rebuild_engine"] == found["score_rebuild"] == {}
    assert found["build_engine"] == verified["build_engine"]


def test_rebuilds_are_never_of_the_store_and_each_is_of_its_own_engine(
    config: dict[str, Any], tmp_path: Path
) -> None:
    config["engines"] |= {"rebuilds": 2}
    with real_plan(tmp_path, config) as plan:
        nodes = {node.label: node for node in all_nodes(plan)}
    builds = [node for node in nodes.values() if node.rule == "build_engine"]
    rebuilds = [node for node in nodes.values() if node.rule == "rebuild_engine"]
    assert all(node.stored for node in builds)
    assert not any(node.stored for node in rebuilds)
    assert len(rebuilds) == 2 * len(builds) > 0
    for node in rebuilds:
        name, number = node.name.rsplit("/", 1)
        assert number in "12"
        [own] = [up for up in node.upstream if up.rule == "build_engine"]
        assert own.name == name
        # The graph that the engine itself was built from.
        made_of = {up.label for up in own.upstream if "_onnx" in up.rule}
        assert {up.label for up in node.upstream if "_onnx" in up.rule} == made_of
        scored = nodes[f"score_rebuild {node.name}"]
        assert node in scored.upstream
    assert len({node.key for node in rebuilds if "@one" in node.name}) == len(
        [node for node in rebuilds if "@one" in node.name]
    )


@pytest.mark.parametrize(
    ("normalisation", "along"),
    [("slice", False), ("numpy:abs", False), ("sub/{a} own.py:f", True), ("/gone/own.py:f", True)],
)
def test_a_normalisation_of_ones_own_goes_along(
    config: dict[str, Any], tmp_path: Path, normalisation: str, along: bool
) -> None:
    """Under one name, so that nothing in the file's own can be taken for a wildcard."""
    config["tensors"] = {"normalisation": normalisation}
    code = ["results/model/code/normalisation.py"] if along else []
    with real_plan(tmp_path, config) as plan:
        described = plan.node("describe_segmentation")
        packaged = plan.node("make_package")
    assert list(described.outputs) == ["results/model/segmentation.json", *code]
    assert described in packaged.upstream


def test_weights_trained_here_decide_the_weights(config: dict[str, Any], tmp_path: Path) -> None:
    config["model"] = {"weights": "results/training/weights.safetensors"}
    assert by_input(tmp_path, config, decides=True) == DECIDES | {
        "fetch_weights": {"trained": "train"}
    }


def wildcards_of(node: Node) -> dict[str, str]:
    """The wildcards of a node of an engine, with the shard if it has one."""
    place, cell, *shard = node.name.split("/")
    runtime, _, machine = place.partition("@")
    batch, precision = cell.removeprefix("b").split("_")
    found = {"runtime": runtime, "machine": machine, "batch": batch, "precision": precision}
    return found | ({"shard": shard[0].removeprefix("shard_")} if shard else {})


def test_jobs_use_files_of_their_own_shard_and_engine(
    config: dict[str, Any], tmp_path: Path
) -> None:
    """A path of another job of the right rule would be as wrong as one of another rule."""
    shards = ["00", "01"]
    with real_plan(tmp_path, config) as plan:
        nodes = [node for node in all_nodes(plan) if "engine" in node.rule]
        assert {node.rule for node in nodes} == {rule for rule in DECIDES if "engine" in rule}
        for node in nodes:
            own = wildcards_of(node)
            name = "/".join(node.name.split("/")[:2])
            graph = GRAPHS.get((own["runtime"], own["precision"]), own["precision"])
            expected = {
                "build_engine": [
                    "export_onnx" if graph == "fp32" else f"convert_onnx {graph}",
                    "inspect_network",
                ],
                "run_engine": [f"build_engine {name}", f"encode_slices {own.get('shard')}"],
                "time_engine": [
                    f"build_engine {name}",
                    *(f"encode_slices {shard}" for shard in shards),
                ],
                "score_engine": [
                    f"build_engine {name}",
                    *(f"encode_slices {shard}" for shard in shards),
                    *(f"run_engine {name}/shard_{shard}" for shard in shards),
                    *(f"run_reference {shard}" for shard in shards),
                    "score_reference",
                ],
                "validate_engine": [f"build_engine {name}", f"score_engine {name}"],
            }[node.rule]
            assert sorted(up.label for up in {*node.upstream, *node.verifies}) == expected
