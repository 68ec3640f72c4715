"""The summary as a file: its schema and its reader."""

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.formats import read_object

FORMAT = "segtrt-summary-4"
SCHEMA = Path(__file__).resolve().parents[3] / "schemas" / "summary.schema.yaml"

Json = dict[str, Any]


def check_summary(summary: Any) -> None:
    """Refuse what does not follow the schema.

    Raises:
        ValueError: names the first fault.
    """
    import jsonschema
    import yaml

    if odd := next(_non_finite(summary), None):
        raise ValueError(odd)
    schema = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    fault = jsonschema.exceptions.best_match(
        jsonschema.Draft202012Validator(schema).iter_errors(summary)
    )
    if fault is not None:
        raise ValueError(f"{fault.json_path}: {fault.message[:300]}")


def _non_finite(value: Any, where: str = "$") -> Iterator[str]:
    """Numbers that JSON does not have, but its readers take: `NaN` and those too large."""
    if isinstance(value, float) and not math.isfinite(value):
        yield f"{where}: {value} is not a finite number"
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _non_finite(entry, f"{where}.{key}")
    elif isinstance(value, list):
        for place, entry in enumerate(value):
            yield from _non_finite(entry, f"{where}[{place}]")


def read_summary(path: Path) -> Json:
    """Read a summary, this run's or another one's.

    Raises:
        SegtrtError: missing, not JSON, of another format or against the schema.
    """
    remedy = "make it again with this version"
    summary = read_object(path, what="summary", tag=FORMAT, remedy=remedy)
    try:
        check_summary(summary)
    except ValueError as error:
        raise SegtrtError(f"{path} is damaged: {error}; run the workflow again") from None
    return summary
