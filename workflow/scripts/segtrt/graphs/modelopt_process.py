"""The process that ModelOpt runs in; see `segtrt.graphs.modelopt`."""

import json
import re
import sys
from typing import Any


def narrow(graph: str, images: str, out: str, options: dict[str, Any]) -> None:
    """Write `graph` in float16 or bfloat16 to `out`; `images` is an .npz of its input."""
    import onnx
    from modelopt.onnx.autocast import convert_to_mixed_precision

    names = options.pop("nodes_to_exclude")
    model = convert_to_mixed_precision(
        graph,
        nodes_to_exclude=[f"^{re.escape(name)}$" for name in names],
        keep_io_types=True,
        calibration_data=images,
        providers=["cpu"],
        **options,
    )
    onnx.save(model, out)


def quantise(graph: str, images: str, out: str, options: dict[str, Any]) -> None:
    """Write `graph` with quantise/dequantise pairs to `out`; `images` is an .npz of its input."""
    import numpy as np
    from modelopt.onnx.quantization import quantize

    with np.load(images) as data:
        quantize(
            graph,
            calibration_data=dict(data),
            calibration_eps=["cpu"],
            high_precision_dtype="fp32",
            output_path=out,
            **options,
        )


if __name__ == "__main__":
    what, graph, images, out, options = sys.argv[1:]
    {"narrow": narrow, "quantise": quantise}[what](graph, images, out, json.loads(options))
