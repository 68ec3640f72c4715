"""Load an engine, run one batch, and print the monotonic clock in ns; started by gpu.py.

python benchmarks/first_mask.py ENGINE RUNTIME BATCH_SIZE PRECISION SHAPES

SHAPES is JSON: the patch, (channels, *size), and its answer, (classes, *output size).
"""

import json
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workflow/scripts"))

from segtrt.precision import Precision
from segtrt.runtimes.base import BuildSettings
from segtrt.runtimes.registry import get_runtime

engine, runtime, batch_size, precision, shapes = sys.argv[1:]
patch, output = map(tuple, json.loads(shapes))
settings = BuildSettings(int(batch_size), Precision(precision), patch=patch, output=output)
images = np.zeros((settings.batch_size, *settings.patch), np.float32)
with get_runtime(runtime).load(Path(engine), settings) as session:
    masks = session.run(images) > 0.5
    print(time.monotonic_ns())
