"""Ranges of a graph's intermediate results over calibration images."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from segtrt.errors import SegtrtError
from segtrt.graphs.calibration import CalibrationImages
from segtrt.graphs.clean import INPUT, OUTPUT
from segtrt.machine.cpu import available_cores
from segtrt.progress import track

if TYPE_CHECKING:
    import onnx

METHODS = ("minmax", "percentile", "entropy")
PERCENTILE = 99.999
"""Share of the values, in per cent, that `percentile` keeps."""

_BINS = 2048
_LEVELS = 128
"""Magnitudes that a signed 8-bit integer tells apart."""

_SMOOTHING = 1e-4

Histogram = NDArray[np.int64]
Range = tuple[float, float]
"""Lowest and highest value to represent; zero is always within."""


def activation_ranges(
    model: "onnx.ModelProto",
    names: Collection[str],
    images: CalibrationImages,
    method: str,
) -> dict[str, Range]:
    """Range to represent for each of the tensors `names`.

    `minmax` takes the lowest and highest value seen. `percentile` and `entropy` clip it to a
    magnitude: the `PERCENTILE`th percentile of the magnitudes, or the one that loses least
    information; they pass over the images twice. One image's results are in memory at a time.

    Where the foreground is a small share of the pixels, `entropy` may clip just the large values
    that mark it, and the segmentation is lost; validation shows it.

    Args:
        model: the float32 graph.
        names: tensors, inputs of the graph or results of its nodes.
        images: calibration images.
        method: one of `METHODS`.

    Raises:
        SegtrtError: no images, an unknown method, or a result is not finite.
    """
    if method not in METHODS:
        raise SegtrtError(
            f"engines.calibration.method is {method!r}, expected one of {', '.join(METHODS)}"
        )
    if len(images) == 0:
        raise SegtrtError("there are no calibration slices; raise engines.calibration.slices")
    runner = _Runner(model, names)
    ranges: dict[str, Range] = dict.fromkeys(names, (0.0, 0.0))
    for number, results in enumerate(runner.run(images, "calibration"), 1):
        for name in names:
            values = results[name]
            low, high = float(values.min()), float(values.max())
            if not np.isfinite(low) or not np.isfinite(high):
                raise SegtrtError(
                    f"{name} is not finite on calibration slice {number} of {len(images)} "
                    f"({low:.3g} to {high:.3g}); check model.weights, or leave int8 and fp8 out of "
                    "engines.precisions"
                )
            ranges[name] = (min(ranges[name][0], low), max(ranges[name][1], high))
        if not np.isfinite(results[OUTPUT]).all():
            raise SegtrtError(
                f"the float32 graph's own answer on calibration slice {number} of {len(images)} is "
                "not finite; check model.weights"
            )
    if method == "minmax":
        return ranges
    largest = {name: max(-low, high) for name, (low, high) in ranges.items()}
    histograms = {name: np.zeros(_BINS, np.int64) for name in names if largest[name] > 0}
    for results in runner.run(images, f"calibration ({method})"):
        for name, histogram in histograms.items():
            # Exact zeros, most of a ReLU's results, are represented exactly whatever the range.
            values = results[name][results[name] != 0]
            histogram[:] += np.histogram(np.abs(values), _BINS, (0.0, largest[name]))[0]
    choose = _percentile_bins if method == "percentile" else _entropy_bins
    for name, histogram in histograms.items():
        clip = largest[name] * choose(histogram) / _BINS
        ranges[name] = (max(ranges[name][0], -clip), min(ranges[name][1], clip))
    return ranges


class _Runner:
    """Runs a graph in ONNX Runtime with intermediate results as outputs."""

    def __init__(self, model: "onnx.ModelProto", names: Collection[str]) -> None:
        import onnx
        import onnxruntime

        self._with_input = INPUT in names
        self._results = sorted(set(names) - {INPUT})
        watched = onnx.ModelProto()
        watched.CopyFrom(model)
        watched.graph.output.extend(
            onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None)
            for name in self._results
        )
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = available_cores()
        self._session = onnxruntime.InferenceSession(
            watched.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )

    def run(self, images: CalibrationImages, what: str) -> Iterator[dict[str, NDArray[np.float32]]]:
        for image in track(images, what, len(images)):
            values = self._session.run([*self._results, OUTPUT], {INPUT: image})
            results = dict(zip([*self._results, OUTPUT], values, strict=True))
            if self._with_input:
                results[INPUT] = image
            yield results


def _percentile_bins(histogram: Histogram) -> int:
    """Number of the lowest bins that hold `PERCENTILE` per cent of the values."""
    total = np.cumsum(histogram)
    return int(np.searchsorted(total, total[-1] * PERCENTILE / 100)) + 1


def _entropy_bins(histogram: Histogram) -> int:
    """Number of the lowest bins to keep so that quantisation loses least information.

    S. Migacz, "8-bit Inference with TensorRT", GTC 2017: for each number of bins, the values above
    are counted into the last bin (the reference), the kept bins are merged into `_LEVELS` levels
    and spread again over the bins that are not empty; the number with the smallest
    Kullback-Leibler divergence wins.
    """
    counts = histogram.astype(np.float64)
    best, fewest_bits = _BINS, np.inf
    for kept in range(_LEVELS, _BINS + 1, 8):
        inside = counts[:kept]
        reference = inside.copy()
        reference[-1] += counts[kept:].sum()
        level = np.arange(kept) * _LEVELS // kept
        filled = reference > 0
        weight = np.bincount(level, inside, _LEVELS)
        cells = np.bincount(level, filled, _LEVELS)
        spread = np.where(filled, (weight / np.maximum(cells, 1))[level], 0.0)
        bits = _divergence(reference, spread)
        if bits < fewest_bits:
            best, fewest_bits = kept, bits
    return best


def _divergence(reference: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    """Kullback-Leibler divergence of two histograms; infinite if `other` is empty.

    A small share of `other` is spread over all bins: one clipped value in a bin that is empty there
    would otherwise count as infinitely bad, and nothing would ever be clipped.
    """
    if other.sum() == 0:
        return float("inf")
    p = reference / reference.sum()
    q = (1 - _SMOOTHING) * other / other.sum() + _SMOOTHING / len(other)
    there = p > 0
    return float(np.sum(p[there] * np.log(p[there] / q[there])))
