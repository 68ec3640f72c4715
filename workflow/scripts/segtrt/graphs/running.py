"""Running a float32 graph to learn from it, or to check it: ONNX Runtime on the CPU."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segtrt.errors import SegtrtError
from segtrt.machine.cpu import available_cores

if TYPE_CHECKING:
    import onnx

Values = NDArray[np.float32]
"""(patches, channels, *size) float32."""

_SIDES = {2: (64, 128, 256, 512, 224, 96, 160), 3: (32, 64, 96, 128, 48)}
"""Sides to try where a network does not say which it takes, by its number of dimensions."""

_FATAL = 4
"""Log severity: what goes wrong is raised."""


class GraphRun:
    """A graph that is loaded in ONNX Runtime."""

    def __init__(
        self,
        model: "onnx.ModelProto | bytes",
        *,
        optimise: bool = True,
        threads: int | None = None,
    ) -> None:
        """Load a graph.

        Args:
            model: the graph, or its bytes.
            optimise: basic optimisation; the higher levels are not right on every graph. False
                runs operator by operator as the file says.
            threads: CPU threads, None for all available cores.

        Raises:
            SegtrtError: ONNX Runtime cannot load it.
        """
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.log_severity_level = _FATAL
        options.intra_op_num_threads = threads or available_cores()
        levels = ort.GraphOptimizationLevel
        options.graph_optimization_level = (
            levels.ORT_ENABLE_BASIC if optimise else levels.ORT_DISABLE_ALL
        )
        content = model if isinstance(model, bytes) else model.SerializeToString()
        try:
            self._session = ort.InferenceSession(
                content, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:
            raise SegtrtError(
                f"ONNX Runtime cannot run the graph ({_first_line(error)}); export it again"
            ) from error
        self.inputs = [value.name for value in self._session.get_inputs()]
        self.outputs = [value.name for value in self._session.get_outputs()]

    def all(self, images: Values) -> list[NDArray[Any]]:
        """All outputs for `images` (patches, channels, *size), in the graph's order.

        Raises:
            SegtrtError: the graph does not take images of that size or number.
        """
        try:
            results: list[NDArray[Any]] = self._session.run(None, {self.inputs[0]: images})
        except Exception as error:
            raise SegtrtError(
                f"the graph does not run on images of shape {images.shape} ({_first_line(error)})"
            ) from error
        return results

    def __call__(self, images: Values) -> Values:
        """The first output for `images` (patches, channels, *size)."""
        result: Values = self.all(images)[0]
        return result


def noise(shape: Sequence[int], seed: int = 0) -> Values:
    """Standard normal values, the same ones every time."""
    return np.random.default_rng(seed).standard_normal(tuple(shape), dtype=np.float32)


def trial_sizes(size: Sequence[int | None]) -> Iterator[tuple[int, ...]]:
    """Sizes to try, the likeliest first.

    Args:
        size: the sides, None where one is free.
    """
    if None not in size:
        yield tuple(side for side in size if side is not None)
        return
    for trial in _SIDES[len(size)]:
        yield tuple(trial if side is None else side for side in size)


def trial_images(
    run: GraphRun, channels: int, size: Sequence[int | None], batch: int = 2
) -> Values:
    """Noise of the first size that a graph runs on.

    Args:
        run: the graph.
        channels: of its input.
        size: its sides, None where one is free.
        batch: how many patches.

    Raises:
        SegtrtError: it runs on none of the sizes tried.
    """
    last: SegtrtError | None = None
    for sides in trial_sizes(size):
        images = noise((batch, channels, *sides))
        try:
            run.all(images)
        except SegtrtError as error:
            last = error
        else:
            return images
    tried = ", ".join("x".join(map(str, sides)) for sides in trial_sizes(size))
    raise SegtrtError(
        f"the network runs on none of the sizes tried ({tried}): {last}; set model.input.size"
    )


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]
