"""PyTorch's own answers and times, in float32: what engines are compared with."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segtrt.data.shards import Shard, write_shard
from segtrt.engines.budget import TimingBudget
from segtrt.engines.run import first_slices
from segtrt.engines.timing import measure
from segtrt.errors import SegtrtError
from segtrt.files import write_json
from segtrt.machine.facts import refuse_other_machine, this_machine
from segtrt.model.unet import IMAGE_SIZE
from segtrt.model.weights import load_network
from segtrt.progress import track
from segtrt.runtimes.base import BatchTiming, Images, Probabilities

if TYPE_CHECKING:
    from torch import Tensor, device, nn

FORMAT = "segtrt-probabilities-1"
TIMING_FORMAT = "segtrt-reference-timing-1"
_BATCH = 8


def predict(weights: Path, init_features: int, images: Images) -> Probabilities:
    """PyTorch's probabilities of `images`.

    Args:
        weights: the network's weights.
        init_features: channels of its first block.
        images: (n, 3, 256, 256) float32, z-scored; n from 0.

    Returns:
        (n, 1, 256, 256) float32 in 0..1.

    Raises:
        SegtrtError: the weights cannot be read or do not fit the network, or an image or an answer
            is not finite.
    """
    with _exact(threads=None):
        network, place = _network(weights, init_features)
        parts = []
        for begin in range(0, len(images), _BATCH):
            batch = images[begin : begin + _BATCH]
            parts.append(_run(network, place, batch))
            names = [f"number {begin + i + 1}" for i in range(len(batch))]
            _refuse_non_finite(batch, parts[-1], names, weights, "the images")
    return np.concatenate([np.empty((0, 1, *images.shape[2:]), np.float32), *parts])


def run_reference(
    weights: Path, init_features: int, shard: Path, out: Path, threads: int | None
) -> None:
    """Write PyTorch's probabilities of a tensor shard's slices as a shard of its own.

    Runs on a GPU if there is one (without TF32), else on the CPU.

    Args:
        weights: the network's weights.
        init_features: channels of its first block.
        shard: tensor shard with `images`.
        out: the file to make, with `probabilities` (N, 256, 256) float32 in 0..1 and the slices in
            the same order.
        threads: CPU threads, None for PyTorch's choice.

    Raises:
        SegtrtError: the weights or the shard cannot be read, or an image or an answer is not
            finite; names the slice.
    """
    with Shard(shard) as slices, _exact(threads):
        network, place = _network(weights, init_features)
        kinds = {"probabilities": ("F32", (IMAGE_SIZE, IMAGE_SIZE))}
        begins = range(0, len(slices), _BATCH)
        with write_shard(out, kinds, slices.index, {"format": FORMAT}) as writer:
            for begin in track(begins, f"PyTorch on {shard.stem}", len(begins), "batches"):
                images = slices.rows("images", begin, begin + _BATCH)
                output = _run(network, place, images)
                refs = slices.index[begin : begin + _BATCH]
                names = [f"slice {ref.number} of {ref.subject}" for ref in refs]
                _refuse_non_finite(images, output, names, weights, str(shard))
                writer.append("probabilities", output[:, 0])


def time_reference(
    weights: Path,
    init_features: int,
    shards: Sequence[Path],
    out: Path,
    *,
    machine: Mapping[str, Any],
    batch_sizes: Sequence[int],
    budget: TimingBudget,
    threads: int | None,
) -> None:
    """Time PyTorch in eager mode, float32, at each batch size, and write the figures as JSON.

    A CPU is timed by `perf_counter_ns`, from the image array to the probabilities; a GPU by CUDA
    events around copy-in, run and copy-out, on one stream and from and to pinned memory.

    Args:
        weights: the network's weights.
        init_features: channels of its first block.
        shards: tensor shards; their first slices fill the batch, over again where there are too
            few, as for engines.
        out: the JSON file: `machine`, `device`, `torch` (version), `threads` and `timings`, one
            `TimingResult` for each batch size.
        machine: facts of the machine to time on (`Machine.facts`), as planned.
        batch_sizes: which.
        budget: when warm-up and timing end, for each batch size.
        threads: CPU threads, None for PyTorch's choice.

    Raises:
        SegtrtError: the weights or a shard cannot be read, all shards are empty, or this is another
            machine.
    """
    refuse_other_machine(machine, this_machine().facts())
    import torch

    with _exact(threads):
        network, place = _network(weights, init_features)
        timings = []
        for batch_size in batch_sizes:
            step = _step(network, place, first_slices(shards, batch_size))
            timings.append(measure(step, batch_size=batch_size, budget=budget).to_json())
        on_gpu = place.type == "cuda"
        record: dict[str, Any] = {
            "format": TIMING_FORMAT,
            "machine": dict(machine),
            "device": torch.cuda.get_device_name(place) if on_gpu else "cpu",
            "torch": torch.__version__,
            "threads": None if on_gpu else torch.get_num_threads(),
            "timings": timings,
        }
    write_json(out, record)


def _refuse_non_finite(
    images: Images, output: Probabilities, names: Sequence[str], weights: Path, where: str
) -> None:
    """Refuse images, and answers to them, that hold values that are infinite or not numbers.

    Args:
        images: (n, channels, *size) float32.
        output: PyTorch's answers to them, (n, classes, *size) float32.
        names: what to call each of them.
        weights: the network's weights, for the message.
        where: the file of the images, for the message.

    Raises:
        SegtrtError: names the first one, and whether its image is at fault or the network.
    """
    for values, told in (
        (images, f"the image has {{}}; delete {where} and run the workflow again"),
        (output, f"PyTorch's answer has {{}}; check {weights}, or train the weights again"),
    ):
        bad = np.count_nonzero(~np.isfinite(values), axis=tuple(range(1, values.ndim)))
        if bad.any():
            first = int(np.argmax(bad > 0))
            fault = f"{bad[first]} values that are infinite or not numbers"
            raise SegtrtError(f"{where}, {names[first]}: {told.format(fault)}")


def _network(weights: Path, init_features: int) -> "tuple[nn.Module, device]":
    """The network on a GPU if there is one, channels last: twice as fast on a CPU."""
    import torch

    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = load_network(weights, init_features)
    network.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    return network, place


@contextmanager
def _exact(threads: int | None) -> Iterator[None]:
    """Inference in full float32 (TF32 off) on so many CPU threads; puts things back afterwards."""
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


def _run(network: "nn.Module", place: "device", images: Images) -> Probabilities:
    """Probabilities (n, 1, height, width) of one batch (n, 3, height, width)."""
    import torch

    inputs = torch.from_numpy(images).to(place, memory_format=torch.channels_last)
    output: Probabilities = network(inputs).contiguous().cpu().numpy()
    return output


def _step(network: "nn.Module", place: "device", images: Images) -> Callable[[], BatchTiming]:
    """A function that runs the batch `images` once and returns its times."""
    import torch

    source = torch.from_numpy(images)
    if place.type == "cpu":

        def on_cpu() -> BatchTiming:
            begin = time.perf_counter_ns()
            network(source.contiguous(memory_format=torch.channels_last)).contiguous()
            return BatchTiming(run_ms=(time.perf_counter_ns() - begin) / 1e6)

        return on_cpu

    pinned = source.pin_memory()
    inputs = torch.empty_like(source, device=place)
    result: Tensor = torch.empty((len(images), 1, *images.shape[2:])).pin_memory()
    events = [torch.cuda.Event(enable_timing=True) for _ in range(4)]  # type: ignore[no-untyped-call]

    def on_gpu() -> BatchTiming:
        events[0].record()
        inputs.copy_(pinned, non_blocking=True)
        events[1].record()
        output = network(inputs.contiguous(memory_format=torch.channels_last)).contiguous()
        events[2].record()
        result.copy_(output, non_blocking=True)
        events[3].record()
        events[3].synchronize()
        copy_in, run, copy_out = (
            float(before.elapsed_time(after)) for before, after in pairwise(events)
        )
        return BatchTiming(run_ms=run, copy_in_ms=copy_in, copy_out_ms=copy_out)

    return on_gpu
