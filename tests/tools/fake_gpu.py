"""A GPU of plain Python for tests: PyCUDA's driver module and TensorRT's runtime in small.

Work that is enqueued on a stream is done only when someone waits, so that a result read too early,
or a buffer filled too early, shows. The engine doubles the first channels of each image.
"""

import ctypes
import enum
import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

ENGINE = b"an engine"


class Driver:
    """`pycuda.driver` with one GPU; counts what is live and fails on demand."""

    class Error(Exception):
        """Any failure of CUDA."""

    class MemoryError(Error):
        """No memory left."""

    def __init__(self) -> None:
        self.pending: list[Callable[[], None]] = []
        self.live: dict[str, int] = {"device": 0, "host": 0}
        self.depth = 0
        self.allocations_left = 10**9
        self.Device = lambda _ordinal: SimpleNamespace(retain_primary_context=lambda: self)
        self.Stream = lambda: _Stream(self)
        self.Event = lambda: _Event(self)

    def init(self) -> None:
        """Start."""

    def push(self) -> None:
        """Make the context current."""
        self.depth += 1

    def pop(self) -> None:
        """Undo `push`."""
        self.depth -= 1

    def detach(self) -> None:
        """Release the context."""

    def mem_get_info(self) -> tuple[int, int]:
        """Free and total bytes."""
        return (1 << 33) - (self.live["device"] << 20), 1 << 33

    def take(self, kind: str, size: int) -> Any:
        """Memory that counts as live until it is freed."""
        assert self.depth > 0, "no current context"
        if self.allocations_left == 0:
            raise self.MemoryError
        self.allocations_left -= 1
        self.live[kind] += 1
        return _Memory(self, kind, size)

    def mem_alloc(self, size: int) -> Any:
        """Device memory."""
        return self.take("device", size)

    def pagelocked_empty(self, shape: tuple[int, ...], dtype: Any) -> Any:
        """Pinned host memory whose `base` can be freed."""
        memory = self.take("host", int(np.prod(shape)) * np.dtype(dtype).itemsize)
        array = np.frombuffer(memory.buffer, dtype).reshape(shape).view(_Pinned)
        array.memory = memory
        return array

    def memcpy_htod_async(self, target: Any, source: Any, _stream: Any) -> None:
        """Copy to the device, later."""
        size = source.nbytes
        self.pending.append(lambda: ctypes.memmove(int(target), source.ctypes.data, size))

    def memcpy_dtoh_async(self, target: Any, source: Any, _stream: Any) -> None:
        """Copy from the device, later."""
        size = target.nbytes
        self.pending.append(lambda: ctypes.memmove(target.ctypes.data, int(source), size))

    def wait(self) -> None:
        """Do all that is pending, in the order in which it was enqueued."""
        while self.pending:
            self.pending.pop(0)()


class _Pinned(np.ndarray):
    memory: Any = None

    @property
    def base(self) -> Any:
        """What PyCUDA frees the memory by."""
        return self.memory


class _Memory:
    def __init__(self, driver: Driver, kind: str, size: int) -> None:
        self.buffer = ctypes.create_string_buffer(size)
        self._driver, self._kind = driver, kind

    def __int__(self) -> int:
        return ctypes.addressof(self.buffer)

    def free(self) -> None:
        """Give it back."""
        assert self._driver.depth > 0, "no current context"
        self._driver.live[self._kind] -= 1


class _Stream:
    handle = 7

    def __init__(self, driver: Driver) -> None:
        self.synchronize = driver.wait


class _Event:
    def __init__(self, driver: Driver) -> None:
        self.synchronize = driver.wait
        self.record = lambda _stream: None
        self.time_till = lambda _other: 1.5


class Graph:
    """Takes the place of `segtrt.runtimes.tensorrt.cuda.Graph`: does the captured work again."""

    live: ClassVar[int] = 0

    def __init__(self, _stream: int, work: Callable[[], None]) -> None:
        self.launch = work
        Graph.live += 1

    def close(self) -> None:
        """Free it."""
        Graph.live -= 1


