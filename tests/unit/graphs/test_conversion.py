"""What is written down of a conversion, and what is left where there is none."""

from pathlib import Path

import pytest
from segtrt.errors import SegtrtError
from segtrt.files import read_json
from segtrt.graphs.conversion import convert_and_record
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.proof_file import obstacle_of
from segtrt.precision import Graph
from small_graph import small_graph


def test_how_a_graph_was_made_is_written_beside_it(tmp_path: Path) -> None:
    graph = small_graph(tmp_path / "fp32.onnx")
    expected = convert_onnx(graph, Graph.FP16, tmp_path / "expected.onnx").to_json()
    out, proof = tmp_path / "fp16.onnx", tmp_path / "proof.json"
    said = convert_and_record(
        graph, Graph.FP16, out, proof, None, method="minmax", on_unsupported="fail"
    )
    assert said == obstacle_of(proof) == ""
    assert out.read_bytes() == (tmp_path / "expected.onnx").read_bytes()
    written = read_json(proof, "proof")
    assert {key: written[key] for key in expected} == expected
    assert written["status"] == "made"


def test_a_graph_that_cannot_be_made_is_skipped_with_the_reason_or_refused(tmp_path: Path) -> None:
    broken = tmp_path / "fp32.onnx"
    broken.write_bytes(b"no graph")
    out, proof = tmp_path / "fp16.onnx", tmp_path / "proof.json"

    def convert(on_unsupported: str) -> str:
        return convert_and_record(
            broken, Graph.FP16, out, proof, None, method="minmax", on_unsupported=on_unsupported
        )

    with pytest.raises(SegtrtError) as refused:
        convert("fail")
    assert not out.exists() and not proof.exists()
    assert convert("skip") == obstacle_of(proof) == str(refused.value)
    assert out.read_bytes() == b""
