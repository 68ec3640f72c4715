"""Networks from every kind of source."""

import json

import numpy as np
import pytest
import torch
from segtrt.errors import SegtrtError
from segtrt.model.bundle import bundle_contract
from segtrt.model.load import load, load_program
from segtrt.model.source import describe
from segtrt.model.unet import build_unet
from segtrt.model.weights import save_weights
from tiny_networks import THREE_LINES

IMAGES = torch.from_numpy(np.random.default_rng(0).normal(size=(2, 3, 16, 24)).astype(np.float32))


def loaded(network, base, arguments=None, weights=None):
    return load(describe(network, arguments or {}, base), weights, base)


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "net.py").write_text("from width import WIDTH\n" + THREE_LINES)
    (tmp_path / "width.py").write_text("WIDTH = 8\n")
    return tmp_path


def expected(classes):
    scope = {}
    exec(THREE_LINES, scope)
    return scope["network"](classes).eval()


def test_unet(tmp_path):
    network = loaded("unet", tmp_path, {"init_features": 4})
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    assert shapes == {name: v.shape for name, v in build_unet(4).state_dict().items()}
    assert not network.training
    again = loaded("unet", tmp_path, {"init_features": 4})
    assert torch.equal(network.conv.weight, again.conv.weight)


def test_a_users_file_with_weights(mine):
    network = loaded("net.py:network", mine, {"classes": 4})
    assert torch.equal(network(IMAGES), expected(4)(IMAGES))
    state = {name: value + 1 for name, value in network.state_dict().items()}
    save_weights(state, mine / "w.safetensors", half=False)
    other = loaded("net.py:network", mine, {"classes": 4}, mine / "w.safetensors")
    assert torch.equal(other[0].weight, network[0].weight + 1)
    with pytest.raises(SegtrtError, match=r"of another shape or type \(2.weight is float32 \(4,"):
        loaded("net.py:network", mine, {"classes": 5}, mine / "w.safetensors")


def test_a_module_beside_the_configuration(mine):
    (mine / "net.py").rename(mine / "net_of_a_test.py")
    network = loaded("net_of_a_test:network", mine, {"classes": 2})
    assert torch.equal(network(IMAGES), expected(2)(IMAGES))


def test_half_precision_and_training_mode_are_undone(mine):
    (mine / "net.py").write_text(THREE_LINES + "\ndef half(): return network(2).half().train()\n")
    network = loaded("net.py:half", mine)
    assert not network.training
    assert {value.dtype for value in network.state_dict().values()} == {torch.float32}


def test_a_file_is_run_once_and_is_a_module_like_any_other(mine):
    """Declaring operators, for one, cannot be done twice; data classes look up their module."""
    code = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n"
        "@dataclass\nclass Size:\n    classes: int = 2\n"
        "with open(__file__ + '.ran', 'a') as ran: ran.write('x')\n"
        "def sized(): return network(Size().classes)\n"
    )
    imports, rest = code.split("@", 1)
    (mine / "net.py").write_text(f"{imports}{THREE_LINES}\n@{rest}")
    for _ in range(2):
        assert loaded("net.py:sized", mine)(IMAGES).shape[1] == 2
    assert (mine / "net.py.ran").read_text() == "x"


def test_torchscript(tmp_path):
    torch.jit.trace(expected(3), IMAGES).save(tmp_path / "a.pt")
    network = loaded("a.pt", tmp_path)
    torch.testing.assert_close(network(IMAGES), expected(3)(IMAGES))
    with pytest.raises(SegtrtError, match=r"a\.pt holds its own; remove model\.weights"):
        loaded("a.pt", tmp_path, None, tmp_path / "w.safetensors")


def test_exported_program(tmp_path):
    torch.export.save(torch.export.export(expected(3), (IMAGES,)), tmp_path / "a.pt2")
    torch.testing.assert_close(loaded("a.pt2", tmp_path)(IMAGES), expected(3)(IMAGES))
    program = load_program(describe("a.pt2", {}, tmp_path))
    assert tuple(program.example_inputs[0][0].shape) == tuple(IMAGES.shape)


@pytest.mark.parametrize("name", ["a.pt", "a.pt2"])
def test_a_state_dict_is_no_network(tmp_path, name):
    torch.save(expected(2).state_dict(), tmp_path / name)
    with pytest.raises(SegtrtError, match=rf"model.network {name} is not"):
        loaded(name, tmp_path)


def write_bundle(folder, weights=True):
    network = {
        "_target_": "monai.networks.nets.UNet",
        "spatial_dims": 2,
        "in_channels": 1,
        "out_channels": 2,
        "channels": [4, 8],
        "strides": [2],
    }
    formats = {
        "inputs": {"image": {"num_channels": 1, "spatial_shape": ["2*n", 32]}},
        "outputs": {"pred": {"num_channels": 2, "channel_def": {"0": "background", "1": "organ"}}},
    }
    for name, content in (
        ("inference", {"network_def": network}),
        ("metadata", {"network_data_format": formats}),
    ):
        path = folder / f"configs/{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    (folder / "models").mkdir(exist_ok=True)
    from monai.networks.nets import UNet

    torch.manual_seed(1)
    made = UNet(2, 1, 2, (4, 8), (2,)).eval()
    if weights:
        torch.save(made.state_dict(), folder / "models/model.pt")
    return made


def test_bundle(tmp_path):
    made = write_bundle(tmp_path / "bundle")
    assert torch.equal(loaded("bundle", tmp_path)(IMAGES[:, :1]), made(IMAGES[:, :1]))
    assert bundle_contract(tmp_path / "bundle") == {
        "channels": 1,
        "size": [None, 32],
        "classes": {0: "background", 1: "organ"},
    }
    (tmp_path / "bundle/configs/inference.json").write_text('{"network_def": {"a": 1}}')
    with pytest.raises(SegtrtError, match="has no network under network_def or network"):
        loaded("bundle", tmp_path)
    (tmp_path / "bundle/configs/inference.json").unlink()
    with pytest.raises(SegtrtError, match="has none of inference"):
        loaded("bundle", tmp_path)


@pytest.mark.parametrize(
    ("code", "arguments", "message"),
    [
        ("import there_is_no_such_package", {}, "cannot be imported .ModuleNotFoundError"),
        ("other = 1", {}, "no callable network in it"),
        ("def network(): return 5", {}, "returned int; expected a torch.nn.Module"),
        ("def network(n): return 5", {"m": 1}, r"fails when called with \(m=1\) \(TypeError"),
        ("def network(): raise ValueError('no\\nweights')", {}, "ValueError: no weights"),
    ],
)
def test_faults_of_the_users_code_are_one_line(tmp_path, code, arguments, message):
    (tmp_path / "net.py").write_text(code)
    with pytest.raises(SegtrtError, match=message) as caught:
        loaded("net.py:network", tmp_path, arguments)
    assert "\n" not in str(caught.value)


def test_an_onnx_file_has_no_pytorch_network(tmp_path):
    (tmp_path / "a.onnx").write_bytes(b"x")
    with pytest.raises(SegtrtError, match="no PyTorch network"):
        loaded("a.onnx", tmp_path)
