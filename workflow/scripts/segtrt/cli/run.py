"""`segtrt run`: an engine on sample inputs, as in NVIDIA's TensorRT introduction."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from math import ceil
from pathlib import Path

import numpy as np

from segtrt.arrays import Images, Outputs
from segtrt.cli.compare import Result, expected_output
from segtrt.cli.engine import find_engine
from segtrt.cli.limits import Limits, limits_of
from segtrt.cli.picture import Plane, picture_of, write_pgm, write_png
from segtrt.cli.text import plain, table
from segtrt.engines.budget import TimingBudget
from segtrt.engines.load import open_engine
from segtrt.engines.record import EngineRecord
from segtrt.engines.time import describe_machine
from segtrt.engines.timing import measure, published_line
from segtrt.errors import SegtrtError
from segtrt.graphs.samples import read_sample_input
from segtrt.machine.cpu import available_cores
from segtrt.progress import track
from segtrt.report.wording import MISSING, error, number, plural, score
from segtrt.runtimes.base import Session

_INPUT_FILE = "input_0.pb"
_KEPT_INPUTS = 64
"""Inputs held in memory, 0.75 MiB each for three channels of 256 x 256."""
_WARMUP_SECONDS = 1.0


def run_inputs(
    engine: Path,
    inputs: Sequence[Path],
    *,
    places: int | None,
    out_dir: Path,
    png: bool,
    atol: float | None,
    max_flipped: float | None,
    require_outputs: bool,
    iterations: int,
    mode: str,
    threads: int | None,
) -> int:
    """Run, compare, draw, time and print.

    Args:
        engine: engine file or its folder.
        inputs: `input_0.pb` files or their folders.
        places: repeat the inputs in turn until there are as many; None runs each once.
        out_dir: folder of the pictures: `output.pgm` for one input, `output_0.pgm`, ... for more.
        png: write each picture as PNG too.
        atol, max_flipped: limits of the comparison (`limits_of`).
        require_outputs: refuse an input with no output beside it.
        iterations: timed runs, 0 for none.
        mode, threads: see `open_engine`.

    Returns:
        0, or 1 if a result differs by more than the limits.

    Raises:
        SegtrtError: the engine, an input or an output cannot be used.
    """
    file, record = find_engine(engine)
    paths = [path / _INPUT_FILE if path.is_dir() else path for path in inputs]
    if places is not None and places < len(paths):
        raise SegtrtError(
            f"--batch {places} is less than the {len(paths)} inputs given; leave it out or give "
            f"{len(paths)} or more"
        )
    limits = limits_of(file, record, atol=atol, max_flipped=max_flipped)
    results = [Result(path, expected_output(path), limits.decoder) for path in paths]
    missing = next((result.path for result in results if result.expected is None), None)
    if require_outputs and missing:
        raise SegtrtError(f"input {missing} has no output file beside it to compare with")
    read = lru_cache(_KEPT_INPUTS)(partial(read_sample_input, patch=record.settings.patch))
    for path in paths[:_KEPT_INPUTS]:  # a bad input shows before an engine is loaded
        read(path)
    out_dir.mkdir(parents=True, exist_ok=True)
    order = [place % len(paths) for place in range(max(places or 0, len(paths)))]
    record = _fitted(record, len(order))
    with open_engine(file, record, threads=threads, mode=mode) as session:
        _print_start(record, session, len(paths), len(order), threads)
        draw = partial(picture_of, decoder=limits.decoder)
        pictures = _run(session, order, results, read=read, draw=draw, out_dir=out_dir, png=png)
        code = _print_results(results, pictures, limits)
        if iterations:
            _time(
                session,
                [read(paths[i % len(paths)]) for i in range(session.batch_size)],
                iterations,
            )
    return code


def _fitted(record: EngineRecord, places: int) -> EngineRecord:
    """The record with the batch that a dynamic engine is to run; a static one has its own."""
    settings = record.settings
    if settings.profile != "dynamic":
        return record
    batch = min(max(places, settings.dynamic_min), settings.dynamic_max)
    return replace(record, settings=replace(settings, batch_size=batch))


def _run(
    session: Session,
    order: Sequence[int],
    results: Sequence[Result],
    *,
    read: Callable[[Path], Images],
    draw: Callable[[Outputs], Plane],
    out_dir: Path,
    png: bool,
) -> list[Path]:
    """Run every place, add what comes out to its input's result; returns the pictures' paths."""
    size = session.batch_size
    batches = [order[begin : begin + size] for begin in range(0, len(order), size)]

    images = (np.concatenate([read(results[i].path) for i in batch]) for batch in batches)
    pictures: list[Path] = []
    outputs = track(session.run_batches(images), "running", len(batches), "batches")
    for batch, found in zip(batches, outputs, strict=True):
        for index, output in zip(batch, found, strict=True):
            results[index].add(output)
            if index == len(pictures):
                name = "output" if len(results) == 1 else f"output_{index}"
                pictures.append(out_dir / f"{name}.pgm")
                write_pgm(pictures[-1], draw(output))
                if png:
                    write_png(pictures[-1].with_suffix(".png"), draw(output))
    return pictures


def _print_start(
    record: EngineRecord, session: Session, inputs: int, places: int, threads: int | None
) -> None:
    machine = describe_machine(record.runtime)
    if gpu := machine.get("gpu"):
        where = f"{gpu}, mode {session.mode}"
    else:
        where = f"{machine['cpu']}, {plural(threads or available_cores(), 'thread')}"
    print(f"{plain(record.name)} on {plain(where)}")
    stages = ", ".join(
        f"{name.replace('_', ' ')} {number(took)} ms"
        for name, took in session.load_stages_ms.items()
    )
    print(f"ready in {number(sum(session.load_stages_ms.values()))} ms: {plain(stages)}")
    size = session.batch_size
    batches = ceil(places / size)
    header = plural(inputs, "input")
    if places > inputs:
        header += f", repeated to {places:,},"
    many = f"{batches:,} batches" if batches > 1 else "1 batch"
    empty = batches * size - places
    filled = f", {plural(empty, 'place')} filled with zeros" if empty else ""
    print(f"{header} in {many} of {size}{filled}\n")


def _print_results(results: Sequence[Result], pictures: Sequence[Path], limits: Limits) -> int:
    """Print what came out and the verdict; returns the exit code."""
    rows: list[tuple[object, ...]] = [
        ("input", "picture", "mask pixels", "largest error", "flipped", "Dice", "verdict")
    ]
    faults = []
    for result, picture in zip(results, pictures, strict=True):
        errors, failures = result.errors, result.failures(limits.figures)
        rows.append(
            (
                result.path,
                picture,
                f"{result.mask_pixels:,}",
                error(errors.max_abs_error) if errors else MISSING,
                f"{errors.flipped_pixels:,}" if errors else MISSING,
                score(result.dice),
                "FAIL" if failures else "pass" if errors else MISSING,
            )
        )
        if failures:
            faults.append(f"FAIL  {plain(result.path)}: {'; '.join(failures)}")
    print("\n".join(table(rows, left=(0, 1, 6))))
    compared = [result for result in results if result.errors]
    agreeing = sum(not result.failures(limits.figures) for result in compared)
    print()
    if faults:
        print("\n".join(faults))
    if compared:
        print(
            f"agreeing with the output beside: {agreeing} of {plural(len(compared), 'input')} "
            f"({limits})"
        )
    if alone := len(results) - len(compared):
        print(f"{plural(alone, 'input')} not compared: no output file beside")
    return 1 if faults else 0


def _time(session: Session, images: Sequence[Images], iterations: int) -> None:
    batch = np.concatenate(images)
    timing = measure(
        lambda: session.time_batch(batch),
        batch_size=session.batch_size,
        budget=TimingBudget(iterations, None, _WARMUP_SECONDS),
    )
    print(published_line(timing.batch_size, timing.iterations, timing.total.mean))
    print(
        f"median {number(timing.total.median)} ms, "
        f"{number(timing.images_per_second)} images per second"
    )
    if not timing.stable:
        print(f"not a steady figure: {timing.unstable_reason}")
