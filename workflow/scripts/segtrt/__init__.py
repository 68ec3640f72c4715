"""segtrt: from a PyTorch segmentation network to inference engines proven on real images.

Importing any module of this package is cheap: torch, onnx, onnxruntime, openvino, tensorrt and
pycuda are imported inside the functions that use them.

`segtrt.load` loads a proven engine; nothing is imported for it until it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from segtrt.deploy.model import load as load


def __getattr__(name: str) -> Any:
    if name == "load":
        from segtrt.deploy.model import load as function

        return function
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
