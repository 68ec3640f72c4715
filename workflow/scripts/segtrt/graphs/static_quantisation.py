"""ONNX Runtime's own quantisation: every operator that it has in 8 bits."""

import logging
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.errors import SegtrtError
from segtrt.graphs.clean import read_graph
from segtrt.graphs.running import Values

if TYPE_CHECKING:
    import onnx

_METHODS = {"minmax": "MinMax", "percentile": "Percentile", "entropy": "Entropy"}


def quantise_statically(graph: Path, images: Iterable[Values], method: str) -> "onnx.ModelProto":
    """The float32 graph with unsigned activations and a weight scale per channel.

    Args:
        graph: the float32 graph.
        images: calibration images (1, channels, *size) each.
        method: one of `segtrt.graphs.activation_ranges.METHODS`.

    Raises:
        SegtrtError: unknown method.
    """
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantType,
        quantize_static,
    )

    if method not in _METHODS:
        raise SegtrtError(
            f"engines.calibration.method is {method!r}, expected one of {', '.join(_METHODS)}"
        )
    model = read_graph(graph)
    name = model.graph.input[0].name

    class Reader(CalibrationDataReader):  # type: ignore[misc]
        """Hands over one image after the other."""

        def __init__(self) -> None:
            self._images = iter(images)

        def get_next(self) -> dict[str, Values] | None:
            """The next image, None after the last."""
            image = next(self._images, None)
            return None if image is None else {name: image}

    before = logging.root.manager.disable
    # It recommends a preparation that fails on many networks; the graph has had one already.
    logging.disable(logging.WARNING)
    try:
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "quantised.onnx"
            quantize_static(
                model,
                out,
                Reader(),
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod[_METHODS[method]],
            )
            return read_graph(out)
    finally:
        logging.disable(before)
