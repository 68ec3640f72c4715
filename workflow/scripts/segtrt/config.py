"""The configuration: read, completed with defaults, checked; every fault told in one line."""

import copy
import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.precision import Precision

OWN_RESOURCES = {
    **dict.fromkeys(("mem", "mem_mb", "mem_mib"), "--set-resources RULE:mem_mb=..."),
    "runtime": "--set-resources RULE:runtime=...",
    "gpu": "--set-resources RULE:gpu=...",
    "threads": "inference.threads or --set-threads RULE=...",
}
"""Resources that jobs work out themselves, and what overrules that."""

SCHEMA = Path(__file__).resolve().parents[2] / "schemas" / "config.schema.yaml"

Schema = dict[str, Any]


def load_schema() -> Schema:
    """The configuration's JSON schema, as committed under workflow/schemas."""
    import yaml

    schema: Schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    return schema


def resolve_config(given: Mapping[str, Any]) -> dict[str, Any]:
    """Check a configuration and fill in the defaults.

    Args:
        given: what the user wrote, config files and `--config` already merged. Text stands for
            the number, truth value or null that it spells where the schema asks for one.

    Returns:
        A complete configuration: every key of the schema is present.

    Raises:
        SegtrtError: unknown keys or wrong values, all of them in one line.
    """
    import jsonschema

    schema = load_schema()
    config: dict[str, Any] = _with_defaults(schema, dict(given), schema)
    validator = jsonschema.Draft202012Validator(schema)
    faults = sorted(_tell(error) for error in validator.iter_errors(config))
    faults += list(_contradictions(config)) if not faults else []
    if faults:
        raise SegtrtError("configuration: " + "; ".join(faults))
    return config


def _resolve(part: Schema, schema: Schema) -> Schema:
    """Replace a reference into `$defs` by what it refers to; keys beside it win."""
    if "$ref" not in part:
        return part
    target: Schema = schema["$defs"][part["$ref"].rsplit("/", 1)[-1]]
    return {**target, **{key: value for key, value in part.items() if key != "$ref"}}


def _with_defaults(part: Schema, given: Any, schema: Schema) -> Any:
    part = _resolve(part, schema)
    if isinstance(given, list) and "items" in part:
        return [_with_defaults(part["items"], entry, schema) for entry in given]
    if isinstance(given, Mapping) and isinstance(part.get("additionalProperties"), Mapping):
        each = _resolve(part["additionalProperties"], schema)
        empty: Any = {} if "properties" in each else None
        return {
            key: _with_defaults(each, empty if value is None else value, schema)
            for key, value in given.items()
        }
    if not isinstance(given, Mapping) or "properties" not in part:
        return _as_typed(part, given)
    filled = dict(given)
    for key, reference in part["properties"].items():
        entry = _resolve(reference, schema)
        if key not in filled and "default" in entry:
            filled[key] = copy.deepcopy(entry["default"])
        # A group that is written but left empty (`report:` alone) is YAML's null.
        if filled.get(key) is None and entry.get("type") == "object":
            filled[key] = {}
        if key in filled:
            filled[key] = _with_defaults(entry, filled[key], schema)
    return filled


def _as_typed(part: Schema, given: Any) -> Any:
    """A scalar of Snakemake's `--config`, which comes as text, as what the schema asks for."""
    import yaml

    types = part.get("type", "string")
    if not isinstance(given, str) or "string" in types:
        return given
    try:
        value = yaml.safe_load(given)
        # YAML 1.1, which PyYAML reads, takes 1e-4 for text.
        return float(value) if isinstance(value, str) and "number" in types else value
    except (yaml.YAMLError, ValueError):
        return given


def _tell(error: Any) -> str:
    """One line for one fault: the key, what was given and what is allowed."""
    where = _dotted(error.absolute_path)
    value, rule = error.instance, error.schema
    if error.validator == "additionalProperties":
        known = list(rule["properties"])
        unknown = sorted(str(key) for key in value if key not in known)
        return "; ".join(
            f"unknown key {_dotted([*error.absolute_path, key])}{_hint(key, known)}"
            for key in unknown
        )
    if "propertyNames" in error.absolute_schema_path:
        hint = "" if isinstance(value, str) else ", in quotes if YAML takes it for something else"
        return f"{where} has the name {value!r}, allowed: {_allowed(error, rule)}{hint}"
    if error.validator == "required":
        missing = sorted(set(error.validator_value) - set(value))
        return f"{where} is {value!r}, but lacks {', '.join(missing)}"
    return f"{where} is {value!r}, allowed: {_allowed(error, rule)}"


def _dotted(path: Any) -> str:
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else str(step)
    return text


def _hint(key: str, known: list[str]) -> str:
    close = difflib.get_close_matches(key, known, n=1)
    return f" (did you mean {close[0]}?)" if close else f" (known: {', '.join(known)})"


