"""Free axes: their names, and fixing them."""

import numpy as np
from onnx import TensorProto, helper, numpy_helper
from segtrt.graphs.axes import fix_shape, name_sides
from segtrt.graphs.clean import read_graph, write_graph
from segtrt.graphs.normalise import normalise


def value(name, *dims, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, list(dims))


def test_volumes_name_their_axes(tmp_path):
    weight = numpy_helper.from_array(np.ones((2, 1, 1, 1, 1), np.float32), "w")
    graph = helper.make_graph(
        [helper.make_node("Conv", ["x", "w"], ["y"])],
        "g",
        [value("x", None, 1, "a", "b", "c")],
        [value("y", None, 2, "a", "b", "c")],
        [weight],
    )
    model = normalise(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)]))
    dims = [dim.dim_param for dim in model.graph.output[0].type.tensor_type.shape.dim]
    assert dims == ["batch", "", "depth", "height", "width"]
    fix_shape(model, 2, (None, 8, 16))
    write_graph(model, tmp_path / "c.onnx", {})
    fixed = read_graph(tmp_path / "c.onnx").graph.output[0].type.tensor_type.shape.dim
    assert [dim.dim_value for dim in fixed] == [2, 2, 0, 8, 16]


def test_sides_of_answers_are_named_only_where_they_are_not_known():
    graph = helper.make_graph(
        [helper.make_node("Relu", ["x"], ["y"])],
        "g",
        [value("x", "batch", 3, "height", 64)],
        [value("y", "batch", 3, None, None)],
    )
    model = helper.make_model(graph)
    name_sides(model)
    dims = model.graph.output[0].type.tensor_type.shape.dim
    assert [dim.dim_param for dim in dims] == ["batch", "", "height", ""]
    assert not dims[3].HasField("dim_value")
    dims[2].dim_value = 16
    name_sides(model)
    assert dims[2].dim_value == 16