class Marks:
    """Takes the place of `segtrt.runtimes.tensorrt.cuda.GraphMarks`."""

    def __init__(self, _count: int) -> None:
        self.close = lambda: None

    def record(self, index: int, stream: int) -> None:
        """Mark a time."""

    def elapsed_ms(self, start: int, end: int) -> float:
        """Always 2 ms."""
        assert start < end
        return 2.0


class TensorIOMode(enum.Enum):
    """As in TensorRT."""

    INPUT = 1
    OUTPUT = 2


PATCH = (3, 256, 256)
OUTPUT = (1, 256, 256)


def fake_tensorrt(
    driver: Driver, patch: tuple[int, ...] = PATCH, output: tuple[int, ...] = OUTPUT
) -> Any:
    """The module `tensorrt_rtx`, as far as a session needs it.

    Args:
        driver: the GPU.
        patch: (channels, *size) that its engine takes.
        output: (classes, *size) that it gives; the engine itself leaves the size open, as TensorRT
            does where it follows from the input's.
    """

    class Cache:
        content = b""

        def deserialize(self, content: bytes) -> bool:
            self.content = content
            return content.startswith(b"kernels")

        def serialize(self) -> bytes:
            return b"kernels"

    class Context:
        def __init__(self) -> None:
            self.address: dict[str, int] = {}
            self.batch = 0

        def set_tensor_address(self, name: str, address: int) -> None:
            self.address[name] = address

        def set_input_shape(self, _name: str, shape: tuple[int, ...]) -> bool:
            self.batch = shape[0]
            return True

        def is_stream_capturable(self, _stream: int) -> bool:
            return True

        def execute_async_v3(self, _stream: int) -> bool:
            batch, address = self.batch, self.address

            def run() -> None:
                source = _floats(address["images"], (batch, *patch))
                _floats(address["masks"], (batch, *output))[:] = source[:, : output[0]] * 2

            driver.pending.append(run)
            return True

    layer = {"Name": "all", "LayerType": "Convolution", "Weights": {"Type": "Half"}}
    inspector = SimpleNamespace(get_engine_information=lambda _: json.dumps({"Layers": [layer]}))
    config = SimpleNamespace(create_runtime_cache=Cache, set_runtime_cache=lambda _cache: True)
    engine = SimpleNamespace(
        num_io_tensors=2,
        get_tensor_name=lambda index: ("images", "masks")[index],
        get_tensor_mode=lambda name: TensorIOMode(1 if name == "images" else 2),
        get_tensor_shape=lambda name: (
            (-1, *patch) if name == "images" else (-1, output[0], *[-1] * len(output[1:]))
        ),
        get_tensor_dtype=lambda _name: None,
        create_runtime_config=lambda: config,
        create_execution_context=lambda _config=None: Context(),
        create_engine_inspector=lambda: inspector,
    )
    runtime = SimpleNamespace(
        deserialize_cuda_engine=lambda content: engine if content == ENGINE else None,
        get_engine_validity=lambda _content: (None, 4),
    )
    return SimpleNamespace(
        ILogger=object,
        IRuntimeCache=Cache,
        Runtime=lambda _logger: runtime,
        TensorIOMode=TensorIOMode,
        nptype=lambda _kind: np.float32,
        LayerInformationFormat=SimpleNamespace(JSON=1),
        DynamicShapesKernelSpecializationStrategy=SimpleNamespace(EAGER=1),
        EngineInvalidityDiagnostics=enum.IntEnum("Cause", {"UNSUPPORTED_CC": 4, "OTHER": 8}),
    )


def _floats(address: int, shape: tuple[int, ...]) -> Any:
    kind = ctypes.c_float * int(np.prod(shape))
    return np.ctypeslib.as_array(kind.from_address(address)).reshape(shape)
