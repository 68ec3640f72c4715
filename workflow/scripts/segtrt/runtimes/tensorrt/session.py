"""A loaded TensorRT engine: runs and times batches on the GPU."""

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.runtimes.base import BatchTiming, BuildSettings, Images, Layer, Outputs, Session
from segtrt.runtimes.tensorrt.cache import RuntimeCache, runtime_caches
from segtrt.runtimes.tensorrt.cuda import PrimaryContext, primary_context
from segtrt.runtimes.tensorrt.inspect import inspect_engine, read_engine
from segtrt.runtimes.tensorrt.lane import EngineLane
from segtrt.runtimes.tensorrt.log import logger_for
from segtrt.runtimes.tensorrt.tf32 import tf32_only_if_wanted

logger = logging.getLogger(__name__)

MODES = ("stream", "graph", "overlapped")
_OVERLAPPED_LANES = 2
_OVERLAPPED_ROUNDS = 4
"""Batches of each lane in a timed step of the overlapped mode."""


class TensorRTSession(Session):
    """An engine in device memory, ready to run; see `Session`.

    One lane (stream, buffers, execution context) in the modes `stream` and `graph`, two in
    `overlapped`: while one computes, the other copies.
    """

    def __init__(
        self, import_module: Callable[[], Any], engine: Path, settings: BuildSettings, mode: str
    ) -> None:
        """Read the engine, create its contexts, and run it once.

        Args:
            import_module: imports `tensorrt` or `tensorrt_rtx`.
            engine: the engine file.
            settings: what it was built with.
            mode: one of `MODES`.

        Raises:
            SegtrtError: the engine does not fit this machine or version, or its GPU is too small.
        """
        self.batch_size = settings.batch_size
        self.mode = mode
        self._precision = settings.precision
        self._settings = settings
        self._largest = settings.largest_batch
        self._static = settings.profile == "static"
        self._cache_path = engine.with_suffix(".runtime_cache")
        self._engine: Any = None
        self._config: Any = None
        self._cache: RuntimeCache | None = None
        self._lanes: list[EngineLane] = []
        self._stages: dict[str, float] = {}
        self.load_stages_ms = self._stages
        self._stack = ExitStack()
        with self._stage("start_cuda"):
            self._trt = import_module()
            self._primary: PrimaryContext = primary_context()
        free_before = self._primary.free_mib()
        try:
            with (
                self._primary.active(),
                self._out_of_memory(engine),
                tf32_only_if_wanted(self._precision),
            ):
                self._load(engine)
        except BaseException:
            self.close()
            raise
        self._memory_mib = max(0.0, free_before - self._primary.free_mib())
        self._primary.close_at_exit(self)

    def _load(self, path: Path) -> None:
        with self._stage("read_back"):
            self._engine = read_engine(self._trt, path.read_bytes(), str(path))
        with self._stage("create_context"):
            self._config = self._runtime_config()
            for _ in range(_OVERLAPPED_LANES if self.mode == "overlapped" else 1):
                lane = EngineLane(
                    self._trt, self._primary.driver, self._engine, self._config, self._settings
                )
                self._stack.callback(lane.close)
                self._lanes.append(lane)
        with self._stage("first_run"):
            for lane in self._lanes:
                self._prepare(lane, self.batch_size)
                lane.enqueue()
            for lane in self._lanes:
                lane.synchronise()
        if self._cache is not None and not self.warm:
            self._cache.save()

    def run(self, images: Images) -> Outputs:
        """See `Session.run`; a dynamic engine takes any batch up to its profile's maximum."""
        self._check(images)
        with self._primary.active():
            lane = self._lanes[0]
            self._submit(lane, images)
            return self._collect(lane, len(images))

    def run_batches(self, batches: Iterable[Images]) -> Iterator[Outputs]:
        """Run batch after batch and yield the results in order; `overlapped` hides the copies.

        Each batch is as for `run`. What is yielded is the caller's own copy.
        """
        under_way: deque[tuple[EngineLane, int]] = deque()
        for index, images in enumerate(batches):
            self._check(images)
            if len(under_way) == len(self._lanes):
                yield self._collect_next(under_way)
            lane = self._lanes[index % len(self._lanes)]
            with self._primary.active():
                self._submit(lane, images)
            under_way.append((lane, len(images)))
        while under_way:
            yield self._collect_next(under_way)

    def time_batch(self, images: Images) -> BatchTiming:
        """Run one full batch under CUDA events.

        In the mode `overlapped` steps of several batches overlap, so there is only one figure: the
        time from the end of one batch to the end of the 8th after it, copies included, divided by
        8, while batch follows batch.
        """
        if len(images) != self.batch_size:
            raise SegtrtError(
                f"a full batch of {self.batch_size} images is timed, got {len(images)}"
            )
        self._check(images)
        with self._primary.active(), tf32_only_if_wanted(self._precision):
            for lane in self._lanes:
                lane.fill(images, self.batch_size)
                self._prepare(lane, self.batch_size)
            if self.mode == "overlapped":
                return BatchTiming(run_ms=self._time_overlapped())
            return self._lanes[0].time()

    def memory_mib(self) -> float:
        """Device memory that loading and the first run took, in MiB."""
        return self._memory_mib

    def layers(self) -> list[Layer]:
        """The engine's layers, as its inspector tells them."""
        with self._primary.active(), tf32_only_if_wanted(self._precision):
            return inspect_engine(self._trt, self._engine, self._lanes[0].context)

    def close(self) -> None:
        """Free everything on the device; calling it again does nothing."""
        if not hasattr(self, "_primary"):  # CUDA could not be started
            return
        with self._primary.active():
            try:
                for lane in self._lanes:
                    lane.synchronise()
                if self._lanes and self._cache is not None:
                    self._cache.save()
            finally:
                self._lanes = []
                self._stack.close()
                self._cache = self._config = self._engine = None

    def _submit(self, lane: EngineLane, images: Images) -> None:
        batch = self.batch_size if self._static else len(images)
        lane.fill(images, batch)
        # A dynamic engine may compile kernels for a batch size that is new to it.
        with tf32_only_if_wanted(self._precision):
            self._prepare(lane, batch)
            lane.enqueue()

    def _prepare(self, lane: EngineLane, batch: int) -> None:
        if self._cache is not None:
            self._cache.ran(batch)
        lane.prepare(batch, graph=self.mode != "stream")

    def _collect(self, lane: EngineLane, count: int) -> Outputs:
        lane.synchronise()
        return lane.result(count)

    def _collect_next(self, under_way: deque[tuple[EngineLane, int]]) -> Outputs:
        lane, count = under_way.popleft()
        with self._primary.active():
            return self._collect(lane, count)

    def _time_overlapped(self) -> float:
        """Time per batch while the lanes take turns, in milliseconds.

        A round before the timed ones fills the lanes, and one after them keeps them full until the
        last timed batch has ended.
        """
        last = self._lanes[-1].buffers
        for turn in range(_OVERLAPPED_ROUNDS + 2):
            for lane in self._lanes:
                lane.enqueue()
            if turn == 0:
                last.record(0)
            elif turn == _OVERLAPPED_ROUNDS:
                last.record(1)
        elapsed = last.elapsed_ms(0, 1)
        for lane in self._lanes:
            lane.synchronise()
        return elapsed / (_OVERLAPPED_ROUNDS * len(self._lanes))

    def _runtime_config(self) -> Any:
        """TensorRT-RTX: how contexts are made, with the runtime cache beside the engine; or None.

        A dynamic engine's kernels are compiled for each new batch size when it first comes, not in
        the background: times then do not change under way.
        """
        if not hasattr(self._trt, "IRuntimeCache"):
            return None
        config = self._engine.create_runtime_config()
        if not self._static:
            strategies = self._trt.DynamicShapesKernelSpecializationStrategy
            config.dynamic_shapes_kernel_specialization_strategy = strategies.EAGER
        self._primary.close_at_exit(runtime_caches())
        self._cache = runtime_caches().take(config, self._cache_path)
        self.warm = self._cache.warm
        config.set_runtime_cache(self._cache.kernels)
        return config

    def _check(self, images: Images) -> None:
        largest = self.batch_size if self._static else self._largest
        if not self._lanes:
            raise SegtrtError("the engine is closed; load it again")
        shape = self._lanes[0].image_shape
        if not 1 <= len(images) <= largest or images.shape[1:] != shape:
            raise SegtrtError(
                f"images of shape {images.shape} given; 1 to {largest} images of {shape} expected"
            )

    @contextmanager
    def _stage(self, name: str) -> Iterator[None]:
        begin = time.perf_counter_ns()
        yield
        self._stages[name] = (time.perf_counter_ns() - begin) / 1e6

    @contextmanager
    def _out_of_memory(self, engine: Path) -> Iterator[None]:
        """Tell of full device memory in one line."""
        try:
            yield
        except self._primary.driver.MemoryError:
            free, total = (size >> 20 for size in self._primary.driver.mem_get_info())
            raise SegtrtError(
                f"engine {engine} does not fit into the GPU's memory ({free} of {total} MiB free); "
                "use a smaller batch or free the GPU"
            ) from None
        except self._primary.driver.Error as error:
            reason = logger_for(self._trt).last_error(str(error))
            raise SegtrtError(f"engine {engine} cannot be loaded: {reason}") from None
