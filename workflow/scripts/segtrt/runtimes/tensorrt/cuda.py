"""CUDA through PyCUDA: the primary context, and lanes of buffers, stream and events.

CUDA graphs, which PyCUDA lacks, are captured on PyCUDA's streams through cuda-bindings. Sources:
https://documen.tician.de/pycuda/driver.html and NVIDIA's CUDA driver API reference.
"""

import atexit
import ctypes
import logging
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from segtrt.errors import SegtrtError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)


class Closeable(Protocol):
    """Anything that holds device memory."""

    def close(self) -> None:
        """Free it."""


class EarlyStart(threading.Thread):
    """Starts CUDA and the first GPU's primary context, which takes a quarter of a second.

    It calls the driver itself, so that Python can go on meanwhile: PyCUDA would hold it up.
    """

    def __init__(self) -> None:
        """Start."""
        super().__init__(name="start of CUDA", daemon=True)
        self._release: Callable[[], object] = lambda: None
        self.start()

    def run(self) -> None:
        """Retain the context; what fails here fails again, with a message, where CUDA is needed."""
        with suppress(OSError):
            driver = ctypes.CDLL("libcuda.so.1")
            device, context = ctypes.c_int(), ctypes.c_void_p()
            if (
                driver.cuInit(0) == 0
                and driver.cuDeviceGet(ctypes.byref(device), 0) == 0
                and driver.cuDevicePrimaryCtxRetain(ctypes.byref(context), device) == 0
            ):
                self._release = lambda: driver.cuDevicePrimaryCtxRelease_v2(device)

    def hand_over(self) -> None:
        """Release the context, which someone else has retained by now."""
        self._release()
        self._release = lambda: None


@cache
def start_cuda() -> EarlyStart:
    """Start CUDA in the background; `primary_context` waits for it. The first call starts it."""
    return EarlyStart()


class PrimaryContext:
    """The first GPU's primary context, shared with every CUDA library in the process.

    It is retained once and released when the process ends, since TensorRT keeps state in it that
    outlives an engine; device memory is freed by whoever took it. What was not closed by then is
    closed first.
    """

    def __init__(self) -> None:
        """Start CUDA.

        Raises:
            SegtrtError: PyCUDA is not installed or there is no GPU that can be used.
        """
        early = start_cuda()
        try:
            from pycuda import driver
        except ImportError as error:
            raise SegtrtError(
                f"PyCUDA cannot be imported ({error}); install it as docs/gpu.md says"
            ) from None
        self.driver: Any = driver
        early.join()
        try:
            driver.init()
            self._context = driver.Device(0).retain_primary_context()
            early.hand_over()
        except driver.Error as error:
            raise SegtrtError(f"CUDA cannot start: {error}; check nvidia-smi") from None
        self._open: weakref.WeakSet[Closeable] = weakref.WeakSet()
        atexit.register(self._release)

    @contextmanager
    def active(self) -> Iterator[None]:
        """Make the context the current one of this thread for the block."""
        self._context.push()
        try:
            yield
        finally:
            self._context.pop()

    def close_at_exit(self, holder: Closeable) -> None:
        """Close `holder` when the process ends, if nobody has."""
        self._open.add(holder)

    def free_mib(self) -> float:
        """Free device memory, in MiB."""
        with self.active():
            free, _total = self.driver.mem_get_info()
        return float(free) / 2**20

    def _release(self) -> None:
        for holder in list(self._open):
            with suppress(Exception):
                holder.close()
        with suppress(self.driver.Error):
            self._context.detach()


@cache
def primary_context() -> PrimaryContext:
    """The process's one `PrimaryContext`; the first call starts CUDA."""
    return PrimaryContext()


class Graph:
    """Work on one stream, captured once and launched as a CUDA graph."""

    def __init__(self, stream: int, work: Callable[[], None]) -> None:
        """Capture what `work` enqueues on the stream with handle `stream`; nothing runs yet.

        Raises:
            SegtrtError: cuda-bindings is not installed, or the work cannot be captured.
        """
        try:
            from cuda.bindings import driver
        except ImportError as error:
            raise SegtrtError(
                f"cuda-bindings cannot be imported ({error}); install it, or use another "
                "inference.mode than graph and overlapped"
            ) from None
        self._driver: Any = driver
        self._stream = driver.CUstream(stream)
        # Thread-local: other threads may go on calling CUDA while this one captures.
        mode = driver.CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
        _ask(driver.cuStreamBeginCapture(self._stream, mode))
        try:
            work()
        except BaseException:
            status, graph = driver.cuStreamEndCapture(self._stream)
            if status == driver.CUresult.CUDA_SUCCESS and int(graph):
                driver.cuGraphDestroy(graph)
            raise
        graph = _ask(driver.cuStreamEndCapture(self._stream))
        try:
            self._executable = _ask(driver.cuGraphInstantiate(graph, 0))
        finally:
            driver.cuGraphDestroy(graph)

    def launch(self) -> None:
        """Enqueue the graph on its stream."""
        _ask(self._driver.cuGraphLaunch(self._executable, self._stream))

    def close(self) -> None:
        """Free the graph; call it once, and only when no launch is under way."""
        self._driver.cuGraphExecDestroy(self._executable)


