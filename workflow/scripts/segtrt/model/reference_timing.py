"""PyTorch's own times, in float32: what engines' speed is compared with."""

import time
from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from segtrt.arrays import Images
from segtrt.data.first_slices import first_slices
from segtrt.engines.budget import TimingBudget
from segtrt.engines.timing import measure
from segtrt.engines.timing_file import TimingResult
from segtrt.machine.facts import refuse_other_machine, this_machine
from segtrt.model.inference import exact_float32, network_here
from segtrt.model.reference_timing_file import ReferenceTiming
from segtrt.runtimes.description import BatchTiming

if TYPE_CHECKING:
    from torch import Tensor, device, nn


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
        out: the JSON file, a `ReferenceTiming`.
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

    with exact_float32(threads):
        network, place = network_here(weights, init_features)
        timings: list[TimingResult] = []
        for batch_size in batch_sizes:
            step = _step(network, place, first_slices(shards, batch_size))
            timings.append(measure(step, batch_size=batch_size, budget=budget))
        on_gpu = place.type == "cuda"
        timing = ReferenceTiming(
            machine=dict(machine),
            device=torch.cuda.get_device_name(place) if on_gpu else "cpu",
            torch=str(torch.__version__),
            threads=None if on_gpu else torch.get_num_threads(),
            timings=tuple(timings),
        )
    timing.write(out)


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
