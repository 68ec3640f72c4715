"""NVIDIA's ModelOpt: float16, bfloat16, float8 and signed int8 graphs for TensorRT."""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segtrt.errors import SegtrtError
from segtrt.graphs import modelopt_process
from segtrt.graphs.clean import read_graph
from segtrt.graphs.ending import last_activations
from segtrt.graphs.running import Values
from segtrt.precision import Precision

if TYPE_CHECKING:
    import onnx

_BF16_OPSET = 22
"""The first ONNX operator set whose convolutions and pooling take bfloat16."""

_NOT_BF16 = ("ConvTranspose", "HardSwish", "HardSigmoid")
"""Operators that TensorRT for RTX 1.6 and 1.7 do not have in bfloat16."""

_METHODS = {"minmax": "max", "entropy": "entropy"}
"""ModelOpt's names of the ways to choose ranges."""

_LARGEST = {Precision.FP16: 512.0, Precision.BF16: 1e38}
"""Operators with larger results stay float32; ModelOpt's own default for float16."""

_LIBRARY = Path(__file__).resolve().parents[2]


def narrow(graph: Path, precision: Precision, images: Sequence[Values]) -> "onnx.ModelProto":
    """The float32 graph in float16 or bfloat16, by AutoCast; input and output stay float32.

    A sigmoid or softmax before the output stays float32, where it costs little and keeps
    probabilities near 0 and 1 apart; so do operators whose weights or results are too large.

    Args:
        graph: the float32 graph.
        precision: fp16 or bf16.
        images: batches; the graph is run on the first, to see how large its operators' results are.

    Raises:
        SegtrtError: ModelOpt is not installed or fails.
    """
    model = read_graph(graph)
    bf16 = precision is Precision.BF16
    options = {
        "low_precision_type": str(precision),
        "nodes_to_exclude": list(last_activations(model)),
        "op_types_to_exclude": list(_NOT_BF16) if bf16 else [],
        "data_max": _LARGEST[precision],
        "init_max": 1e38 if bf16 else float(np.finfo(np.float16).max),
        "opset": max(_BF16_OPSET if bf16 else 0, model.opset_import[0].version),
    }
    return _call("narrow", graph, model.graph.input[0].name, images[0], options)


def quantise(
    graph: Path, precision: Precision, images: Iterable[Values], method: str
) -> "onnx.ModelProto":
    """The float32 graph with quantise/dequantise pairs, signed and symmetric, the rest in float32.

    Args:
        graph: the float32 graph.
        precision: int8 or fp8.
        images: calibration images (1, channels, *size) each.
        method: `minmax` or `entropy`.

    Raises:
        SegtrtError: ModelOpt does not have the method, is not installed, or fails.
    """
    if method not in _METHODS:
        raise SegtrtError(
            f"engines.calibration.method is {method!r}, which nvidia-modelopt does not have for "
            f"{precision}; choose {' or '.join(_METHODS)}"
        )
    options = {"quantize_mode": str(precision), "calibration_method": _METHODS[method]}
    name = read_graph(graph).graph.input[0].name
    return _call("quantise", graph, name, np.concatenate(list(images)), options)


def _call(
    what: str, graph: Path, name: str, images: Values, options: dict[str, Any]
) -> "onnx.ModelProto":
    """Call ModelOpt in a process of its own: it changes ONNX Runtime and the log of its process."""
    if find_spec("modelopt") is None:
        raise SegtrtError(
            "graphs in fp16 and bf16 for TensorRT, and quantised ones of networks with norms or "
            "attention, are made by nvidia-modelopt, which is not installed; install the extra "
            "tensorrt or tensorrt-rtx"
        )
    with tempfile.TemporaryDirectory() as folder:
        data, out = Path(folder) / "images.npz", Path(folder) / "model.onnx"
        np.savez(data, allow_pickle=False, **{name: images})
        arguments = [what, str(graph), str(data), str(out), json.dumps(options)]
        path = os.pathsep.join(filter(None, [str(_LIBRARY), os.environ.get("PYTHONPATH", "")]))
        done = subprocess.run(
            [sys.executable, "-m", modelopt_process.__name__, *arguments],
            env={**os.environ, "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode or not out.is_file():
            lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
            # Packages that ModelOpt uses, such as lief, come with the extras; its own advice, to
            # install another extra, follows the error.
            imports = [line for line in lines if line.startswith(("ModuleNotFound", "ImportError"))]
            reason = (imports or lines or ["no reason given"])[-1]
            advice = (
                "install the extra tensorrt or tensorrt-rtx"
                if imports
                else "leave this precision out of engines.precisions"
            )
            raise SegtrtError(f"nvidia-modelopt cannot convert the graph ({reason}); {advice}")
        return read_graph(out)
