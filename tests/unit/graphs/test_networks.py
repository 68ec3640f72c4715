"""Real libraries' networks from source to int8 in two runtimes."""

from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from known_networks import dbnet, deepbet, make_network
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.converters import Tool, Trait, trait_of
from segtrt.graphs.export import export_network
from segtrt.graphs.intake import take_onnx
from segtrt.graphs.proof import run_openvino
from segtrt.model.load import load
from segtrt.model.probe import probe
from segtrt.model.source import describe
from segtrt.precision import Graph

OPSET = 21


@dataclass(frozen=True)
class Known:
    """What is known of a network."""

    name: str
    channels: int
    dimensions: int
    classes: int
    multiple: int
    trait: Trait
    stride: int = 1
    note: str = ""


KNOWN = [
    Known("monai_unet_2d", 1, 2, 2, 4, Trait.NORMED),
    Known("monai_unet_3d", 1, 3, 2, 4, Trait.NORMED),
    Known("smp_unet", 3, 2, 4, 1, Trait.PLAIN),
    Known("deeplab", 3, 2, 3, 1, Trait.PLAIN, note="out is used (of full size)"),
    Known("segformer", 3, 2, 3, 1, Trait.ATTENTION, stride=4),
    Known("segresnet_2d", 1, 2, 2, 8, Trait.NORMED),
    Known("segresnet_3d", 1, 3, 2, 8, Trait.NORMED),
    Known("nnunet_2d", 1, 2, 3, 8, Trait.NORMED, note="0 is used (of full size)"),
    Known("nnunet_3d", 1, 3, 3, 8, Trait.NORMED, note="0 is used (of full size)"),
]
LIMITS = {Graph.FP16: 0.02, Graph.BF16: 0.15, Graph.INT8_SIGNED: 0.3}
FAST = "monai_unet_2d"


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(known, id=known.name, marks=[] if known.name == FAST else pytest.mark.slow)
        for known in KNOWN
    ],
)
def exported(request, tmp_path_factory):
    """(what is known, the network, its graph, what the export says)."""
    known = request.param
    network = make_network(known.name, known.channels, known.dimensions)
    path = tmp_path_factory.mktemp(known.name) / "fp32.onnx"
    return known, network, path, export_network(network, path, opset=OPSET)


def pictures(channels, dimensions, count=4, side=None):
    side = side or (64 if dimensions == 2 else 32)
    rng = np.random.default_rng(1)
    return [
        rng.normal(0, 1, (1, channels, *[side] * dimensions)).astype(np.float32)
        for _ in range(count)
    ]


def relative(got, expected):
    return np.sqrt(np.mean((got - expected) ** 2)) / expected.std()


def answer(network, images):
    """The output that is known to be the segmentation."""
    with torch.no_grad():
        result = network(torch.from_numpy(images))
    if isinstance(result, dict):
        result = result["logits"] if "logits" in result else result["out"]
    return (result[0] if isinstance(result, list | tuple) else result).numpy()


def test_graph_answers_as_the_network_on_another_size(exported):
    known, network, path, made = exported
    assert made.agreement.relative < 1e-4
    assert [known.note in note for note in made.notes] == ([True] if known.note else [])
    sides = [64, 96] if known.dimensions == 2 else [32, 32, 40]
    images = np.random.default_rng(2).normal(0, 1, (3, known.channels, *sides)).astype(np.float32)
    (got,) = onnxruntime.InferenceSession(path).run(None, {"input": images})
    assert relative(got, answer(network, images)) < 1e-4
    names = [node.name for node in onnx.load(path).graph.node]
    assert len(set(names)) == len(names)
    assert not any(name.startswith("network") for name in names)


def test_contract_is_found(exported):
    known, _, path, _ = exported
    spec, _ = probe(path)
    assert (spec.channels, spec.classes, spec.dimensions) == (
        *(known.channels, known.classes, known.dimensions),
    )
    assert spec.size == (None,) * known.dimensions
    assert spec.multiple == (known.multiple,) * known.dimensions
    assert spec.stride == (known.stride,) * known.dimensions
    assert spec.activation == "none"
    assert trait_of(onnx.load(path)) is known.trait


