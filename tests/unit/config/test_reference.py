"""The configuration reference in the documents."""

import re
from collections.abc import Iterator
from typing import Any

from segtrt.config.reference import catalogue_page, reference_table
from segtrt.config.schema import load_schema


def keys(part: dict[str, Any], path: str) -> Iterator[str]:
    """Every key that has a row, dotted; a `$ref` and what lies below free names have one each."""
    for key, entry in part["properties"].items():
        name = f"{path}.{key}"
        if "properties" in entry:
            yield from keys(entry, name)
        else:
            yield name


def test_the_reference_holds_every_key() -> None:
    table = reference_table()
    for group, part in load_schema()["properties"].items():
        names = list(keys(part, group)) if "properties" in part else []
        assert names or group == "machines"
        for name in names:
            assert f"| `{name}` |" in table
    assert "| `machines.NAME.resources` | object | `{}` |" in table
    for line in table.splitlines():
        if line.startswith("|"):
            assert line.replace("\\|", "").count("|") == 5, line


def test_types_ranges_and_defaults_are_the_schemas() -> None:
    table = reference_table()
    for row in (
        r"| `dataset.shards` | integer, ≥ 1, ≤ 1000 | `1` |",
        r"| `inference.max_seconds` | number or null, > 0 | `2` |",
        r"| `dataset.source` | `auto` \| `demo` \| `kaggle` \| `path` \| `nnunet` | `auto` |",
        r"| `tensors.spacing` | array or null of number or null | `null` |",
        r"| `engines.batch_sizes` | array of integer | `[1, 4, 16]` |",
    ):
        assert row in table
    assert len(re.findall(r"^## ", table, re.MULTILINE)) == len(load_schema()["properties"])


def test_the_catalogues_page_has_every_key_once_with_its_meaning() -> None:
    named = re.findall(r"^- `([\w.]+)`: \S", catalogue_page(), re.MULTILINE)
    rows = re.findall(r"^\| `([\w.]+)` \|", reference_table(), re.MULTILINE)
    assert named == rows
    assert len(set(named)) == len(named) > 50
