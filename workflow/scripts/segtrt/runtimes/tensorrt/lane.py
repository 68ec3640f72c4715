"""One lane of a TensorRT session: an execution context with its stream, buffers and CUDA graphs."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from segtrt.errors import SegtrtError
from segtrt.runtimes.base import BatchTiming, BuildSettings, Images, Outputs
from segtrt.runtimes.tensorrt.cuda import Graph, GraphMarks, Lane
from segtrt.runtimes.tensorrt.log import logger_for

if TYPE_CHECKING:
    from tensorrt import ICudaEngine, IRuntimeConfig


class NoContextError(SegtrtError):
    """The engine can be read but not made ready to run: this GPU cannot do one of its layers."""


class EngineLane:
    """Runs one batch at a time; several lanes of one engine run side by side."""

    def __init__(
        self,
        trt: Any,
        driver: Any,
        engine: "ICudaEngine",
        config: "IRuntimeConfig | None",
        settings: BuildSettings,
    ) -> None:
        """Create the execution context and take the buffers, with the CUDA context active.

        Args:
            trt: the module `tensorrt` or `tensorrt_rtx`.
            driver: the module `pycuda.driver`.
            engine: the engine.
            config: how its context is made, or None.
            settings: what the engine was built with.
        """
        self._trt = trt
        names = [engine.get_tensor_name(index) for index in range(engine.num_io_tensors)]
        modes = {name: engine.get_tensor_mode(name) for name in names}
        inputs = [name for name in names if modes[name] == trt.TensorIOMode.INPUT]
        outputs = [name for name in names if modes[name] == trt.TensorIOMode.OUTPUT]
        if len(inputs) != 1 or len(outputs) != 1:
            raise SegtrtError(f"the engine has inputs {inputs}, outputs {outputs}; one each wanted")
        self._input, self._output = inputs[0], outputs[0]
        self.image_shape = tuple(engine.get_tensor_shape(self._input))[1:]
        largest = settings.largest_batch
        self.context = (
            engine.create_execution_context()
            if config is None
            else engine.create_execution_context(config)
        )
        if self.context is None:
            reason = logger_for(trt).last_error("no reason was given")
            raise NoContextError(f"TensorRT cannot make an execution context: {reason}")
        self.buffers = Lane(
            driver,
            (largest, *self.image_shape),
            np.dtype(trt.nptype(engine.get_tensor_dtype(self._input))),
            (largest, *settings.output),
            np.dtype(trt.nptype(engine.get_tensor_dtype(self._output))),
        )
        self.context.set_tensor_address(self._input, self.buffers.input_address)
        self.context.set_tensor_address(self._output, self.buffers.output_address)
        self._batch = 0
        self._graph: Graph | None = None
        self._timed_graph: Graph | None = None
        self._marks: GraphMarks | None = None

    def fill(self, images: Images, batch: int) -> None:
        """Put `images`, (n, channels, *size), at the head of the batch; the rest becomes zero."""
        self.buffers.host_input[: len(images)] = images
        self.buffers.host_input[len(images) : batch] = 0

    def prepare(self, batch: int, *, graph: bool) -> None:
        """Get ready for batches of this size; if it changes, waits, and captures the graph anew."""
        if batch != self._batch:
            self._free_graphs()
            self.synchronise()
            if not self.context.set_input_shape(self._input, (batch, *self.image_shape)):
                raise SegtrtError(f"the engine takes no batch of {batch} images")
            self._batch = batch
        if graph and self._graph is None:
            # TensorRT finishes what depends on the shape during a first run, outside the capture.
            self._launch()
            self.synchronise()
            self._graph = Graph(self.buffers.handle, self._launch)

    def enqueue(self) -> None:
        """Enqueue copy-in, run and copy-out of the batch."""
        if self._graph is None:
            self._launch()
        else:
            self._graph.launch()

    def time(self) -> BatchTiming:
        """Copy in, run and copy out the batch that lies in the buffers, under CUDA events."""
        marks: Lane | GraphMarks = self.buffers
        if self._graph is None:
            self._launch(self.buffers.record)
        else:
            timed, marks = self._timed()
            timed.launch()
        self.synchronise()
        return BatchTiming(
            copy_in_ms=marks.elapsed_ms(0, 1),
            run_ms=marks.elapsed_ms(1, 2),
            copy_out_ms=marks.elapsed_ms(2, 3),
        )

    def result(self, count: int) -> Outputs:
        """A copy of the first `count` results, float32; the lane must be synchronised."""
        return np.array(self.buffers.host_output[:count], dtype=np.float32)

    def synchronise(self) -> None:
        """Wait until the lane is idle."""
        self.buffers.synchronise()

    def close(self) -> None:
        """Free graphs, context and buffers; the lane must be idle."""
        self._free_graphs()
        self.context = None
        self.buffers.close()

    def _launch(self, record: Callable[[int], None] = lambda _index: None) -> None:
        record(0)
        self.buffers.copy_in(self._batch)
        record(1)
        if not self.context.execute_async_v3(self.buffers.handle):
            reason = logger_for(self._trt).last_error("no reason was given")
            raise SegtrtError(f"TensorRT cannot run the engine: {reason}")
        record(2)
        self.buffers.copy_out(self._batch)
        record(3)

    def _timed(self) -> tuple[Graph, GraphMarks]:
        """The graph that records marks between its steps, captured on first use."""
        if self._timed_graph is None or self._marks is None:
            marks = self._marks = GraphMarks(4)
            handle = self.buffers.handle
            self._timed_graph = Graph(
                handle, lambda: self._launch(lambda index: marks.record(index, handle))
            )
        return self._timed_graph, self._marks

    def _free_graphs(self) -> None:
        for held in (self._graph, self._timed_graph, self._marks):
            if held is not None:
                held.close()
        self._graph = self._timed_graph = self._marks = None
