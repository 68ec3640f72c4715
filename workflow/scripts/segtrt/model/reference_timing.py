"""The network's own times: what engines' speed is compared with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from segtrt.engines.answering import decoder_of
from segtrt.engines.budget import TimingBudget
from segtrt.machine.facts import refuse_other_machine, this_machine
from segtrt.model.baselines import (
    Task,
    answers,
    sample_patches,
    time_baseline,
    time_batches,
    ways_of,
)
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
    decoding: Mapping[str, Any],
    compiled: bool,
    threads: int | None,
) -> None:
    """Time the network at each batch size that it takes, and write the figures as JSON.

    PyTorch is timed in exact float32 and in other ways (`segtrt.model.baselines`), which share the
    seconds of the budget, so that more of them do not take longer.

    Args:
        network: its files.
        spec: its contract.
        shards: prepared images; the first patches fill the batch, over again where there are too
            few, as for engines.
        out: the JSON file, a `ReferenceTiming`.
        machine: facts of the machine to time on (`Machine.facts`), as planned.
        batch_sizes: which.
        budget: when warm-up and timing end, for each batch size, of all ways together.
        decoding: how outputs become labels (`segtrt.engines.answering.decoder_of`).
        compiled: whether PyTorch is timed by `torch.compile` too.
        threads: CPU threads, None for PyTorch's choice.

    Raises:
        SegtrtError: the network or a shard cannot be read, all shards are empty, or this is another
            machine.
    """
    refuse_other_machine(machine, this_machine().facts())
    taken = [size for size in batch_sizes if spec.batch in (None, size)]
    with open_reference(network, threads) as reference:
        on_gpu = reference.device != "cpu"
        ways = ways_of(network.source, machine, on_gpu=on_gpu, compiled=compiled)
        share = budget.shared_by(1 + sum(not way.reason for way in ways))
        timings = time_batches(reference, shards, taken, share)
        sample = sample_patches(shards) if ways else None
        expected = answers(reference, spec, sample) if sample is not None else None
        timing = ReferenceTiming(
            machine=dict(machine),
            device=reference.device,
            torch=reference.version if network.source.needs_torch else "",
            onnxruntime="" if network.source.needs_torch else reference.version,
            threads=reference.threads,
            timings=timings,
        )
    if sample is not None and expected is not None:
        task = Task(
            network,
            spec,
            decoder_of(spec, decoding),
            shards,
            taken,
            share,
            threads,
            sample,
            expected,
        )
        timing = replace(timing, baselines=tuple(time_baseline(way, task) for way in ways))
    timing.write(out)
