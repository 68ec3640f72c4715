"""What is wrong with a configuration by its schema, one line for each fault."""

import datetime
import difflib
import math
from collections.abc import Iterable, Mapping
from typing import Any

from segtrt.config.schema import Schema, types_of


def faults_of(values: Mapping[str, Any], schema: Schema) -> list[str]:
    """Unknown keys and wrong values of a completed configuration, sorted; empty if it is sound."""
    import jsonschema

    base = jsonschema.Draft202012Validator
    # JSON Schema takes nan for a number that no limit refuses.
    checker = base.TYPE_CHECKER.redefine("number", _is_finite_number)
    finite: Any = jsonschema.validators.extend(base, type_checker=checker)  # type: ignore[no-untyped-call]
    validator = finite(schema)
    return sorted(_describe(error) for error in validator.iter_errors(values))


def _is_finite_number(_checker: Any, value: object) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value)


def _describe(error: Any) -> str:
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
    hint = ""
    if error.validator == "type" and "string" in types_of(rule) and _is_scalar(value):
        hint = "; put it in quotes, as YAML takes it for something else"
    return f"{where} is {value!r}, allowed: {_allowed(error, rule)}{hint}"


def _is_scalar(value: object) -> bool:
    """Whether a value is one that quotes would make text: a number, truth value or date."""
    return isinstance(value, bool | int | float | datetime.date)


def _dotted(path: Iterable[str | int]) -> str:
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
    return ", ".join([" or ".join(types_of(rule)) or "any", *limits])
