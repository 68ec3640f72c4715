"""The network's own times, in float32: what engines' speed is compared with."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from segtrt.data.first_slices import first_slices
from segtrt.engines.budget import TimingBudget
from segtrt.engines.timing import measure
from segtrt.engines.timing_file import TimingResult
from segtrt.machine.facts import refuse_other_machine, this_machine
from segtrt.model.inference import NetworkFiles, open_reference
from segtrt.model.reference_timing_file import ReferenceTiming
from segtrt.model.spec import NetworkSpec


def time_reference(
    network: NetworkFiles,
    spec: NetworkSpec,
    shards: Sequence[Path],
    out: Path,
    *,
    machine: Mapping[str, Any],
    batch_sizes: Sequence[int],
    budget: TimingBudget,
    threads: int | None,
) -> None:
    """Time the network at each batch size that it takes, and write the figures as JSON.

    Args:
        network: its files.
        spec: its contract.
        shards: prepared images; the first patches fill the batch, over again where there are too
            few, as for engines.
        out: the JSON file, a `ReferenceTiming`.
        machine: facts of the machine to time on (`Machine.facts`), as planned.
        batch_sizes: which.
        budget: when warm-up and timing end, for each batch size.
        threads: CPU threads, None for PyTorch's choice.

    Raises:
        SegtrtError: the network or a shard cannot be read, all shards are empty, or this is another
            machine.
    """
    refuse_other_machine(machine, this_machine().facts())
    with open_reference(network, threads) as reference:
        timings: list[TimingResult] = []
        for batch_size in batch_sizes:
            if spec.batch in (None, batch_size):
                step = reference.timed_step(first_slices(shards, batch_size))
                timings.append(measure(step, batch_size=batch_size, budget=budget))
        timing = ReferenceTiming(
            machine=dict(machine),
            device=reference.device,
            torch=reference.version if network.source.needs_torch else "",
            onnxruntime="" if network.source.needs_torch else reference.version,
            threads=reference.threads,
            timings=tuple(timings),
        )
    timing.write(out)
