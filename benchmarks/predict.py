"""What `segtrt predict` makes of the engine's own speed, and where the rest of the time goes.

python benchmarks/predict.py ENGINE IMAGE [IMAGE ...] [--threads N] [--repeats N]

The engine alone (full batches of prepared patches, one after the other) and the whole way from
files to masks on disk take turns in one process, so that other work on the machine meets both. Then
each step is timed by itself in one thread, without anything beside it. Prints JSON.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workflow/scripts"))

from segtrt.deploy.images import find_images, group_items
from segtrt.deploy.outputs import Extras, target_of
from segtrt.deploy.predict import Report, predict
from segtrt.deploy.proven import Proven, open_proven
from segtrt.deploy.reading import Ready, Unit, prepare_unit
from segtrt.engines.answering import ItemLabels
from segtrt.engines.load import open_engine
from segtrt.engines.time import describe_machine
from segtrt.quality.masks import write_masks
from segtrt.runtimes.base import Session

_ALONE_SECONDS = 3.0
_SAMPLE = 16
"""Images by which single steps are timed."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", type=Path)
    parser.add_argument("images", nargs="+")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--mode", default="overlapped")
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    with open_proven(chosen.engine) as proven:
        measure(proven, chosen)


def measure(proven: Proven, chosen: argparse.Namespace) -> None:
    """Measure an engine on images, and print."""
    items = find_images(chosen.images, proven.segmentation.layout).items
    joined = proven.segmentation.stacks or proven.segmentation.decoder.largest_component
    groups = list(group_items(items, by_subject=joined))
    stacks = proven.segmentation.stacks
    units = [
        Unit(tuple(part), place)
        for place, group in enumerate(groups)
        for part in ([group] if stacks else [[item] for item in group])
    ]
    ready = [one for one in map(_prepare(proven), units[:_SAMPLE]) if isinstance(one, Ready)]
    per_image = sum(len(one.item.patches) for one in ready) / sum(len(o.unit.items) for o in ready)
    with open_engine(
        proven.engine, proven.record, threads=chosen.threads, mode=chosen.mode
    ) as session:
        alone, whole = [], []
        for _ in range(chosen.repeats):
            alone.append(_alone(session, ready) / per_image)
            whole.append(_whole(proven, session, groups, len(items)))
        steps = _steps(proven, session, ready)
    ratio = statistics.median(w / a for w, a in zip(whole, alone, strict=True))
    result: dict[str, Any] = {
        "engine": proven.record.name,
        "machine": describe_machine(proven.record.runtime),
        "images": len(items),
        "patches_per_image": round(per_image, 2),
        "engine_alone_images_per_second": [round(rate, 2) for rate in alone],
        "files_to_masks_images_per_second": [round(rate, 2) for rate in whole],
        "share_of_engine_alone": round(ratio, 3),
        "one_thread_ms_per_image": steps,
    }
    print(json.dumps(result, indent=2))


def _prepare(proven: Proven) -> Callable[[Unit], Ready | str]:
    return lambda unit: prepare_unit(unit, proven.segmentation)


def _alone(session: Session, ready: list[Ready]) -> float:
    """Patches per second of the engine by itself."""
    cut = [patch for one in ready for patch in one.item.patches.cut(one.image)]
    size = session.batch_size
    batch = np.stack([cut[place % len(cut)] for place in range(size)])
    session.run(batch)
    begin, count = time.perf_counter(), 0
    while time.perf_counter() - begin < _ALONE_SECONDS:
        count += sum(len(outputs) for outputs in session.run_batches([batch] * 4))
    return count / (time.perf_counter() - begin)


def _whole(proven: Proven, session: Session, groups: list[Any], images: int) -> float:
    """Images per second from files to masks on disk."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        targets = [[target_of(item, out, Extras()) for item in group] for group in groups]
        report = Report()
        begin = time.perf_counter()
        predict(proven, session, targets, out, report)
        took = time.perf_counter() - begin
    if report.faults or report.written != images:
        raise RuntimeError(f"{report.written} of {images} masks: {report.faults[:1]}")
    return images / took


def _steps(proven: Proven, session: Session, ready: list[Ready]) -> dict[str, float]:
    """Milliseconds for an image of each step."""
    images = sum(len(one.unit.items) for one in ready)
    spent = dict.fromkeys(("read and prepare", "run", "put together and decode", "write"), 0.0)

    def timed(step: str, function: Callable[[], Any]) -> Any:
        begin = time.perf_counter()
        found = function()
        spent[step] += 1000 * (time.perf_counter() - begin) / images
        return found

    for one in ready:
        timed("read and prepare", lambda one=one: prepare_unit(one.unit, proven.segmentation))
    with tempfile.TemporaryDirectory() as folder:
        for one in ready:
            patches = list(one.item.patches.cut(one.image))
            size = session.batch_size
            batches = [np.stack(patches[at : at + size]) for at in range(0, len(patches), size)]
            answers = timed("run", lambda b=batches: list(session.run_batches(b)))
            # A static engine takes as long for one patch as for a full batch.
            found = ItemLabels(
                one.item, proven.record.settings.output, proven.segmentation.decoder, "benchmark"
            )

            def decode(found: ItemLabels = found, answers: list[Any] = answers) -> Any:
                for outputs in answers:
                    for output in outputs:
                        found.add(output)
                return proven.segmentation.decoder.finish(found.labels())

            labels = timed("put together and decode", decode)
            own = one.item.placement.restore(labels)
            root = one.unit.items[0].root
            timed(
                "write",
                lambda own=own, one=one, root=root: write_masks(
                    own, one.item, root, Path(folder), proven.segmentation.labels
                ),
            )
    del spent["run"]
    return {step: round(value, 3) for step, value in spent.items()}


if __name__ == "__main__":
    main()