@pytest.mark.parametrize("kind", [Graph.INT8, Graph.INT8_OPENVINO])
def test_int8_in_its_runtime(exported, tmp_path, kind):
    """The engine's own optimiser, not just the graph, gives answers near the network's."""
    known, network, path, _ = exported
    calibration = pictures(known.channels, known.dimensions)
    made = convert_onnx(path, kind, tmp_path / "int8.onnx", calibration)
    own = kind is Graph.INT8_OPENVINO or known.trait is Trait.PLAIN
    assert made.tool is (Tool.OWN if own else Tool.STATIC)
    images = np.concatenate(pictures(known.channels, known.dimensions, 2))
    expected = answer(network, images)
    if kind is Graph.INT8:
        session = onnxruntime.InferenceSession(tmp_path / "int8.onnx")
        got = session.run(None, {"input": images})[0]
    else:
        got = run_openvino(tmp_path / "int8.onnx")(images)
    # Random weights exaggerate: classes are close to each other.
    assert 1e-4 < relative(got, expected) < 0.3


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Graph.FP16, Graph.BF16, Graph.INT8_SIGNED])
def test_graphs_for_tensorrt(exported, tmp_path, kind):
    known, _, path, _ = exported
    calibration = pictures(known.channels, known.dimensions)
    made = convert_onnx(path, kind, tmp_path / "a.onnx", calibration)
    assert made.agreement.relative < LIMITS[kind]


def test_torchscript(tmp_path):
    """Of a trace at one size: other sizes and batches are free again."""
    network = make_network("monai_unet_2d", 1, 2)
    traced = torch.jit.trace(network, torch.zeros(1, 1, 32, 32))
    made = export_network(traced, tmp_path / "a.onnx", opset=OPSET)
    assert made.agreement.relative < 1e-4
    images = pictures(1, 2, 1, 48)[0]
    (got,) = onnxruntime.InferenceSession(tmp_path / "a.onnx").run(None, {"input": images})
    np.testing.assert_allclose(got, answer(network, images), atol=1e-4)
    spec, _ = probe(tmp_path / "a.onnx")
    assert (spec.size, spec.multiple) == ((None, None), (4, 4))


@pytest.mark.slow
def test_torchscript_with_real_weights(tmp_path):
    path = deepbet()
    network = load(describe(path.name, {}, path.parent), base=path.parent)
    made = export_network(network, tmp_path / "fp32.onnx", opset=OPSET)
    # Deep instance norms: far more than a shallow network's 1e-6, and no label differs.
    assert made.agreement.relative < 1e-3
    assert made.agreement.flipped < 1e-4
    spec, _ = probe(tmp_path / "fp32.onnx")
    assert (spec.channels, spec.classes, spec.multiple) == (1, 2, (32, 32, 32))
    assert spec.activation == "softmax"


def test_onnx_file_with_real_weights(tmp_path):
    made = take_onnx(dbnet(), tmp_path / "fp32.onnx", opset=OPSET)
    assert made.agreement.largest < 1e-5
    spec, _ = probe(tmp_path / "fp32.onnx")
    assert (spec.channels, spec.classes, spec.multiple) == (3, 1, (32, 32))
    assert spec.activation == "sigmoid"
    model = onnx.load(tmp_path / "fp32.onnx")
    assert model.opset_import[0].version == OPSET
    kinds = {node.op_type for node in model.graph.node}
    assert not kinds & {"Constant", "BatchNormalization"}


@pytest.mark.parametrize("fixed", [False, True])
def test_exported_program(tmp_path, fixed):
    torch.manual_seed(0)
    layers = torch.nn.Conv2d(2, 4, 3, padding=1), torch.nn.BatchNorm2d(4), torch.nn.Conv2d(4, 3, 1)
    network = torch.nn.Sequential(*layers).eval()
    free = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    program = torch.export.export(
        network, (torch.zeros(2, 2, 24, 32),), dynamic_shapes=None if fixed else (free,)
    )
    torch.export.save(program, tmp_path / "a.pt2")
    loaded = torch.export.load(tmp_path / "a.pt2")
    export_network(loaded, tmp_path / "a.onnx", opset=OPSET)
    spec, _ = probe(tmp_path / "a.onnx")
    assert spec.size == ((24, 32) if fixed else (None, None))
    assert spec.batch == (2 if fixed else None)
    images = np.random.default_rng(0).normal(0, 1, (2, 2, 24, 32)).astype(np.float32)
    (got,) = onnxruntime.InferenceSession(tmp_path / "a.onnx").run(None, {"input": images})
    np.testing.assert_allclose(got, answer(network, images), atol=1e-5)
