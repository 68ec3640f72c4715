"""One form for every graph that comes in."""

import sys

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from segtrt.errors import SegtrtError
from segtrt.graphs.clean import read_graph, write_graph
from segtrt.graphs.normalise import normalise
from small_graph import images, run, small_graph


def test_traces_of_the_exporter_go(tmp_path):
    model = read_graph(small_graph(tmp_path / "a.onnx"))
    model.doc_string = "made in /home/someone"
    model.graph.doc_string = "made in /home/someone"
    model.producer_version = "9.9+cpu"
    for holder in (model.graph, model.graph.node[0], model.graph.input[0]):
        holder.metadata_props.add(key="trace", value="/home/someone/unet.py, line 3")
    model.graph.initializer[0].doc_string = "/home/someone"
    model = normalise(model)
    write_graph(model, tmp_path / "b.onnx", {"segtrt.precision": "fp32"})
    content = (tmp_path / "b.onnx").read_bytes()
    assert b"/home" not in content
    assert b"9.9+cpu" not in content
    kept = onnx.load(tmp_path / "b.onnx").metadata_props
    assert [(entry.key, entry.value) for entry in kept] == [("segtrt.precision", "fp32")]


def test_names_do_not_depend_on_the_exporters_numbering(tmp_path):
    first = read_graph(small_graph(tmp_path / "a.onnx"))
    second = read_graph(small_graph(tmp_path / "a.onnx"))
    results = [name for node in second.graph.node for name in node.output if name != "output"]
    for node in first.graph.node:
        node.name = ""
    names = {name: f"val_{number}" for number, name in enumerate(results)}
    for node in second.graph.node:
        node.name = ""
        node.input[:] = [names.get(name, name) for name in node.input]
        node.output[:] = [names.get(name, name) for name in node.output]
    first, second = normalise(first), normalise(second)
    assert first.SerializeToString(deterministic=True) == second.SerializeToString(
        deterministic=True
    )
    assert {"conv", "conv_2", "relu", "relu_2"} <= {node.name for node in first.graph.node}


def test_normalising_keeps_the_result(tmp_path):
    before = small_graph(tmp_path / "a.onnx")
    model = read_graph(before)
    model = normalise(model)
    write_graph(model, tmp_path / "b.onnx", {})
    (image,) = images(1)
    np.testing.assert_array_equal(run(before, image), run(tmp_path / "b.onnx", image))


def value(name, *dims, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, list(dims))


def foreign_graph(path):
    """As another exporter may leave it: Constant nodes, a batch norm, sizes worked out from a
    weight's, weights among the inputs, names without sense, two outputs."""
    rng = np.random.default_rng(2)

    def constant(name, values, dtype=np.float32):
        tensor = numpy_helper.from_array(np.asarray(values, dtype))
        return helper.make_node("Constant", [], [name], value=tensor)

    weight = numpy_helper.from_array(rng.normal(0, 0.3, (4, 3, 3, 3)).astype(np.float32), "w")
    nodes = [
        constant("0", rng.normal(1, 0.1, 4)),
        constant("1", rng.normal(0, 0.1, 4)),
        constant("2", rng.normal(0, 0.1, 4)),
        constant("3", rng.uniform(0.5, 2, 4)),
        constant("4", rng.normal(0, 0.3, (2, 4, 1, 1))),
        helper.make_node("Conv", ["x", "w"], ["5"], pads=[1, 1, 1, 1]),
        helper.make_node("BatchNormalization", ["5", "0", "1", "2", "3"], ["6"]),
        helper.make_node("Relu", ["6"], ["input"]),
        constant("7", [1, 1, 2, 2]),
        helper.make_node("Resize", ["input", "", "7"], ["8"], "up", mode="nearest"),
        helper.make_node("Conv", ["8", "4"], ["9"]),
        helper.make_node("Softmax", ["9"], ["large"], axis=1),
        helper.make_node("Conv", ["input", "4"], ["small"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", "n", 3, "h", "w"), value("w", 4, 3, 3, 3)],
        [value("small", "n", 2, "h", "w"), value("large", "n", 2, None, None)],
        [weight],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8)
    path.write_bytes(model.SerializeToString())
    return path


def test_a_foreign_graph_in_the_one_form(tmp_path):
    path = foreign_graph(tmp_path / "a.onnx")
    model = normalise(read_graph(path), "large")
    write_graph(model, tmp_path / "b.onnx", {})
    model = read_graph(tmp_path / "b.onnx")
    assert [node.op_type for node in model.graph.node] == [
        *("Conv", "Relu", "Resize", "Conv", "Softmax")
    ]
    (given,), (made,) = model.graph.input, model.graph.output
    assert (given.name, made.name) == ("input", "output")
    dims = [dim.dim_param or dim.dim_value for dim in given.type.tensor_type.shape.dim]
    assert dims == ["batch", 3, "height", "width"]
    assert made.type.tensor_type.shape.dim[0].dim_param == "batch"
    assert [tensor.name for tensor in model.graph.initializer] == [
        *("conv.weight", "conv.bias", "up.constant2", "conv_2.weight")
    ]
    image = images(1)[0][:, :, :20, :24]
    import onnxruntime

    expected = onnxruntime.InferenceSession(str(path)).run(["large"], {"x": image})[0]
    np.testing.assert_allclose(run(tmp_path / "b.onnx", image), expected, atol=1e-6)


def test_same_bytes_twice(tmp_path):
    path = foreign_graph(tmp_path / "a.onnx")
    contents = {
        normalise(read_graph(path), "small").SerializeToString(deterministic=True) for _ in range(2)
    }
    assert len(contents) == 1


def broken(change):
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"], "relu")],
        "g",
        [value("x", 1, 3, 8, 8)],
        [value("y", 1, 3, 8, 8)],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    change(model.graph)
    return model


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g.input.append(value("mask", 1)), "the inputs x, mask; expected one"),
        (lambda g: g.output.append(value("x", 1)), "the outputs y, x; name one of them"),
        (lambda g: setattr(g.node[0], "domain", "my.own"), "my.own.Relu"),
        (lambda g: setattr(g.node[0], "op_type", "QuantizeLinear"), "quantised already"),
        (lambda g: g.node[0].input.__setitem__(0, "gone"), "does not depend on its input x"),
    ],
)
def test_what_cannot_be_taken_is_one_line(change, message):
    with pytest.raises(SegtrtError, match=message):
        normalise(broken(change))


def test_unknown_output_names_the_others():
    with pytest.raises(SegtrtError, match="no output z; choose from y"):
        normalise(broken(lambda _: None), "z")


def test_without_onnxslim_the_message_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxslim", None)
    with pytest.raises(SegtrtError, match=r"onnxslim.*install the package onnxslim"):
        normalise(read_graph(small_graph(tmp_path / "a.onnx")))
