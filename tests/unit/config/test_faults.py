"""Faults by the schema: one line each, sorted, and numbers that JSON does not have."""

from typing import Any

import pytest
from segtrt.config.faults import faults_of

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "share": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "count": {"type": "integer"},
        "anything": {"type": "number"},
        "names": {"type": "array", "items": {"type": "string"}, "uniqueItems": True},
    },
}


def test_sound_values_have_no_fault() -> None:
    assert faults_of({}, SCHEMA) == []
    assert faults_of({"share": 0.5, "count": 16.0, "anything": -1e300, "names": []}, SCHEMA) == []
    assert faults_of({"share": None}, SCHEMA) == []


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf"), True, "1"])
def test_only_finite_numbers_are_numbers(number: object) -> None:
    """Also where no limit would refuse them."""
    assert faults_of({"anything": number}, SCHEMA) == [f"anything is {number!r}, allowed: number"]
    [fault] = faults_of({"count": number}, SCHEMA)
    assert fault == f"count is {number!r}, allowed: integer"


def test_every_fault_has_its_line_in_order() -> None:
    assert faults_of({"share": 2, "nmes": 1, "names": ["a", 3, "a"]}, SCHEMA) == [
        "names is ['a', 3, 'a'], allowed: a list without repeats",
        "names[1] is 3, allowed: string; put it in quotes, as YAML takes it for something else",
        "share is 2, allowed: number or null, at least 0, at most 1",
        "unknown key nmes (did you mean names?)",
    ]
