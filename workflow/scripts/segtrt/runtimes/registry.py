"""The runtimes by name. A runtime's module is imported when it is asked for."""

from functools import cache
from importlib import import_module

from segtrt.errors import SegtrtError
from segtrt.runtimes.base import Runtime

_CLASSES = {
    "onnxruntime": ("onnxruntime", "OnnxRuntime", {}),
    "openvino": ("openvino", "OpenVino", {}),
    "tensorrt": ("tensorrt", "TensorRT", {"module": "tensorrt"}),
    "tensorrt_rtx": ("tensorrt", "TensorRT", {"module": "tensorrt_rtx"}),
}

RUNTIME_NAMES = tuple(_CLASSES)


@cache
def get_runtime(name: str) -> Runtime:
    """The runtime of that name, as in the config.

    Its module is imported by a computed name, so that a fingerprint of code that calls this covers
    no runtime: `Runtime.build_modules` and `run_modules` add the one in question.

    Raises:
        SegtrtError: there is no such runtime.
    """
    if name not in _CLASSES:
        raise SegtrtError(f"runtime {name!r} is not known; choose from {', '.join(RUNTIME_NAMES)}")
    module, class_name, arguments = _CLASSES[name]
    runtime: Runtime = getattr(import_module(f"segtrt.runtimes.{module}.runtime"), class_name)(
        **arguments
    )
    return runtime
