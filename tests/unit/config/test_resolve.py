"""The configuration: defaults, and every kind of fault in one line."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from segtrt.config.resolve import resolve_config
from segtrt.config.resources import is_of_gpu
from segtrt.config.schema import load_schema
from segtrt.config.settings import MachineSettings
from segtrt.config.typed import as_json
from segtrt.errors import SegtrtError
from segtrt.precision import Precision


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
    settings = resolve_config({})
    config = as_json(settings)
    for name, entry in LEAVES.items():
        if name.startswith("validation.tolerances."):
            continue
        # What `auto` stands for is settled.
        expected = "demo" if name == "dataset.source" else entry["default"]
        assert pick(config, name) == expected, name
    for precision, entry in SCHEMA["properties"]["validation"]["properties"]["tolerances"][
        "properties"
    ].items():
        assert config["validation"]["tolerances"][precision] == entry["default"]
    assert resolve_config(config) == settings


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
    ("given", "message"),
    [
        ({"datset": {}}, "unknown key datset (did you mean dataset?)"),
        ({"engines": {"runtime": []}}, "unknown key engines.runtime (did you mean runtimes?)"),
        (
            {"dataset": {"zzz": 1}},
            "unknown key dataset.zzz (known: source, path, images, masks, channels, labels, "
            "ignored, subjects, shards, calibration_fraction, search_fraction, seed, "
            "on_bad_subject)",
        ),
        (
            {"dataset": {"source": "web"}},
            "dataset.source is 'web', allowed: auto | demo | kaggle | path | nnunet",
        ),
        ({"dataset": {"shards": 0}}, "dataset.shards is 0, allowed: integer, at least 1, at most"),
        ({"dataset": {"shards": 1.5}}, "dataset.shards is 1.5, allowed: integer"),
        (
            {"validation": {"decide": {"threshold": 1}}},
            "validation.decide.threshold is 1, allowed: number, more than 0, less than 1",
        ),
        (
            {"engines": {"precisions": ["fp32", "int4"]}},
            "engines.precisions[1] is 'int4', allowed: fp32 | tf32 | fp16 | bf16 | int8 | fp8",
        ),
        ({"engines": {"batch_sizes": []}}, "engines.batch_sizes is [], allowed: a list with at"),
        ({"engines": {"batch_sizes": [4, 4]}}, "is [4, 4], allowed: a list without repeats"),
        ({"model": {"sha256": "abc"}}, "model.sha256 is 'abc', allowed: string or null, matching"),
        (
            {"model": {"arguments": {"width": 3}}},
            "model.arguments has width, allowed for unet: init_features",
        ),
        (
            {"model": {"arguments": {"init_features": "wide"}}},
            "model.arguments.init_features is 'wide', allowed: a whole number from 1 to 256",
        ),
        (
            {"model": {"network": "n.onnx", "sha256": "0" * 64}},
            "model.sha256 is given, but no model.weights that it could be of; remove it",
        ),
        ({"model": {"network": ""}}, "model.network is '', allowed: string, not empty"),
        ({"tensors": {"samples": [{"slice": 1}]}}, "lacks subject"),
        (
            {"tensors": {"samples": [{"subject": "A", "slice": 1, "channel": 2}]}},
            "unknown key tensors.samples[0].channel",
        ),
        (
            {"validation": {"tolerances": {"int8": {"metric": 1}}}},
            "unknown key validation.tolerances.int8.metric (did you mean metric_loss?)",
        ),
        ({"report": 3}, "report is 3, allowed: object"),
    ],
)
def test_a_fault_is_reported_in_one_line(given: dict[str, Any], message: str) -> None:
    assert message in refused(given)


def test_all_faults_are_reported_at_once() -> None:
    message = refused({"dataset": {"shards": -1}, "inference": {"mode": "fast"}, "x": 1})
    for name in ("dataset.shards", "inference.mode", "unknown key x"):
        assert name in message


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"dataset": {"source": "path"}}, "dataset.path is None, but dataset.source is path"),
        (
            {"dataset": {"source": "demo", "path": "here"}},
            "dataset.path is 'here', but dataset.source is demo",
        ),
        (
            {"engines": {"dynamic_batch": {"min": 4, "opt": 2}}},
            "engines.dynamic_batch is {'min': 4, 'opt': 2, 'max': 32}, allowed: min at most opt",
        ),
        (
            {"engines": {"profile": "dynamic", "batch_sizes": [1, 64]}},
            "engines.batch_sizes has [64], outside engines.dynamic_batch (1 to 32)",
        ),
        (
            {"engines": {"profile": ["static", "dynamic"], "batch_sizes": [64]}},
            "engines.batch_sizes has [64], outside engines.dynamic_batch (1 to 32)",
        ),
        (
            {"dataset": {"calibration_fraction": 0}, "engines": {"precisions": ["int8"]}},
            "engines.precisions has int8, which needs calibration subjects",
        ),
        (
            {"engines": {"precisions": ["fp32", "int8", "mixed"]}},
            "engines.precisions has mixed, whose regions are judged on subjects of their own, and "
            "dataset.search_fraction is 0; set it, e.g. to 0.2",
        ),
    ],
)
def test_keys_that_contradict_each_other_are_refused(given: dict[str, Any], message: str) -> None:
    assert message in refused(given)


def test_profiles_that_mean_the_same_are_equal() -> None:
    def profile(value: Any) -> Any:
        return resolve_config({"engines": {"profile": value}}).engines.profile

    assert profile(["static"]) == profile("static") == "static"
    assert profile(["dynamic", "static"]) == profile(["static", "dynamic"]) == ("static", "dynamic")
    for wrong in ("wide", ["wide"], [], ["static", "static"]):
        assert "engines.profile" in refused({"engines": {"profile": wrong}})


def test_budgets_that_mean_the_same_are_equal() -> None:
    def budgets(value: Any) -> Any:
        return resolve_config({"precision_search": {"max_loss": value}}).precision_search.max_loss

    assert budgets(0.01) == budgets([0.01]) == budgets("0.01") == (0.01,)
    # The order tells which mix is whose.
    assert budgets([0.02, 0]) == (0.02, 0.0)
    for wrong in (-1, [], [0.1, -0.1], [1, 2, 3, 4], "much", None):
        assert "precision_search.max_loss" in refused({"precision_search": {"max_loss": wrong}})


def test_there_is_a_mix_for_each_budget_if_any_is_asked_for() -> None:
    search = {"max_loss": [0.001, 0.002]}
    mixed = resolve_config(
        {
            "dataset": {"search_fraction": 0.2},
            "engines": {"precisions": ["int8", "mixed"], "batch_sizes": [2, 8, 4]},
            "precision_search": search,
            "validation": {"tolerances": {"mixed": {"metric_loss": 0.5}}},
        }
    )
    assert mixed.mixes == (Precision.MIXED, Precision.MIXED_B2)
    assert mixed.gain_batch_size == 8
    assert {mixed.tolerance(mix)["metric_loss"] for mix in mixed.mixes} == {0.5}
    assert mixed.tolerance(Precision.INT8)["metric_loss"] == 0.02
    plain = resolve_config({"precision_search": {**search, "batch_size": 3}})
    assert (plain.mixes, plain.gain_batch_size) == ((), 3)


def test_text_of_the_command_line_becomes_what_the_schema_asks_for() -> None:
    config = resolve_config(
        {
            "dataset": {"shards": "3", "subjects": "null"},
            "engines": {"batch_sizes": ["1", "8"], "dynamic_batch": {"max": "8"}},
            "inference": {"max_seconds": "0.5", "threads": "null"},
            "validation": {
                "largest_component": "false",
                "tolerances": {"fp32": {"metric_loss": "1", "max_abs_error": "1e-4"}},
            },
        }
    )
    assert config.dataset.shards == 3
    assert config.dataset.subjects is None
    assert config.engines.batch_sizes == (1, 8)
    assert config.engines.dynamic_batch.max == 8
    assert config.inference.max_seconds == 0.5
    assert config.inference.threads is None
    assert config.validation.largest_component is False
    tolerance = config.validation.tolerances[Precision.FP32]
    assert (tolerance["metric_loss"], tolerance["max_abs_error"]) == (1, 1e-4)


def test_arguments_of_a_factory_are_what_their_text_spells() -> None:
    """Nothing says which types a factory takes, and `--config` gives nothing but text."""
    given = {
        **{"classes": "2", "rate": "0.5", "small": "1e-4", "aux": "True", "weights": "null"},
        **{"channels": ["8", "16"], "head": {"depth": "-3"}},
        **{"encoder": "resnet18", "version": "1.2.3", "code": "007", "empty": "", "count": 4},
    }
    settings = resolve_config({"model": {"network": "net.py:network", "arguments": given}})
    assert settings.model.arguments == {
        **{"classes": 2, "rate": 0.5, "small": 1e-4, "aux": True, "weights": None},
        **{"channels": [8, 16], "head": {"depth": -3}},
        **{"encoder": "resnet18", "version": "1.2.3", "code": "007", "empty": "", "count": 4},
    }


def test_text_stays_text_where_text_is_meant() -> None:
    config = resolve_config(
        {"report": {"title": "2026"}, "engines": {"compute_capabilities": ["8.6"]}}
    )
    assert config.report.title == "2026"
    assert config.engines.compute_capabilities == ("8.6",)
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
    assert demo.dataset.source == "demo"
    assert demo.engines.runtimes == ("onnxruntime", "openvino")
    assert demo.engines.batch_sizes == (1, 4, 16)
    published = resolve_config(merged(base, kaggle))
    assert published.dataset.source == "kaggle"
    assert published.model.weights.endswith("unet-e012d006.pt")
    assert published.model.arguments == {"init_features": 32}
    settings = resolve_config(merged(merged(base, kaggle), intro))
    assert settings.engines.batch_sizes == (1, 3, 4)
    assert settings.engines.precisions == (Precision.FP32,)
    assert settings.engines.workspace_mib == 1024
    assert settings.inference.iterations == 10
    assert settings.inference.max_seconds is None
    resolve_config(merged(base, intro))


def test_machines_are_named_and_completed() -> None:
    config = resolve_config({"machines": {"a100": None, "Node_2": {"runtimes": ["openvino"]}}})
    assert config.machines == {
        "a100": MachineSettings(None, {}),
        "Node_2": MachineSettings(("openvino",), {}),
    }
    assert resolve_config({}).machines == {}


@pytest.mark.parametrize(
    ("machines", "message"),
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
def test_faults_of_machines_are_reported(machines: Any, message: str) -> None:
    assert message in refused({"machines": machines})


def test_what_asks_for_a_gpu_may_be_one_machines_alone() -> None:
    config = resolve_config({"machines": {"a": {"resources": {"gpu_model": "a100"}}, "b": {}}})
    assert config.machines["b"].resources == {}
    assert [name for name in ("gres", "gpu_model", "gpus", "partition") if is_of_gpu(name)] == [
        "gres",
        "gpu_model",
        "gpus",
    ]


def as_given_by_config(text: str) -> Any:
    """What Snakemake makes of `--config NAME=text`: every scalar within a group is text."""
    return yaml.load(text, Loader=yaml.BaseLoader)


NULLABLE = [name for name, entry in LEAVES.items() if "null" in (entry.get("type") or ())]


@pytest.mark.parametrize("name", NULLABLE)
@pytest.mark.parametrize("spelt", ["null", "Null", "NULL", "~", ""])
def test_null_given_as_text_is_null_for_every_key_that_takes_it(name: str, spelt: str) -> None:
    assert pick(as_json(resolve_config(nested(name, spelt))), name) is None


def test_the_keys_that_take_null_are_many_and_of_every_type() -> None:
    assert {"dataset.path", "model.sha256", "report.compare_with", "inference.threads"} <= set(
        NULLABLE
    )


def test_null_for_a_group_or_a_machine_is_its_defaults() -> None:
    given = as_given_by_config("{report: null, engines: ~, inference: , machines: {a: null, b: ~}}")
    written = yaml.safe_load("{report: , machines: {a: , b: }}")
    assert resolve_config(given) == resolve_config(written)
    assert list(resolve_config(given).machines) == ["a", "b"]


def test_null_where_it_is_not_taken_is_refused() -> None:
    assert "model.network is None, allowed: string" in refused({"model": {"network": None}})
    assert "dataset.shards is None, allowed: integer" in refused({"dataset": {"shards": "null"}})
    assert resolve_config({"report": {"title": "null"}}).report.title == "null"
    assert "inference.threads is 'None'" in refused({"inference": {"threads": "None"}})


INTEGERS = [name for name, entry in LEAVES.items() if "integer" in (entry.get("type") or ())]


@pytest.mark.parametrize("name", INTEGERS)
def test_a_whole_number_may_be_written_with_a_point(name: str) -> None:
    """In a file, by `--config`, and with an exponent; keys are made of the JSON text."""
    low, high = LEAVES[name].get("minimum", 0), LEAVES[name].get("maximum", 16)
    # 16, but where other keys or the range want less; 1 is the smallest batch.
    number = 1 if "dynamic_batch" in name else max(low, min(16, high))
    expected = resolve_config(nested(name, number))
    for written in (float(number), f"{number}.0", f"{number}", f"{number}e0"):
        found = resolve_config(nested(name, written))
        assert json.dumps(as_json(found)) == json.dumps(as_json(expected))
        assert repr(found) == repr(expected)


def test_whole_numbers_in_lists_samples_and_resources_too() -> None:
    def given(number: Any) -> dict[str, Any]:
        return {
            "engines": {"batch_sizes": [number]},
            "tensors": {"samples": [{"subject": "a", "slice": number}]},
            "machines": {"a": {"resources": {"nodes": number}}},
        }

    expected = resolve_config(given(16))
    assert expected.machines["a"].resources == {"nodes": 16}
    for written in (16.0, "16", "16.0"):
        assert repr(resolve_config(given(written))) == repr(expected)
    assert "is [4, 4.0], allowed: a list without" in refused({"engines": {"batch_sizes": [4, 4.0]}})
    assert "dataset.shards is True" in refused({"dataset": {"shards": "true"}})


@pytest.mark.parametrize(
    ("written", "read"),
    [("4", 4), ("0", 0), ("-1", -1), ("007", "007"), ("1:30", "1:30"), ("1.5", "1.5"),
     ("4G", "4G"), ("null", "null"), ("1e3", "1e3"), ("a b", "a b")],
)  # fmt: skip
def test_resources_given_as_text_are_numbers_where_they_plainly_are(
    written: str, read: Any
) -> None:
    [machine] = resolve_config({"machines": {"a": {"resources": {"x": written}}}}).machines.values()
    assert machine.resources == {"x": read}
    assert type(machine.resources["x"]) is type(read)


NUMBERS = [name for name, entry in LEAVES.items() if "number" in (entry.get("type") or ())]
UNLIMITED = [name for name in NUMBERS if name in NULLABLE]


@pytest.mark.parametrize("name", [*NUMBERS, *INTEGERS])
@pytest.mark.parametrize("value", [float("nan"), ".nan", "nan", float("-inf"), "-.inf"])
def test_what_is_no_number_is_refused(name: str, value: Any) -> None:
    assert f"{name} is " in refused(nested(name, value))


@pytest.mark.parametrize("name", [*NUMBERS, *INTEGERS])
@pytest.mark.parametrize("value", [float("inf"), ".inf", "inf"])
def test_infinity_is_no_limit_where_null_is_none_and_refused_elsewhere(
    name: str, value: Any
) -> None:
    if name in UNLIMITED:
        assert resolve_config(nested(name, value)) == resolve_config(nested(name, None))
    else:
        assert f"{name} is " in refused(nested(name, value))


def test_the_limits_that_infinity_lifts() -> None:
    assert {"inference.max_seconds", "report.max_latency_ms"} <= set(UNLIMITED)
    assert "inference.warmup_max_seconds" not in UNLIMITED


TAKE_ONE = [
    name
    for name in NUMBERS
    if LEAVES[name].get("maximum", 1) >= 1 and LEAVES[name].get("exclusiveMaximum", 2) > 1
]


@pytest.mark.parametrize("name", TAKE_ONE)
def test_a_number_is_the_same_with_and_without_a_point(name: str) -> None:
    found = [repr(resolve_config(nested(name, value))) for value in (1, 1.0, "1", "1.0", "1e0")]
    assert len(set(found)) == 1
