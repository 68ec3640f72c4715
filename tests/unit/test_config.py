"""The configuration: defaults, and every kind of fault in one line."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from segtrt.config import is_of_gpu, load_schema, reference_table, resolve_config
from segtrt.errors import SegtrtError


def refused(config: dict[str, Any]) -> str:
    """The one line with which `config` is refused."""
    with pytest.raises(SegtrtError) as caught:
        resolve_config(config)
    message = str(caught.value)
    assert "\n" not in message
    return message


def leaves(part: dict[str, Any], schema: dict[str, Any], path: str = "") -> dict[str, Any]:
    """Every key of the schema that is no group, dotted -> its entry; but groups by free names."""
    found: dict[str, Any] = {}
    for key, given in part["properties"].items():
        referred = schema["$defs"][given["$ref"].rsplit("/", 1)[-1]] if "$ref" in given else {}
        entry = {**referred, **given}
        name = f"{path}.{key}" if path else key
        if isinstance(entry.get("additionalProperties"), dict):
            continue
        if "properties" in entry:
            found |= leaves(entry, schema, name)
        else:
            found[name] = entry
    return found


SCHEMA = load_schema()
LEAVES = leaves(SCHEMA, SCHEMA)


def pick(config: dict[str, Any], dotted: str) -> Any:
    value: Any = config
    for key in dotted.split("."):
        value = value[key]
    return value


def nested(dotted: str, value: Any) -> dict[str, Any]:
    for key in reversed(dotted.split(".")):
        value = {key: value}
    return value


def test_the_schema_is_one() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_an_empty_configuration_has_every_default() -> None:
    config = resolve_config({})
    for name, entry in LEAVES.items():
        if name.startswith("validation.tolerances."):
            continue
        assert pick(config, name) == entry["default"], name
    for precision, entry in SCHEMA["properties"]["validation"]["properties"]["tolerances"][
        "properties"
    ].items():
        assert config["validation"]["tolerances"][precision] == entry["default"]
    assert resolve_config(config) == config


def test_every_key_is_described_and_every_group_closed() -> None:
    def walk(part: dict[str, Any], path: str) -> None:
        if "properties" in part:
            assert part["additionalProperties"] is False, path
            for key, entry in part["properties"].items():
                assert "$ref" in entry or entry.get("description"), f"{path}.{key}"
                walk(entry, f"{path}.{key}")
        if "items" in part:
            walk(part["items"], f"{path}[]")

    walk(SCHEMA, "")
    for name, part in SCHEMA["$defs"].items():
        walk(part, name)


@pytest.mark.parametrize("name", LEAVES)
def test_a_mapping_where_a_value_belongs_names_key_and_what_is_allowed(name: str) -> None:
    message = refused(nested(name, {"surprise": 1}))
    assert message.startswith(f"configuration: {name} is {{'surprise': 1}}, allowed: ")


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"datset": {}}, "unknown key datset (did you mean dataset?)"),
        ({"engines": {"runtime": []}}, "unknown key engines.runtime (did you mean runtimes?)"),
        (
            {"dataset": {"zzz": 1}},
            "unknown key dataset.zzz (known: source, path, subjects, shards, "
            "calibration_fraction, seed, on_bad_subject)",
        ),
        ({"dataset": {"source": "web"}}, "dataset.source is 'web', allowed: demo | kaggle | path"),
        ({"dataset": {"shards": 0}}, "dataset.shards is 0, allowed: integer, at least 1, at most"),
        ({"dataset": {"shards": 1.5}}, "dataset.shards is 1.5, allowed: integer"),
        (
            {"validation": {"threshold": 1}},
            "validation.threshold is 1, allowed: number, more than 0, less than 1",
        ),
        (
            {"engines": {"precisions": ["fp32", "int4"]}},
            "engines.precisions[1] is 'int4', allowed: fp32 | tf32 | fp16 | bf16 | int8 | fp8",
        ),
        ({"engines": {"batch_sizes": []}}, "engines.batch_sizes is [], allowed: a list with at"),
        ({"engines": {"batch_sizes": [4, 4]}}, "is [4, 4], allowed: a list without repeats"),
        ({"model": {"sha256": "abc"}}, "model.sha256 is 'abc', allowed: string or null, matching"),
        ({"model": {"weights": ""}}, "model.weights is '', allowed: string, not empty"),
        ({"tensors": {"samples": [{"subject": "A"}]}}, "lacks slice"),
        (
            {"tensors": {"samples": [{"subject": "A", "slice": 1, "channel": 2}]}},
            "unknown key tensors.samples[0].channel",
        ),
        (
            {"validation": {"tolerances": {"int8": {"dice": 1}}}},
            "unknown key validation.tolerances.int8.dice (did you mean dice_loss?)",
        ),
        ({"report": 3}, "report is 3, allowed: object"),
    ],
)
def test_a_fault_is_told_in_one_line(given: dict[str, Any], told: str) -> None:
    assert told in refused(given)


def test_all_faults_are_told_at_once() -> None:
    message = refused({"dataset": {"shards": -1}, "inference": {"mode": "fast"}, "x": 1})
    for name in ("dataset.shards", "inference.mode", "unknown key x"):
        assert name in message


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"dataset": {"source": "path"}}, "dataset.path is None, but dataset.source is path"),
        ({"dataset": {"path": "here"}}, "dataset.path is 'here', but dataset.source is demo"),
        (
            {"engines": {"dynamic_batch": {"min": 4, "opt": 2}}},
            "engines.dynamic_batch is {'min': 4, 'opt': 2, 'max': 32}, allowed: min at most opt",
        ),
        (
            {"engines": {"profile": "dynamic", "batch_sizes": [1, 64]}},
            "engines.batch_sizes has [64], outside engines.dynamic_batch (1 to 32)",
        ),
        (
            {"dataset": {"calibration_fraction": 0}},
            "engines.precisions has int8, which needs calibration subjects",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_refused(given: dict[str, Any], told: str) -> None:
    assert told in refused(given)


def test_text_of_the_command_line_becomes_what_the_schema_asks_for() -> None:
    config = resolve_config(
        {
            "dataset": {"shards": "3", "subjects": "null"},
            "engines": {"batch_sizes": ["1", "8"], "dynamic_batch": {"max": "8"}},
            "inference": {"max_seconds": "0.5", "threads": "null"},
            "validation": {
                "largest_component": "false",
                "tolerances": {"fp32": {"dice_loss": "1", "max_abs_error": "1e-4"}},
            },
        }
    )
    assert config["dataset"]["shards"] == 3
    assert config["dataset"]["subjects"] is None
    assert config["engines"]["batch_sizes"] == [1, 8]
    assert config["engines"]["dynamic_batch"]["max"] == 8
    assert config["inference"]["max_seconds"] == 0.5
    assert config["inference"]["threads"] is None
    assert config["validation"]["largest_component"] is False
    tolerance = config["validation"]["tolerances"]["fp32"]
    assert (tolerance["dice_loss"], tolerance["max_abs_error"]) == (1, 1e-4)


def test_text_stays_text_where_text_is_meant() -> None:
    config = resolve_config(
        {"report": {"title": "2026"}, "engines": {"compute_capabilities": ["8.6"]}}
    )
    assert config["report"]["title"] == "2026"
    assert config["engines"]["compute_capabilities"] == ["8.6"]
    assert "'three'" in refused({"dataset": {"shards": "three"}})


def test_a_group_left_empty_has_its_defaults() -> None:
    assert resolve_config(yaml.safe_load("report:\nengines:\n  dynamic_batch:\n")) == (
        resolve_config({})
    )


def test_the_given_configuration_is_left_alone() -> None:
    given = {"dataset": {"shards": "2"}}
    resolve_config(given)
    assert given == {"dataset": {"shards": "2"}}


def merged(base: dict[str, Any], overlay: dict[str, Any]) -> dict[str, Any]:
    """As Snakemake merges configuration files: deeply, lists replaced."""
    result = dict(base)
    for key, value in overlay.items():
        deep = isinstance(value, dict) and isinstance(base.get(key), dict)
        result[key] = merged(base[key], value) if deep else value
    return result


def test_the_committed_configurations_hold(project_root: Path) -> None:
    files = ["config.yaml", "config/kaggle.yaml", "config/tensorrt_intro.yaml"]
    base, kaggle, intro = (
        yaml.safe_load((project_root / name).read_text(encoding="utf-8")) for name in files
    )
    demo = resolve_config(base)
    assert demo["dataset"]["source"] == "demo"
    assert demo["engines"]["runtimes"] == ["onnxruntime", "openvino"]
    assert demo["engines"]["batch_sizes"] == [1, 4, 16]
    published = resolve_config(merged(base, kaggle))
    assert published["dataset"]["source"] == "kaggle"
    assert published["model"]["weights"].endswith("unet-e012d006.pt")
    assert published["model"]["init_features"] == 32
    settings = resolve_config(merged(merged(base, kaggle), intro))
    assert settings["engines"]["batch_sizes"] == [1, 3, 4]
    assert settings["engines"]["precisions"] == ["fp32"]
    assert settings["engines"]["workspace_mib"] == 1024
    assert settings["inference"]["iterations"] == 10
    assert settings["inference"]["max_seconds"] is None
    resolve_config(merged(base, intro))


def test_machines_are_named_and_completed() -> None:
    config = resolve_config({"machines": {"a100": None, "Node_2": {"runtimes": ["openvino"]}}})
    assert config["machines"] == {
        "a100": {"runtimes": None, "resources": {}},
        "Node_2": {"runtimes": ["openvino"], "resources": {}},
    }
    assert resolve_config({})["machines"] == {}


@pytest.mark.parametrize(
    ("machines", "told"),
    [
        ({"a b": {}}, "machines has the name 'a b', allowed: string, matching ^[A-Za-z0-9]"),
        ({"a@b": {}}, "machines has the name 'a@b'"),
        (
            {1: {}},
            "machines has the name 1, allowed: string, matching ^[A-Za-z0-9][A-Za-z0-9_-]*$, "
            "in quotes if YAML takes it for something else",
        ),
        ({"a": {"resources": {"x y": 1}}}, "machines.a.resources has the name 'x y', allowed"),
        ({"a": {"runtime": []}}, "unknown key machines.a.runtime (did you mean runtimes?)"),
        ({"a": 3}, "machines.a is 3, allowed: object"),
        ({"a": {"resources": {"x": 1.5}}}, "machines.a.resources.x is 1.5, allowed: string or"),
        (
            {"a": {"resources": {"mem_mb": 1}}},
            "machines: resource mem_mb is worked out for each job; overrule it with "
            "--set-resources RULE:mem_mb=...",
        ),
        ({"a": {"resources": {"mem": "1 GB"}}}, "machines: resource mem is worked out for each"),
        ({"a": {"resources": {"threads": 2}}}, "overrule it with inference.threads or"),
        (
            {"a": {"resources": {"slurm_partition": "x"}}, "b": {}},
            "machines.b.resources lacks slurm_partition, which another machine has: set it for "
            "each",
        ),
    ],
)
def test_faults_of_machines_are_told(machines: Any, told: str) -> None:
    assert told in refused({"machines": machines})


def test_what_asks_for_a_gpu_may_be_one_machines_alone() -> None:
    config = resolve_config({"machines": {"a": {"resources": {"gpu_model": "a100"}}, "b": {}}})
    assert config["machines"]["b"]["resources"] == {}
    assert [name for name in ("gres", "gpu_model", "gpus", "partition") if is_of_gpu(name)] == [
        "gres",
        "gpu_model",
        "gpus",
    ]


def test_the_reference_holds_every_key() -> None:
    table = reference_table()
    assert "| `machines.NAME.resources` | object | `{}` |" in table
    for name in LEAVES:
        known = name if not name.startswith("validation.tolerances.") else name.rsplit(".", 1)[0]
        assert f"| `{known}` |" in table
    for line in table.splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") == 5, line