def _allowed(error: Any, rule: Schema) -> str:
    if error.validator == "uniqueItems":
        return "a list without repeats"
    if error.validator == "minItems":
        return f"a list with at least {rule['minItems']} entries"
    if "enum" in rule:
        return " | ".join(str(choice) for choice in rule["enum"])
    types = rule.get("type", "any")
    words = " or ".join([types] if isinstance(types, str) else types)
    limits = [
        f"{sign} {rule[key]}"
        for key, sign in (
            ("minimum", "at least"),
            ("exclusiveMinimum", "more than"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "less than"),
        )
        if key in rule
    ]
    if "pattern" in rule:
        limits.append(f"matching {rule['pattern']}")
    if "minLength" in rule:
        limits.append("not empty")
    return ", ".join([words, *limits])


def _contradictions(config: dict[str, Any]) -> Iterator[str]:
    """Faults between keys, which a schema cannot tell."""
    dataset, engines = config["dataset"], config["engines"]
    if dataset["source"] == "path" and dataset["path"] is None:
        yield "dataset.path is None, but dataset.source is path: name the folder"
    if dataset["source"] == "demo" and dataset["path"] is not None:
        yield (
            f"dataset.path is {dataset['path']!r}, but dataset.source is demo, which takes no "
            "path: set dataset.source to path"
        )
    batch = engines["dynamic_batch"]
    if not batch["min"] <= batch["opt"] <= batch["max"]:
        yield (f"engines.dynamic_batch is {batch!r}, allowed: min at most opt, opt at most max")
    if engines["profile"] == "dynamic":
        outside = [b for b in engines["batch_sizes"] if not batch["min"] <= b <= batch["max"]]
        if outside:
            yield (
                f"engines.batch_sizes has {outside}, outside engines.dynamic_batch "
                f"({batch['min']} to {batch['max']})"
            )
    yield from _misplaced_resources(config["machines"])
    quantised = [p for p in engines["precisions"] if Precision(p).is_quantised]
    if quantised and dataset["calibration_fraction"] == 0:
        yield (
            f"dataset.calibration_fraction is 0, but engines.precisions has {quantised[0]}, "
            "which needs calibration subjects"
        )


def _misplaced_resources(machines: dict[str, Any]) -> Iterator[str]:
    """Resources of machines that jobs set themselves, or that only some machines have.

    A rule that names a resource for one machine leaves it unset for the others, even where a
    profile has a default.
    """
    every = {name for machine in machines.values() for name in machine["resources"]}
    shared = {name for name in every if not is_of_gpu(name)}
    for name in sorted(every & OWN_RESOURCES.keys()):
        yield (
            f"machines: resource {name} is worked out for each job; overrule it with "
            f"{OWN_RESOURCES[name]}"
        )
    for machine in sorted(machines):
        lacking = sorted(shared - set(machines[machine]["resources"]))
        if lacking:
            yield (
                f"machines.{machine}.resources lacks {', '.join(lacking)}, which another machine "
                "has: set it for each"
            )


def is_of_gpu(resource: str) -> bool:
    """Whether a resource is about a GPU, so that jobs on the CPU must not ask for it."""
    return resource == "gres" or resource.startswith("gpu")


def reference_table() -> str:
    """The configuration reference as Markdown, one table per group, made from the schema."""
    schema = load_schema()
    lines = [
        "# Configuration reference",
        "",
        "Made from `workflow/schemas/config.schema.yaml` by `make docs`; change it there.",
    ]
    for group, entry in schema["properties"].items():
        lines += ["", f"## {group}", "", entry["description"], ""]
        lines += ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
        lines += list(_rows(entry, group, schema))
    return "\n".join(lines) + "\n"


def _rows(part: Schema, prefix: str, schema: Schema) -> Iterator[str]:
    if "properties" not in part:
        yield from _rows(_resolve(part["additionalProperties"], schema), f"{prefix}.NAME", schema)
        return
    for key, reference in part["properties"].items():
        entry = _resolve(reference, schema)
        name = f"{prefix}.{key}"
        if "properties" in entry and "$ref" not in reference:
            yield from _rows(entry, name, schema)
            continue
        default = _as_yaml(entry.get("default"))
        meaning = " ".join(entry.get("description", "").split())
        if "$ref" in reference:
            meaning = "Tolerances of this precision: " + "; ".join(
                f"`{k}`: {v['description'][0].lower()}{v['description'][1:].rstrip('.')}"
                for k, v in entry["properties"].items()
            )
        kind = _kind(entry).replace("|", "\\|")
        yield f"| `{name}` | {kind} | `{default}` | {meaning} |"


def _kind(entry: Schema) -> str:
    if "enum" in entry:
        return " | ".join(f"`{choice}`" for choice in entry["enum"])
    types = entry.get("type", "any")
    words = " or ".join([types] if isinstance(types, str) else types)
    if "items" in entry:
        items = entry["items"]
        words += " of " + (
            ", ".join(f"`{c}`" for c in items["enum"]) if "enum" in items else items["type"]
        )
    limits = [
        f"{sign} {entry[key]}"
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if key in entry
    ]
    return ", ".join([words, *limits])


def _as_yaml(value: Any) -> str:
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, width=1000).strip()
    return text.removesuffix("\n...").strip()