class GraphMarks:
    """Time marks that are recorded each time a graph runs."""

    def __init__(self, count: int) -> None:
        from cuda.bindings import driver

        self._driver: Any = driver
        self._events: list[Any] = []
        try:
            for _ in range(count):
                self._events.append(_ask(driver.cuEventCreate(0)))
        except BaseException:
            self.close()
            raise

    def record(self, index: int, stream: int) -> None:
        """Record mark `index` on a stream that is being captured."""
        external = int(self._driver.CUevent_record_flags.CU_EVENT_RECORD_EXTERNAL)
        stream_object = self._driver.CUstream(stream)
        _ask(self._driver.cuEventRecordWithFlags(self._events[index], stream_object, external))

    def elapsed_ms(self, start: int, end: int) -> float:
        """Time between two marks of a graph that has run, in milliseconds."""
        return float(_ask(self._driver.cuEventElapsedTime(self._events[start], self._events[end])))

    def close(self) -> None:
        """Free the marks."""
        while self._events:
            self._driver.cuEventDestroy(self._events.pop())


class Lane:
    """A stream with pinned host and device buffers for one batch in and one batch out."""

    def __init__(
        self,
        driver: Any,
        input_shape: tuple[int, ...],
        input_type: "np.dtype[Any]",
        output_shape: tuple[int, ...],
        output_type: "np.dtype[Any]",
    ) -> None:
        """Take the buffers, with the context active.

        Args:
            driver: the module `pycuda.driver`.
            input_shape: shape of the largest batch.
            input_type: its type.
            output_shape: shape of the largest batch's result.
            output_type: its type.
        """
        self._driver = driver
        with ExitStack() as stack:
            self.stream = driver.Stream()
            self.host_input: NDArray[Any] = driver.pagelocked_empty(input_shape, input_type)
            stack.callback(self.host_input.base.free)
            self.host_output: NDArray[Any] = driver.pagelocked_empty(output_shape, output_type)
            stack.callback(self.host_output.base.free)
            self._device_input = driver.mem_alloc(self.host_input.nbytes)
            stack.callback(self._device_input.free)
            self._device_output = driver.mem_alloc(self.host_output.nbytes)
            stack.callback(self._device_output.free)
            self._events = [driver.Event() for _ in range(4)]
            self._stack = stack.pop_all()
        self.host_input.fill(0)

    @property
    def input_address(self) -> int:
        """Device address of the input."""
        return int(self._device_input)

    @property
    def output_address(self) -> int:
        """Device address of the output."""
        return int(self._device_output)

    @property
    def handle(self) -> int:
        """The stream's handle."""
        return int(self.stream.handle)

    def copy_in(self, batch: int) -> None:
        """Enqueue the copy of the first `batch` images to the device."""
        self._driver.memcpy_htod_async(self._device_input, self.host_input[:batch], self.stream)

    def copy_out(self, batch: int) -> None:
        """Enqueue the copy of the first `batch` results to the host."""
        self._driver.memcpy_dtoh_async(self.host_output[:batch], self._device_output, self.stream)

    def record(self, index: int) -> None:
        """Record event `index`, 0 to 3, on the stream."""
        self._events[index].record(self.stream)

    def elapsed_ms(self, start: int, end: int) -> float:
        """Time between two recorded events, in milliseconds; waits for the second."""
        self._events[end].synchronize()
        return float(self._events[start].time_till(self._events[end]))

    def synchronise(self) -> None:
        """Wait until all that is enqueued is done."""
        self.stream.synchronize()

    def close(self) -> None:
        """Free stream, events and buffers; the context must be active and the stream idle."""
        self._events = []
        self.stream = None
        del self.host_input, self.host_output
        self._stack.close()


def _ask(answer: tuple[Any, ...]) -> Any:
    """The value of a cuda-bindings call.

    Raises:
        SegtrtError: the call failed.
    """
    status, *values = answer
    if int(status) != 0:
        raise SegtrtError(
            f"CUDA graph: {status.name}; use inference.mode: stream if it happens again"
        )
    return values[0] if values else None
