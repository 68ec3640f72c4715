"""The workflow's own JSON files: read, checked against a dataclass, or refused in one line.

A file is a JSON object with its format's tag under `format`; its other entries are the fields of a
frozen dataclass. Whatever is wrong with it, a missing field or an array nested a thousand deep, the
refusal is the same line.
"""

import dataclasses
import functools
import types
import typing
from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any, Literal, TypeVar, Union

from segtrt.errors import SegtrtError
from segtrt.files import read_json

REMAKE = "delete it and run the workflow again"
"""What to do about an unreadable file that a job of this workflow makes again."""

_DEEPEST = 64
_LARGEST = 2**63
_LONGEST_VALUE = 40
_NAMES = {str: "a text", int: "a whole number", float: "a number", bool: "true or false"}

Data = TypeVar("Data")
Reader = Callable[[Any], Any]


def read_format(path: Path, kind: type[Data], *, what: str, tag: str) -> Data:
    """Read a file of a format as the dataclass that describes it.

    Args:
        path: the file.
        kind: the dataclass; a field with a default may be absent.
        what: what the file is, for messages, e.g. `engine record`.
        tag: what stands under `format`.

    Raises:
        SegtrtError: missing, not JSON, of another format, or a field is missing, unknown or of
            another type.
    """
    data = read_object(path, what=what, tag=tag)
    try:
        return from_json(kind, {name: data[name] for name in data if name != "format"})
    except ValueError as error:
        raise unreadable(path, what, error) from None


def read_object(path: Path, *, what: str, tag: str, remedy: str = REMAKE) -> dict[str, Any]:
    """Read a file of a format as a JSON object, for formats that have a schema of their own.

    Args:
        path, what, tag: as in `read_format`.
        remedy: what to do about a file that cannot be read.

    Raises:
        SegtrtError: missing, not JSON, no object, of another format, nested too deep, or with a
            number beyond 64 bits.
    """
    data = read_json(path, what)
    found = data.get("format") if isinstance(data, dict) else None
    if not isinstance(data, dict) or found != tag:
        fault = f"format {tag} expected, found {_short(found)}"
        raise unreadable(path, what, fault, remedy)
    try:
        _check_extent(data)
    except ValueError as error:
        raise unreadable(path, what, error, remedy) from None
    return data


def unreadable(path: Path, what: str, fault: object, remedy: str = REMAKE) -> SegtrtError:
    """The refusal of a file that is not of its format."""
    article = "an" if what[0] in "aeiou" else "a"
    return SegtrtError(f"{path} is not {article} {what} this version can read ({fault}); {remedy}")


def from_json(kind: type[Data], data: Any) -> Data:
    """JSON values as a dataclass, with the types that its annotations name.

    Understood are texts, numbers, truth values, None, `Any`, `Literal`, enums of texts, unions with
    None, tuples and lists of one type, mappings with texts as keys, and dataclasses. A whole number
    will do for a float.

    Raises:
        ValueError: a field is missing, unknown or of another type; names it.
    """
    try:
        value: Data = _reader(typing.cast(Hashable, kind))(data)
    except _WrongValueError as error:
        raise ValueError(str(error)) from None
    return value


class _WrongValueError(ValueError):
    """A value of another type; the path to it grows while the error passes up."""

    def __init__(self, fault: str, path: str = "") -> None:
        super().__init__(f"{path} {fault}" if path else f"it {fault}")
        self.fault, self.path = fault, path

    def under(self, name: str) -> "_WrongValueError":
        """The same error as seen from the value that holds this one under `name`."""
        between = "." if self.path and not self.path.startswith("[") else ""
        return _WrongValueError(self.fault, f"{name}{between}{self.path}")


@functools.cache
def _reader(kind: Any) -> Reader:
    """The function that checks a JSON value and turns it into a value of type `kind`."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    read: Reader
    if kind is Any:
        read = _as_it_is
    elif dataclasses.is_dataclass(kind):
        read = _object_reader(kind)
    elif origin in (Union, types.UnionType):
        read = _optional_reader(inner)
    elif origin is Literal:
        read = _choice_reader({value: value for value in inner})
    elif origin in (tuple, list):
        read = _array_reader(origin, _reader(inner[0]))
    elif origin in (dict, Mapping):
        read = _mapping_reader(_reader(inner[1]))
    elif isinstance(kind, type) and issubclass(kind, Enum):
        read = _choice_reader({one.value: one for one in kind})
    else:
        read = _scalar_reader(kind)
    return read


def _as_it_is(value: Any) -> Any:
    return value


def _object_reader(kind: Any) -> Reader:
    hints = typing.get_type_hints(kind)
    fields = {one.name: _reader(hints[one.name]) for one in dataclasses.fields(kind) if one.init}
    needed = [
        one.name
        for one in dataclasses.fields(kind)
        if one.init
        and one.default is dataclasses.MISSING
        and one.default_factory is dataclasses.MISSING
    ]

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _WrongValueError(f"is {_short(value)}, expected an object")
        for name in needed:
            if name not in value:
                raise _WrongValueError("is missing", name)
        found = {}
        for name, entry in value.items():
            if name not in fields:
                raise _WrongValueError("is not known", name)
            try:
                found[name] = fields[name](entry)
            except _WrongValueError as error:
                raise error.under(name) from None
        return kind(**found)

    return read


def _optional_reader(kinds: tuple[Any, ...]) -> Reader:
    [own] = [kind for kind in kinds if kind is not types.NoneType]
    read = _reader(own)
    return lambda value: None if value is None else read(value)


def _array_reader(build: Callable[[list[Any]], Any], entry: Reader) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, list):
            raise _WrongValueError(f"is {_short(value)}, expected an array")
        found = []
        for place, one in enumerate(value):
            try:
                found.append(entry(one))
            except _WrongValueError as error:
                raise error.under(f"[{place}]") from None
        return build(found)

    return read


def _mapping_reader(entry: Reader) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise _WrongValueError(f"is {_short(value)}, expected an object")
        found = {}
        for name, one in value.items():
            try:
                found[name] = entry(one)
            except _WrongValueError as error:
                raise error.under(name) from None
        return found

    return read


def _choice_reader(choices: Mapping[Any, Any]) -> Reader:
    def read(value: Any) -> Any:
        if not isinstance(value, str) or value not in choices:
            expected = ", ".join(map(str, choices))
            raise _WrongValueError(f"is {_short(value)}, expected one of {expected}")
        return choices[value]

    return read


def _scalar_reader(kind: type) -> Reader:
    accepted = (int, float) if kind is float else kind

    def read(value: Any) -> Any:
        wrong_truth = isinstance(value, bool) and kind is not bool
        if not isinstance(value, accepted) or wrong_truth:
            raise _WrongValueError(f"is {_short(value)}, expected {_NAMES[kind]}")
        return value

    return read


def _check_extent(data: Any) -> None:
    """Refuse what no file of ours holds and later code would stumble over."""
    level = [data]
    for _ in range(_DEEPEST):
        deeper: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                deeper += value.values()
            elif isinstance(value, list):
                deeper += value
            elif isinstance(value, int) and abs(value) >= _LARGEST:
                raise ValueError("it holds a whole number of more than 64 bits")
            elif isinstance(value, float) and not abs(value) < float("inf"):
                raise ValueError("it holds a number that is not finite")
        level = deeper
    if level:
        raise ValueError(f"it is nested more than {_DEEPEST} deep")


def _short(value: Any) -> str:
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "an array"
    text = "null" if value is None else repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
