"""Export of the network, proven against PyTorch."""

import os
import re
import subprocess
import sys

import numpy as np
import onnx
import pytest
from exported_unet import export_unet, load_network
from segtrt.data.formats.read import read_file
from segtrt.data.normalise import normalise_slice
from segtrt.errors import SegtrtError
from segtrt.graphs import export
from segtrt.graphs.clean import read_graph
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.export import TOLERANCE
from segtrt.model.outputs import one_output
from segtrt.model.unet import build_unet
from segtrt.model.weights import save_weights
from segtrt.precision import Graph
from small_graph import run

FEATURES = 4
LARGEST = 1e-4
"""Largest difference to PyTorch of a probability of this network."""


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """Weights whose batch norms do something."""
    import torch

    torch.manual_seed(1)
    network = build_unet(FEATURES)
    state = network.state_dict()
    for name, value in state.items():
        if name.endswith("running_mean"):
            value.normal_(0, 0.3)
        elif name.endswith("running_var"):
            value.uniform_(0.2, 2)
    path = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    save_weights(state, path, False)
    return path


@pytest.fixture(scope="module")
def graph(weights, tmp_path_factory):
    path = tmp_path_factory.mktemp("graph") / "model.onnx"
    agreed = export_unet(weights, FEATURES, 21, path).agreement
    assert agreed.largest <= LARGEST
    assert agreed.relative <= TOLERANCE
    return path


@pytest.fixture(scope="module")
def slices(kaggle_folder):
    folder = sorted(path for path in kaggle_folder.iterdir() if path.is_dir())[0]
    numbers = sorted(int(path.stem.split("_")[-2]) for path in folder.glob("*_mask.tif"))
    images = [folder / f"{folder.name}_{number}.tif" for number in numbers[5:20:5]]
    return np.stack([normalise_slice(read_file(p).array.transpose(1, 2, 0)) for p in images])


def test_interface(graph):
    model = onnx.load(graph)
    (given,), (made,) = model.graph.input, model.graph.output
    assert (given.name, made.name) == ("input", "output")
    for value, channels in ((given, 3), (made, 1)):
        dims = value.type.tensor_type.shape.dim
        assert dims[0].dim_param == "batch"
        assert dims[1].dim_value == channels
        assert [dim.dim_param for dim in dims[2:]] == ["height", "width"]
    assert model.opset_import[0].version == 21


def test_names_come_from_the_network(graph):
    model = onnx.load(graph)
    names = [node.name for node in model.graph.node]
    assert names[:2] == ["encoder1/enc1conv1", "encoder1/enc1relu1"]
    assert len(set(names)) == len(names)
    kinds = [node.op_type for node in model.graph.node]
    assert "BatchNormalization" not in kinds
    assert kinds.count("Conv") == 19
    state = set(build_unet(FEATURES).state_dict())
    stored = {tensor.name for tensor in model.graph.initializer}
    assert {name for name in stored if name.endswith(".weight")} <= state


def test_agrees_with_pytorch_on_real_slices(graph, weights, slices):
    import torch

    with torch.inference_mode():
        expected = load_network(weights, FEATURES)(torch.from_numpy(slices)).numpy()
    np.testing.assert_allclose(run(graph, slices), expected, rtol=0, atol=LARGEST)


def test_any_batch_size(graph, slices):
    together = run(graph, slices)
    for number in range(len(slices)):
        alone = run(graph, slices[number : number + 1])
        np.testing.assert_allclose(together[number : number + 1], alone, atol=1e-6)


def test_fp16_on_real_slices(graph, slices, tmp_path):
    convert_onnx(graph, Graph.FP16, tmp_path / "fp16.onnx")
    difference = np.abs(run(tmp_path / "fp16.onnx", slices) - run(graph, slices))
    assert difference.max() < 1e-2


def test_a_graph_that_differs_from_pytorch_is_refused(weights, tmp_path, monkeypatch):
    import torch

    torch.manual_seed(2)
    other = one_output(build_unet(FEATURES).eval(), "output")
    monkeypatch.setattr(export, "one_output", lambda *_: other)
    with pytest.raises(SegtrtError, match="differs from the network"):
        export_unet(weights, FEATURES, 21, tmp_path / "other.onnx")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_same_bytes_and_silence_in_another_process_and_folder(
    graph, weights, tmp_path, project_root
):
    program = (
        "import sys; from pathlib import Path; from exported_unet import export_unet; "
        f"export_unet(Path(sys.argv[1]), {FEATURES}, 21, Path('again.onnx'))"
    )
    library = project_root / "workflow/scripts"
    done = subprocess.run(
        [sys.executable, "-c", program, str(weights)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{library}{os.pathsep}{project_root / 'tests/tools'}"},
        capture_output=True,
        check=True,
        text=True,
    )
    assert done.stdout == done.stderr == ""
    content = (tmp_path / "again.onnx").read_bytes()
    assert content == graph.read_bytes()
    model = onnx.load(tmp_path / "again.onnx")
    model.graph.ClearField("initializer")
    text = model.SerializeToString()
    assert not re.search(rb"\.py|line \d|site-packages|torch|stack", text)
    for folder in (tmp_path, library, weights.parent):
        assert str(folder).encode() not in content


def altered(weights, path, change):
    """The weights with one entry changed, written past the check of weights."""
    from safetensors.torch import load_file, save_file

    state = load_file(weights)
    change(state)
    save_file(state, path)
    return path


def test_a_negative_variance_is_refused_before_anything_is_exported(weights, tmp_path):
    def change(state):
        state["encoder2.enc2norm1.running_var"][0] = -0.5

    bad = altered(weights, tmp_path / "bad.safetensors", change)
    with pytest.raises(SegtrtError, match=r"negative variance, encoder2\.enc2norm1\.running_var"):
        export_unet(bad, FEATURES, 21, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


@pytest.mark.parametrize("who", ["the network's answer", "the ONNX graph's"])
def test_an_answer_that_is_not_finite_is_never_a_difference_of_zero(
    graph, weights, tmp_path, monkeypatch, who
):
    """Weights may be finite and overflow all the same."""
    if who == "the network's answer":

        def change(state):
            for entry in ("weight", "bias"):
                state[f"encoder1.enc1norm1.{entry}"].fill_(
                    3e38
                )  # overflows, then infinity less itself

        weights = altered(weights, tmp_path / "huge.safetensors", change)
    else:
        model = onnx.load(graph)
        for tensor in model.graph.initializer:
            if tensor.name == "conv.bias":
                tensor.CopyFrom(
                    onnx.numpy_helper.from_array(np.full(1, np.nan, np.float32), tensor.name)
                )
        graph = tmp_path / "nan.onnx"
        onnx.save(model, graph)
    written = read_graph(graph)
    monkeypatch.setattr(export, "normalise", lambda *_, **__: written)
    with pytest.raises(
        SegtrtError, match=rf"{who} on comparison image 1 of 5 has \d+ values that are inf"
    ):
        export_unet(weights, FEATURES, 21, tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()
