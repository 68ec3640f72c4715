"""The images that a graph's answers are proven on."""

from typing import TYPE_CHECKING

import numpy as np

from segtrt.graphs.calibration import CalibrationImages
from segtrt.graphs.running import GraphRun, Values, trial_images

if TYPE_CHECKING:
    import onnx

_PROOF_IMAGES = 8


def proof_images(model: "onnx.ModelProto", calibration: CalibrationImages | None) -> list[Values]:
    """A few calibration images where there are any, else noise; batches (patches, channels, *size).

    Args:
        model: the graph that takes them.
        calibration: the calibration images.
    """
    return _some(calibration) if calibration else [_noise(model)]


def _some(calibration: CalibrationImages) -> list[Values]:
    """A few images, evenly from the first to the last: neighbours are slices of one subject."""
    count = len(calibration)
    wanted = set(np.linspace(0, count - 1, min(count, _PROOF_IMAGES)).round().astype(int))
    return [images for number, images in enumerate(calibration) if number in wanted]


def _noise(model: "onnx.ModelProto") -> Values:
    dims = model.graph.input[0].type.tensor_type.shape.dim
    size = [dim.dim_value or None for dim in dims][2:]
    batch = dims[0].dim_value or 2
    return trial_images(GraphRun(model), dims[1].dim_value, size, batch)
