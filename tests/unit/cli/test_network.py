"""`segtrt inspect` on networks."""

import json
from pathlib import Path

import pytest
from segtrt.cli.main import main
from segtrt.cli.network import names_network
from tiny_networks import THREE_LINES


@pytest.mark.parametrize(
    ("text", "is_network"),
    [
        ("unet", True),
        ("net.py:network", True),
        ("package.module:factory", True),
        ("some/net.ONNX", True),
        ("results/engines/openvino/b4_int8", False),
        ("results/engines/openvino/b4_int8/engine.bin", False),
    ],
)
def test_networks_are_distinguished_from_engines(text: str, is_network: bool) -> None:
    assert names_network(text) is is_network


def test_contract_of_a_users_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "net.py").write_text(THREE_LINES)
    words = ["inspect", f"{tmp_path}/net.py:network", "--argument", "classes=4"]
    assert main(words) == 0
    out = capsys.readouterr().out
    assert "2-D, 3 channels" in out
    assert "4 channels, scores that are no probabilities yet" in out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["classes"] == 4


def test_mistakes_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["inspect", "unet", "--argument", "init_features"]) == 2
    assert "is not NAME=VALUE" in capsys.readouterr().err
    assert main(["inspect", "nowhere.onnx"]) == 2
    assert "does not exist" in capsys.readouterr().err
