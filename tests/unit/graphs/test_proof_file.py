"""The file beside a graph: whether there is one, and why not."""

import json
from pathlib import Path

import pytest
from segtrt.errors import SegtrtError
from segtrt.graphs.proof_file import obstacle_of, write_made, write_obstacle


def test_a_graph_that_was_made_has_no_obstacle(tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    write_made(path, notes=["a note"])
    assert obstacle_of(path) == ""
    assert json.loads(path.read_text())["notes"] == ["a note"]


def test_the_reason_why_there_is_no_graph_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    write_obstacle(path, "no such operator")
    assert obstacle_of(path) == "no such operator"


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "proof.json"
    path.write_text("{")
    with pytest.raises(SegtrtError, match=r"proof\.json"):
        obstacle_of(path)
