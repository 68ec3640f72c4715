"""Contracts found from sources, before there are weights."""

from pathlib import Path

import pytest
from segtrt.graphs.source_graph import write_source_graph
from segtrt.model.contract import find_contract, write_contract
from segtrt.model.network_file import UNET
from segtrt.model.source import NetworkSource, Overrides, describe
from segtrt.model.spec import Activation, read_spec
from tiny_networks import THREE_LINES


@pytest.fixture
def mine(tmp_path: Path) -> NetworkSource:
    (tmp_path / "net.py").write_text(THREE_LINES)
    return describe("net.py:network", {"classes": 4, "channels": 2}, tmp_path)


def test_the_unets_contract_is_what_its_export_shows() -> None:
    """It is known without an export; an override has it found."""
    source = describe("unet", {"init_features": 2}, Path())
    assert find_contract(source, Overrides(), 20) == (UNET, ())
    found, _ = find_contract(source, Overrides(activation="sigmoid"), 20)
    assert found == UNET


def test_a_users_own_file(mine: NetworkSource, tmp_path: Path) -> None:
    out = tmp_path / "network.json"
    write_contract(mine, Overrides(), 20, out)
    spec = read_spec(out)
    assert (spec.channels, spec.size, spec.multiple) == (2, (None, None), (1, 1))
    assert (spec.classes, spec.activation, spec.stride) == (4, Activation.NONE, (1, 1))
    assert "exclude each other" in out.read_text()


def test_what_the_settings_say_overrules(mine: NetworkSource) -> None:
    spec, _ = find_contract(mine, Overrides(size=(24, 40)), 20)
    assert spec.size == (24, 40) and spec.output_of((24, 40)) == (4, 24, 40)


def test_an_onnx_file_has_the_contract_of_the_network_it_was_made_from(
    mine: NetworkSource, tmp_path: Path
) -> None:
    graph = tmp_path / "own.onnx"
    write_source_graph(mine, None, graph, overrides=Overrides(), opset=20)
    source = describe("own.onnx", {}, tmp_path)
    assert find_contract(source, Overrides(), 20)[0] == find_contract(mine, Overrides(), 20)[0]
