"""The configuration's JSON schema: completing what the user wrote by it."""

import copy
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

SCHEMA = Path(__file__).resolve().parents[3] / "schemas" / "config.schema.yaml"

Schema = dict[str, Any]

NULLS = frozenset(("null", "Null", "NULL", "~", ""))
"""YAML's spellings of null, which `--config` passes on as text."""

_WHOLE = re.compile(r"([+-]?(?:0|[1-9][0-9]*))(?:\.0+)?")
"""Text that is a number even where text is allowed as well; 007 and 1:30 are none."""

_NUMBER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?[0-9]+)?")

_WORDS = {"true": True, "false": False, "null": None, "~": None}


def load_schema() -> Schema:
    """The configuration's JSON schema, as committed under workflow/schemas; not to be changed."""
    return _read(SCHEMA)


@cache
def _read(path: Path) -> Schema:
    import yaml

    schema: Schema = yaml.safe_load(path.read_text(encoding="utf-8"))
    return schema


def dereference(part: Schema, schema: Schema) -> Schema:
    """Replace a reference into `$defs` by what it refers to; keys beside it win."""
    if "$ref" not in part:
        return part
    target: Schema = schema["$defs"][part["$ref"].rsplit("/", 1)[-1]]
    return {**target, **{key: value for key, value in part.items() if key != "$ref"}}


def types_of(part: Schema) -> list[str]:
    """The JSON types that an entry of the schema allows; empty for an enumeration without one."""
    types = part.get("type", [])
    return [types] if isinstance(types, str) else list(types)


def complete(given: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Fill in the defaults, and read text as what the schema asks for.

    Args:
        given: what the user wrote; it is left as it is.
        schema: as `load_schema` gives it.

    Returns:
        A new dictionary with every key of the schema. What is wrong in `given` is still in it.
    """
    completed: dict[str, Any] = _complete(schema, dict(given), schema)
    return completed


def _complete(part: Schema, given: Any, schema: Schema) -> Any:
    part = dereference(part, schema)
    if not part:
        return _as_spelled(given)
    value = _as_typed(part, given)
    if isinstance(value, list) and "items" in part:
        return [_complete(part["items"], entry, schema) for entry in value]
    if not isinstance(value, Mapping):
        return value
    if isinstance(part.get("additionalProperties"), Mapping):
        each = part["additionalProperties"]
        return {key: _complete(each, entry, schema) for key, entry in value.items()}
    if "properties" not in part:
        return value
    filled = dict(value)
    for key, entry in part["properties"].items():
        default = dereference(entry, schema)
        if key not in filled and "default" in default:
            filled[key] = copy.deepcopy(default["default"])
        if key in filled:
            filled[key] = _complete(entry, filled[key], schema)
    return filled


def _as_spelled(given: Any) -> Any:
    """A value of any type, with text read as the number, truth value or null that it spells."""
    if isinstance(given, Mapping):
        return {key: _as_spelled(value) for key, value in given.items()}
    if isinstance(given, list):
        return [_as_spelled(value) for value in given]
    if not isinstance(given, str):
        return given
    if number := _NUMBER.fullmatch(given):
        return float(given) if number[1] or number[2] else int(given)
    return _WORDS.get(given.lower(), given)


def _as_typed(part: Schema, given: Any) -> Any:
    """A value as the schema asks for it, where the user's way of writing it says something else.

    - A group that is left empty (`report:` alone) is an empty group.
    - Text, which is all that `--config` gives, stands for the null, truth value or number that it
      spells in YAML, where the key takes one.
    - A limit of infinity is none: null, where the key takes a number or null.
    """
    types = types_of(part)
    is_null = given is None or (isinstance(given, str) and given in NULLS)
    if is_null and types == ["object"]:
        return {}
    if is_null and "null" in types:
        return None
    value = _from_text(types, given) if isinstance(given, str) else given
    if isinstance(value, float) and value == float("inf") and {"number", "null"} <= set(types):
        return None
    return value


def _from_text(types: list[str], given: str) -> Any:
    import yaml

    if "string" in types or not types:
        whole = _WHOLE.fullmatch(given) if "integer" in types else None
        return int(whole[1]) if whole else given
    try:
        value = yaml.safe_load(given)
        # YAML 1.1, which PyYAML reads, takes 1e-4 for text.
        is_number = isinstance(value, str) and {"number", "integer"} & set(types)
        return float(value) if is_number else value
    except (yaml.YAMLError, ValueError):
        return given
