"""PyTorch's own faster ways to run a network: the honest opponents of an engine.

Each is timed as the network itself is, and its answers are compared with those in exact float32.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from segtrt.arrays import Images, Outputs
from segtrt.data.first_slices import first_slices
from segtrt.data.prepared import EVALUATION, Prepared
from segtrt.engines.budget import TimingBudget
from segtrt.engines.timing import measure
from segtrt.engines.timing_file import TimingResult
from segtrt.model.inference import Form, NetworkFiles, Reference, open_reference
from segtrt.model.reference_timing_file import Baseline
from segtrt.model.source import Kind, NetworkSource
from segtrt.model.spec import NetworkSpec
from segtrt.precision import Precision
from segtrt.quality.decode import Decoder
from segtrt.quality.errors import ErrorSums
from segtrt.quality.raw_sample import choose_patches
from segtrt.quality.scores import Errors

_MOST_PATCHES = 32
_MOST_VALUES = _MOST_PATCHES * 3 * 256 * 256
"""Of the patches that answers are compared on."""

_VALUES_AT_ONCE = 8 * 3 * 256 * 256

_NATIVE_BF16 = frozenset({"avx512_bf16", "amx_bf16", "bf16", "svebf16"})
"""CPU extensions of which PyTorch needs one to compute in bf16 and not only to store in it."""


@dataclass(frozen=True)
class Way:
    """One way of PyTorch to run a network."""

    name: str
    precision: Precision
    forms: tuple[Form, ...]
    """What to try, the most thorough first: some networks do not take all of them."""
    reason: str = ""
    """Why it is not tried at all."""


@dataclass(frozen=True)
class Task:
    """What every way is timed and compared on."""

    network: NetworkFiles
    spec: NetworkSpec
    decoder: Decoder
    shards: Sequence[Path]
    batch_sizes: Sequence[int]
    budget: TimingBudget
    """Of each batch size."""
    threads: int | None
    sample: Images
    """Patches that answers are compared on, (n, channels, *size) float32."""
    expected: Outputs
    """The network's answers to these in exact float32."""


def ways_of(
    source: NetworkSource, machine: Mapping[str, Any], *, on_gpu: bool, compiled: bool
) -> list[Way]:
    """The ways of PyTorch beside exact float32 in eager mode; none for an ONNX file.

    Args:
        source: where the network comes from.
        machine: facts of the machine.
        on_gpu: whether PyTorch runs it on a GPU.
        compiled: whether `torch.compile` is asked for.
    """
    if not source.needs_torch:
        return []
    low = Precision.FP16 if on_gpu else Precision.BF16
    reasons = {Precision.FP32: "", low: _why_not(low, machine, on_gpu=on_gpu)}
    if source.kind is Kind.EXPORTED:
        reasons[low] = "an exported program computes in the types that it was exported with"
    # In float32 the U-Net's reference is channels last itself.
    eager = [low] if source.kind in (Kind.UNET, Kind.EXPORTED) else [Precision.FP32, low]
    ways = [_way(precision, reasons[precision], compiled=False) for precision in eager]
    if compiled:
        ways += [_way(one, reason, compiled=True) for one, reason in reasons.items()]
    return ways


def _why_not(precision: Precision, machine: Mapping[str, Any], *, on_gpu: bool) -> str:
    if on_gpu or _NATIVE_BF16 & set(str(machine["isa"]).split()):
        return ""
    return f"this CPU does not compute in {precision}"


def _way(precision: Precision, reason: str, *, compiled: bool) -> Way:
    full = precision == Precision.FP32
    # Plain eager float32 is the reference.
    layouts = (True,) if full and not compiled else (True, False)
    forms = tuple(
        Form(precision, channels_last=last, autocast=autocast, compiled=compiled)
        for autocast in ((False,) if full else (False, True))
        for last in layouts
    )
    name = f"{'compiled' if compiled else 'eager'} {precision}"
    return Way(f"{name}, channels last" if layouts == (True,) else name, precision, forms, reason)


