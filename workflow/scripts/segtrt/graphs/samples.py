"""Sample inputs and outputs beside an ONNX graph: `test_data_set_<i>/input_0.pb`, `output_0.pb`.

The layout is that of ONNX's own test data
(https://github.com/onnx/onnx/blob/main/docs/OnnxBackendTest.md): each file is one serialised
`TensorProto`. Files written here have a batch axis, so that ONNX's test runner takes them; readers
also take the TensorRT introduction's files, whose output has none.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.arrays import Images, Outputs
from segtrt.errors import SegtrtError
from segtrt.files import write_bytes

INPUT_NAME = "input"
OUTPUT_NAME = "output"

FOLDER = "test_data_set_"
INPUT_FILE = "input_0.pb"
_OUTPUT_FILE = "output_0.pb"


def write_sample_outputs(folder: Path, count: int, run: Callable[[Images], Outputs]) -> None:
    """Write what the network makes of each sample input as `output_0.pb`.

    Args:
        folder: where the `test_data_set_<i>` are.
        count: how many there are.
        run: maps (1, channels, *size) float32 to (1, classes, *output size) float32.

    Raises:
        SegtrtError: an input is missing or cannot be read.
    """
    for number in range(count):
        path = folder / f"{FOLDER}{number}"
        output = run(read_tensor(path / INPUT_FILE))
        write_tensor(path / _OUTPUT_FILE, output, OUTPUT_NAME)


def read_sample_input(path: Path, patch: tuple[int, ...]) -> Images:
    """Read `input_0.pb`, with or without its batch axis; (1, channels, *size) float32.

    Args:
        path: the file.
        patch: (channels, *size) expected.

    Raises:
        SegtrtError: missing, damaged, of another shape or type, or with values that are not finite:
            some operators make numbers of what is none, so that an engine's answer tells nothing.
    """
    image = _with_batch_axis(path, patch)
    wrong = image.size - int(np.count_nonzero(np.isfinite(image)))
    if wrong:
        raise SegtrtError(
            f"{path} has {wrong:,} values that are not finite numbers, expected an image as the "
            "network takes it; write it again"
        )
    return image


def read_sample_output(path: Path, output: tuple[int, ...]) -> Outputs:
    """Read `output_0.pb`, with or without its batch axis; (1, classes, *output size) float32.

    Args:
        path: the file.
        output: (classes, *output size) expected.

    Raises:
        SegtrtError: missing, damaged, or of another shape or type.
    """
    return _with_batch_axis(path, output)


def write_tensor(path: Path, array: NDArray[Any], name: str) -> None:
    """Write an array as a serialised ONNX `TensorProto` called `name`."""
    from onnx import numpy_helper

    tensor = numpy_helper.from_array(np.ascontiguousarray(array), name)
    write_bytes(path, tensor.SerializeToString(deterministic=True))


def read_tensor(path: Path) -> NDArray[Any]:
    """Read a serialised ONNX `TensorProto`.

    Raises:
        SegtrtError: missing, damaged, or its values lie in another file.
    """
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from onnx import TensorProto, numpy_helper

    tensor = TensorProto()
    try:
        tensor.ParseFromString(path.read_bytes())
        if tensor.data_type == TensorProto.UNDEFINED:
            raise ValueError("no type of values is given")
        if tensor.data_location == TensorProto.EXTERNAL:
            raise ValueError("its values lie in another file")
        return np.array(numpy_helper.to_array(tensor))
    except OSError as error:
        raise SegtrtError(
            f"tensor file {path} cannot be read ({error.strerror}); expected an ONNX TensorProto"
        ) from None
    except (DecodeError, KeyError, TypeError, ValueError) as error:
        raise SegtrtError(
            f"{path} is not a whole ONNX TensorProto ({error}); write it again"
        ) from None


def _with_batch_axis(path: Path, shape: tuple[int, ...]) -> NDArray[np.float32]:
    array = read_tensor(path)
    if array.dtype != np.float32 or array.shape not in (shape, (1, *shape)):
        raise SegtrtError(
            f"{path} has {array.dtype} {array.shape}; expected float32 {(1, *shape)} or {shape}"
        )
    return array.reshape(1, *shape)
