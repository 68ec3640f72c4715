"""TF32 kept out of float32 engines.

TensorRT-RTX compiles kernels when an engine is loaded and, in version 1.6.1 on an H100, uses TF32
there whatever the builder's flag said: errors of up to 3e-2 in a probability. NVIDIA's
libraries obey the environment variable NVIDIA_TF32_OVERRIDE=0 (TensorRT's developer guide, under
TF32), with which the same engine's error was 5e-7 instead of 7e-4 on a small graph.

TensorRT-RTX asks for the variable once: a tf32 engine that is loaded after an fp32 one in the same
process runs without TF32, which is slower and no less exact. The workflow's jobs load one engine.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from segtrt.precision import Precision

VARIABLE = "NVIDIA_TF32_OVERRIDE"


@contextmanager
def tf32_only_if_wanted(precision: Precision) -> Iterator[None]:
    """Forbid TF32 for the block if `precision` is float32, or float32 in part as a mix is.

    What the user set stays.
    """
    if not (precision is Precision.FP32 or precision.is_mix) or VARIABLE in os.environ:
        yield
        return
    os.environ[VARIABLE] = "0"
    try:
        yield
    finally:
        del os.environ[VARIABLE]