def time_baseline(way: Way, task: Task) -> Baseline:
    """Time one way, in the first of its forms that the network takes, and compare its answers."""
    reason = way.reason
    for form in () if reason else way.forms:
        try:
            with open_reference(task.network, task.threads, form) as reference:
                errors = _errors(answers(reference, task.spec, task.sample), task)
                timings = time_batches(reference, task.shards, task.batch_sizes, task.budget)
            return Baseline(way.name, way.precision, _reported(form), "", errors, timings)
        # What a network's own code, or PyTorch's compiler, makes of types and layouts.
        except (ArithmeticError, LookupError, RuntimeError, TypeError, ValueError) as error:
            lines = str(error).strip().splitlines() or [type(error).__name__]
            reason = f"PyTorch cannot run the network so: {lines[0][:200]}"
    return Baseline(way.name, way.precision, "", reason, None, ())


def _reported(form: Form) -> str:
    cast = "autocast" if form.autocast else f"weights in {form.precision}"
    return f"{cast}, {'channels last' if form.channels_last else 'channels first'}"


def time_batches(
    reference: Reference,
    shards: Sequence[Path],
    batch_sizes: Sequence[int],
    budget: TimingBudget,
) -> tuple[TimingResult, ...]:
    """Times at each batch size; the first patches of the shards fill the batch.

    Raises:
        SegtrtError: a shard cannot be read, or all are empty.
    """
    return tuple(
        measure(reference.timed_step(first_slices(shards, size)), batch_size=size, budget=budget)
        for size in batch_sizes
    )


def sample_patches(shards: Sequence[Path]) -> Images:
    """Patches to compare answers on: a few dozen, spread evenly over the evaluation subjects.

    Returns:
        (n, channels, *size) float32; of all subjects where none is for evaluation.

    Raises:
        SegtrtError: a shard cannot be read.
    """
    rows: dict[str, dict[str, list[tuple[Path, int]]]] = {}
    values = 1
    for path in shards:
        with Prepared(path) as shard:
            values = prod(shard.patch)
            for item in shard.items:
                own = rows.setdefault(item.split, {}).setdefault(item.subject, [])
                own += [(path, row) for row in item.rows]
    if not rows:
        return first_slices(shards, 1)  # which says that there is none
    split = rows.get(EVALUATION) or next(iter(rows.values()))
    most = max(1, min(_MOST_PATCHES, _MOST_VALUES // values))
    chosen = choose_patches({name: len(own) for name, own in split.items()}, 1, most)
    places = [split[name][place] for name, kept in chosen.items() for place in kept]
    parts = []
    for path in dict.fromkeys(path for path, _ in places):
        with Prepared(path) as shard:
            parts += [shard.images(row, row + 1) for own, row in places if own == path]
    return np.concatenate(parts)


def answers(reference: Reference, spec: NetworkSpec, images: Images) -> Outputs:
    """Outputs (n, classes, *output size) float32 for images (n, channels, *size)."""
    size = spec.batch or max(1, _VALUES_AT_ONCE // prod(images.shape[1:]))
    parts = []
    for begin in range(0, len(images), size):
        batch = images[begin : begin + size]
        missing = (spec.batch or 0) - len(batch)
        full = np.concatenate([batch, *[batch[:1]] * missing]) if missing > 0 else batch
        parts.append(reference.run(full)[: len(batch)])
    return np.concatenate(parts)


def _errors(found: Outputs, task: Task) -> Errors:
    """How far outputs are from those in exact float32."""
    sums = ErrorSums()
    sums.add(task.expected, found)
    for number, (theirs, own) in enumerate(zip(task.expected, found, strict=True)):
        wrong = ~np.isfinite(own)
        sums.add_labels(
            task.decoder.labels(theirs, f"patch {number}"),
            task.decoder.labels(np.where(wrong, np.float32(0), own), f"patch {number}"),
            int(np.count_nonzero(wrong)),
        )
    return sums.errors()
