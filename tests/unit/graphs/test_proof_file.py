"""What lies beside a graph, and what of it stops an engine."""

import json
from pathlib import Path

import numpy as np
import pytest
from segtrt.errors import SegtrtError
from segtrt.graphs import proof_file
from segtrt.graphs.convert import Conversion
from segtrt.graphs.converters import Tool, Trait
from segtrt.graphs.export import Exported
from segtrt.graphs.proof import Agreement
from segtrt.graphs.proof_file import convert_and_record, obstacle_of, write_export
from segtrt.precision import Graph

AGREED = Agreement(1e-6, 0.0, np.float64(1e-5), 3)


def convert(folder: Path, on_unsupported: str) -> str:
    return convert_and_record(
        *(folder / "source.onnx", Graph.INT8, folder / "model.onnx", folder / "proof.json", None),
        method="minmax",
        on_unsupported=on_unsupported,
    )


def test_a_made_graph_stops_no_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though the file gives a reason: that of the tool's choice."""
    made = Conversion(Graph.INT8, Tool.OWN, Trait.PLAIN, "lowest error", AGREED)
    monkeypatch.setattr(proof_file, "convert_onnx", lambda *_: made)
    assert convert(tmp_path, "fail") == ""
    data = json.loads((tmp_path / "proof.json").read_text())
    assert (data["status"], data["tool"], data["reason"]) == ("made", "own", "lowest error")
    assert obstacle_of(tmp_path / "proof.json") == ""
    write_export(Exported(AGREED, ("one of two outputs",)), tmp_path / "export.json")
    assert obstacle_of(tmp_path / "export.json") == ""
    assert "one of two outputs" in (tmp_path / "export.json").read_text()


def test_what_cannot_be_converted_fails_or_leaves_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise SegtrtError("nothing to quantise")

    monkeypatch.setattr(proof_file, "convert_onnx", fail)
    with pytest.raises(SegtrtError, match="nothing to quantise"):
        convert(tmp_path, "fail")
    assert list(tmp_path.iterdir()) == []
    assert convert(tmp_path, "skip") == "nothing to quantise"
    assert (tmp_path / "model.onnx").read_bytes() == b""
    assert obstacle_of(tmp_path / "proof.json") == "nothing to quantise"
