"""Between typed settings and the JSON values that follow the schema."""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar

Group = TypeVar("Group")


def from_values(group: Callable[..., Group], values: Mapping[str, Any]) -> Group:
    """A group of settings from JSON values that follow the schema.

    Numbers become what the attribute is: 16.0 is 16 for a whole number, 2 is 2.0 for another, so
    that settings that mean the same are equal, and so are their JSON values.

    Args:
        group: one of the classes of `segtrt.config.settings`.
        values: every key of the group.
    """
    hints = _hints(group)
    return group(**{name: _typed(hints[name], values[name]) for name in hints})


@cache
def _hints(group: Callable[..., Any]) -> dict[str, Any]:
    return typing.get_type_hints(group)


def _typed(hint: Any, value: Any) -> Any:
    """One JSON value as the type that an attribute is annotated with."""
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is types.UnionType:
        if value is None or isinstance(value, str):
            return value
        return _typed(next(one for one in inner if one not in (str, types.NoneType)), value)
    typed = value
    if origin is tuple:
        typed = tuple(_typed(inner[0], entry) for entry in value)
    elif origin is Mapping:
        typed = {name: _typed(inner[1], value[key]) for key, name in _names(inner[0], value)}
    elif dataclasses.is_dataclass(hint) and isinstance(hint, type):
        typed = from_values(hint, value)
    elif hint is float:
        typed = float(value) + 0.0  # -0.0 is 0.0
    elif hint is int or (isinstance(hint, type) and issubclass(hint, Enum)):
        typed = hint(value)
    return typed


def _names(kind: Any, values: Mapping[Any, Any]) -> Iterable[tuple[Any, Any]]:
    """The keys of a mapping's JSON values, in order, and what each is as the type annotated."""
    if kind is str:
        return [(key, key) for key in sorted(values)]
    if kind is int:
        return sorted(((key, int(key)) for key in values), key=lambda pair: pair[1])
    return [(name, name) for name in kind if name in values]


def as_json(settings: Any) -> Any:
    """Settings, a group of them or one value as plain JSON values, for keys, reports and files.

    Settings that are equal have the same JSON text, in the order of the schema; names that the user
    chose are sorted.
    """
    if dataclasses.is_dataclass(settings):
        return {
            field.name: as_json(getattr(settings, field.name))
            for field in dataclasses.fields(settings)
        }
    if isinstance(settings, Mapping):
        return {str(key): as_json(value) for key, value in settings.items()}
    if isinstance(settings, tuple | list):
        return [as_json(value) for value in settings]
    return str(settings) if isinstance(settings, Enum) else settings
