"""The manifest's reader."""

import json
from pathlib import Path
from typing import Any

import pytest
from segtrt.data.manifest import FORMAT, read_manifest
from segtrt.errors import SegtrtError

EMPTY: dict[str, Any] = {
    "format": FORMAT,
    "subjects": [],
    "skipped": [],
    "ignored": {"files": 0, "examples": [], "left_behind": 0},
    "channels": [],
    "grids": [],
    "twins": [],
}


def test_an_empty_one_is_read_with_or_without_totals(tmp_path: Path) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps(EMPTY))
    manifest = read_manifest(path)
    assert (manifest.subjects, manifest.totals.items) == ((), 0)
    totals = dict.fromkeys(
        ("subjects", "items", "calibration_subjects", "calibration_items", "skipped"), 7
    )
    path.write_text(json.dumps({**EMPTY, "totals": totals}))
    assert read_manifest(path) == manifest


@pytest.mark.parametrize(
    "change",
    [
        {"format": "segtrt-manifest-1"},
        {"subjects": [{"name": "a"}]},
        {"subjects": 3},
        {"skipped": [{"name": 1, "reason": ""}]},
        {"grids": [{"channels": 1, "size": ["a"], "spacing": None}]},
        {"surprise": 1},
    ],
)
def test_another_file_is_no_manifest(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "m.json"
    path.write_text(json.dumps({**EMPTY, **change}))
    with pytest.raises(SegtrtError, match="is not a manifest this version can read"):
        read_manifest(path)


@pytest.mark.parametrize("content", ["[]", "{}", "{", "[" * 900 + "]" * 900])
def test_another_text_is_no_manifest(tmp_path: Path, content: str) -> None:
    path = tmp_path / "m.json"
    path.write_text(content)
    with pytest.raises(SegtrtError):
        read_manifest(path)
