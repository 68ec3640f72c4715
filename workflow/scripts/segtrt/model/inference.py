"""The network itself in exact float32: what the reference's answers and its times share.

It is PyTorch, or, for a network that is an ONNX file, ONNX Runtime without graph optimisation.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segtrt.arrays import Images, Outputs
from segtrt.graphs.running import GraphRun
from segtrt.machine.cpu import available_cores
from segtrt.model.outputs import choose_output, named_outputs
from segtrt.model.source import Kind, NetworkSource
from segtrt.precision import Precision
from segtrt.runtimes.description import BatchTiming

if TYPE_CHECKING:
    from torch import Tensor, device, nn

_DTYPES = {Precision.FP32: "float32", Precision.BF16: "bfloat16", Precision.FP16: "float16"}

_CPU_ONLY = frozenset({Kind.TORCHSCRIPT, Kind.EXPORTED})
"""Sources that may have the device they were saved on written into them."""


@dataclass(frozen=True)
class Form:
    """How PyTorch runs a network."""

    precision: Precision = Precision.FP32
    """`fp32`, `bf16` or `fp16`."""
    channels_last: bool | None = None
    """Whether arrays lie in memory channels last; None for as the reference runs."""
    autocast: bool = False
    """Whether PyTorch chooses the operators that compute in the precision, and not all do."""
    compiled: bool = False
    """Whether it runs by `torch.compile`, anew for each shape."""


AS_REFERENCE = Form()
"""Exact float32, in eager mode."""


@dataclass(frozen=True)
class NetworkFiles:
    """A network as a job is given it."""

    source: NetworkSource
    weights: Path | None
    """Weights given apart; None for those that the source holds or draws."""
    graph: Path | None
    """The normalised float32 graph, for a network that is an ONNX file."""
    output: str | None
    """The output to use, as `model.output` says."""

    @property
    def name(self) -> str:
        """What computes: `PyTorch` or `ONNX Runtime`."""
        return "PyTorch" if self.source.needs_torch else "ONNX Runtime"


def files_of(source: NetworkSource, inputs: Any, output: str | None) -> NetworkFiles:
    """A network's files from a job's inputs by name (`snakemake.input`): `weights` and `graph`."""
    weights, graph = inputs.get("weights"), inputs.get("graph")
    return NetworkFiles(
        source, Path(weights) if weights else None, Path(graph) if graph else None, output
    )


class Reference:
    """A network that is loaded and ready."""

    name: str
    """`PyTorch` or `ONNX Runtime`."""
    version: str
    device: str
    """Name of the GPU, or `cpu`."""
    threads: int | None
    """CPU threads; None on a GPU."""

    def run(self, images: Images) -> Outputs:
        """Outputs (n, classes, *output size) float32 of one batch (n, channels, *size)."""
        raise NotImplementedError

    def timed_step(self, images: Images) -> Callable[[], BatchTiming]:
        """A function that runs the batch `images` once and returns its times.

        A CPU is timed by `perf_counter_ns`, from the image array to the output; a GPU by CUDA
        events around copy-in, run and copy-out, on one stream and from and to pinned memory.
        """

        def on_cpu() -> BatchTiming:
            begin = time.perf_counter_ns()
            self.run(images)
            return BatchTiming(run_ms=(time.perf_counter_ns() - begin) / 1e6)

        return on_cpu


@contextmanager
def open_reference(
    network: NetworkFiles, threads: int | None = None, form: Form = AS_REFERENCE
) -> Iterator[Reference]:
    """Load a network and have it run in full float32 (TF32 off), on a GPU if PyTorch has one.

    Args:
        network: its files.
        threads: CPU threads, None for PyTorch's choice.
        form: how PyTorch runs it, for its times in other ways.

    Raises:
        SegtrtError: the network or its weights cannot be loaded.
    """
    if network.graph is not None:
        yield _OnnxReference(network.graph, threads)
        return
    with _exact_float32(threads):
        yield _TorchReference(network, form)


class _OnnxReference(Reference):
    """A float32 graph in ONNX Runtime, operator by operator as the file says."""

    def __init__(self, graph: Path, threads: int | None) -> None:
        import onnxruntime

        self.name, self.version, self.device = "ONNX Runtime", onnxruntime.__version__, "cpu"
        self.threads = threads or available_cores()
        self._run = GraphRun(graph.read_bytes(), optimise=False, threads=self.threads)

    def run(self, images: Images) -> Outputs:
        return np.asarray(self._run(images), np.float32)


class _TorchReference(Reference):
    """PyTorch."""

    def __init__(self, network: NetworkFiles, form: Form) -> None:
        import torch

        from segtrt.model.load import load

        kind = network.source.kind
        on_gpu = torch.cuda.is_available() and kind not in _CPU_ONLY
        self._place: device = torch.device("cuda" if on_gpu else "cpu")
        # Twice as fast on a CPU; other networks' views may not take it.
        usual = kind is Kind.UNET
        self._channels_last = usual if form.channels_last is None else form.channels_last
        self._autocast, self._dtype = form.autocast, _DTYPES[form.precision]
        self._module: nn.Module = load(network.source, network.weights)
        if kind is not Kind.EXPORTED:
            whole = torch.float32 if form.autocast else getattr(torch, self._dtype)
            self._module.to(self._place, whole)
            for parameter in self._module.parameters():
                parameter.data = self._laid_out(parameter.data)
        self._run: Any = self._module
        if form.compiled:
            self._run = torch.compile(self._module, dynamic=False)
        self._wanted = network.output
        self._output = ""
        self.name, self.version = "PyTorch", str(torch.__version__)
        self.device = torch.cuda.get_device_name(self._place) if on_gpu else "cpu"
        self.threads = None if on_gpu else torch.get_num_threads()

    def run(self, images: Images) -> Outputs:
        import torch

        return self._forward(torch.from_numpy(images).to(self._place)).cpu().numpy()

    def timed_step(self, images: Images) -> Callable[[], BatchTiming]:
        if self._place.type == "cpu":
            return super().timed_step(images)
        import torch

        pinned = torch.from_numpy(images).pin_memory()
        inputs = torch.empty_like(pinned, device=self._place)
        result = torch.empty_like(self._forward(pinned.to(self._place)), device="cpu").pin_memory()
        events = [torch.cuda.Event(enable_timing=True) for _ in range(4)]  # type: ignore[no-untyped-call]

        def on_gpu() -> BatchTiming:
            events[0].record()
            inputs.copy_(pinned, non_blocking=True)
            events[1].record()
            output = self._forward(inputs)
            events[2].record()
            result.copy_(output, non_blocking=True)
            events[3].record()
            events[3].synchronize()
            copy_in, run, copy_out = (
                float(before.elapsed_time(after)) for before, after in pairwise(events)
            )
            return BatchTiming(run_ms=run, copy_in_ms=copy_in, copy_out_ms=copy_out)

        return on_gpu

    def _forward(self, images: "Tensor") -> "Tensor":
        """The segmentation among the network's outputs, contiguous."""
        import torch

        dtype = getattr(torch, self._dtype)
        given = self._laid_out(images if self._autocast else images.to(dtype))
        with torch.autocast(self._place.type, dtype, enabled=self._autocast):
            result = self._run(given)
        found = dict(named_outputs(result))
        if not self._output:
            shapes = {name: tuple(v.shape) for name, v in found.items() if v.is_floating_point()}
            self._output, _ = choose_output(shapes, images.shape[2:], self._wanted)
        return found[self._output].float().contiguous()

    def _laid_out(self, values: "Tensor") -> "Tensor":
        """An array of images or weights, channels last if that is asked for."""
        import torch

        last = {4: torch.channels_last, 5: torch.channels_last_3d} if self._channels_last else {}
        layout: Any = last.get(values.ndim, torch.contiguous_format)
        return values.contiguous(memory_format=layout)


@contextmanager
def _exact_float32(threads: int | None) -> Iterator[None]:
    """Inference in full float32 on so many CPU threads; puts things back afterwards."""
    import torch

    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    before = cudnn.allow_tf32, matmul.allow_tf32, torch.get_num_threads()
    cudnn.allow_tf32 = matmul.allow_tf32 = False
    if threads is not None:
        torch.set_num_threads(threads)
    try:
        with torch.inference_mode():
            yield
    finally:
        cudnn.allow_tf32, matmul.allow_tf32 = before[:2]
        torch.set_num_threads(before[2])
