"""Key records: what a finished job leaves under results/keys, read back."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

KEYS = "results/keys"
FORMAT = "segtrt-key-2"
FORCED = {"format": FORMAT, "key": "", "forced": True}
"""In place of a key record: the job is to be run really, whatever the store has."""


def read_key_record(path: Path) -> dict[str, Any] | None:
    """The key record at `path`, or None if it is missing or cannot be used."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        return None
    if any(not isinstance(record.get(name, {}), dict) for name in ("parts", "inputs", "outputs")):
        return None
    return record


def differences(record: Mapping[str, Any], params: Mapping[str, Any]) -> tuple[str, ...]:
    """Which parts of a key changed, from what to what, one line each.

    Args:
        record: a key record.
        params: `Node.as_params()` of the same job now.
    """
    before, after = _flat(record.get("parts", {})), _flat(params["parts"])
    lines = [
        f"{name}: {_short(before.get(name))} -> {_short(after.get(name))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    old, new = record.get("upstream", {}), params["upstream"]
    return (
        *lines,
        *(
            f"made from {name}, which changed"
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ),
    )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, entry in value.items():
        flat |= _flat(entry, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _short(value: Any) -> str:
    if value is None:
        return "none"
    text = str(value)
    return text[:12] if len(text) == 64 and not set(text) - set("0123456789abcdef") else text
