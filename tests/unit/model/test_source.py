"""What `model.network` names, and what decides it."""

import hashlib
import json
import subprocess
import sys
from importlib.metadata import version

import numpy as np
import onnx
import pytest
from onnx import helper
from segtrt.errors import SegtrtError
from segtrt.model.source import Kind, describe
from tiny_networks import onnx_graph, weight


def decides(network, base, **arguments):
    return json.dumps(describe(network, arguments, base).decides, sort_keys=True)


def test_the_projects_own_network(tmp_path):
    source = describe("unet", {"init_features": 16}, tmp_path)
    assert source.kind is Kind.UNET
    assert source.decides == {"network": "unet", "arguments": {"init_features": 16}}
    assert source.needs_torch
    assert not source.holds_weights


def test_files_are_decided_by_content(tmp_path):
    for name, kind in (
        *(("a.ts", Kind.TORCHSCRIPT), ("a.pt", Kind.TORCHSCRIPT)),
        *(("a.pt2", Kind.EXPORTED), ("a.onnx", Kind.ONNX)),
    ):
        (tmp_path / name).write_bytes(name.encode())
        source = describe(name, {}, tmp_path)
        digest = hashlib.sha256(name.encode()).hexdigest()
        assert (source.kind, source.decides["sha256"]) == (kind, digest)
        assert source.holds_weights
        assert source.needs_torch == (kind is not Kind.ONNX)


@pytest.mark.parametrize("name", ["w.data", "sub/" + "w" * 200])
def test_an_onnx_files_weights_beside_it_count(tmp_path, name):
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"])]
    path = onnx_graph(tmp_path / "plain.onnx", nodes, {"w": weight(2, 3, 1, 1)})
    assert "data" not in describe("plain.onnx", {}, tmp_path).decides
    model = onnx.load(path)
    (tmp_path / "sub").mkdir()
    onnx.save(
        *(model, tmp_path / "a.onnx"),
        save_as_external_data=True,
        location=name,
        size_threshold=0,
    )
    source = describe("a.onnx", {}, tmp_path)
    content = (tmp_path / name).read_bytes()
    assert source.decides["data"] == {name: hashlib.sha256(content).hexdigest()}
    changed = np.frombuffer(content, np.float32) + 1
    (tmp_path / name).write_bytes(changed.tobytes())
    assert describe("a.onnx", {}, tmp_path).decides != source.decides


def test_a_bundle_is_decided_by_configuration_weights_and_scripts(tmp_path):
    bundle = tmp_path / "bundle"
    for name in ("configs/inference.json", "models/model.pt", "scripts/net.py", "docs/README.md"):
        (bundle / name).parent.mkdir(parents=True, exist_ok=True)
        (bundle / name).write_text(name)
    source = describe("bundle", {}, tmp_path)
    assert source.kind is Kind.BUNDLE
    names = ["configs/inference.json", "models/model.pt", "scripts/net.py"]
    assert list(source.decides["files"]) == names
    assert source.decides["code"]["packages"]["monai"] == version("monai")
    (tmp_path / "other").mkdir()
    with pytest.raises(SegtrtError, match="without configs/"):
        describe("other", {}, tmp_path)


@pytest.mark.parametrize(
    ("network", "arguments", "message"),
    [
        ("resnet", {}, "expected unet, package.module:factory"),
        ("a.tflite", {}, r"expected unet, package\.module:factory"),
        ("gone.onnx", {}, "gone.onnx does not exist"),
        ("gone.py:network", {}, r"gone\.py does not exist"),
        ("there_is_no_such_package:make", {}, "neither in .* nor installed"),
        ("not a module:make", {}, "expected unet"),
        ("here.onnx", {"classes": 2}, "model.arguments classes are given"),
    ],
)
def test_mistakes_are_one_line(tmp_path, network, arguments, message):
    (tmp_path / "here.onnx").write_bytes(b"x")
    with pytest.raises(SegtrtError, match=message):
        describe(network, arguments, tmp_path)


def test_describing_imports_neither_pytorch_nor_the_users_code(tmp_path):
    (tmp_path / "net.py").write_text("import torch\nraise SystemExit('it was run')\n")
    code = (
        "import sys; from pathlib import Path; from segtrt.model.source import describe; "
        "describe('net.py:network', {}, Path()); describe('unet', {}, Path()); "
        "describe('monai.networks.nets:UNet', {}, Path()); "
        "print([name for name in ('torch', 'numpy', 'monai', 'onnx') if name in sys.modules])"
    )
    library = str(next(p for p in map(str, sys.path) if p.endswith("workflow/scripts")))
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={"PYTHONPATH": library},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "[]\n"
