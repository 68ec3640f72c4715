"""`segtrt predict`: masks for new images by a proven engine."""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segtrt.cli.parser import add_running
from segtrt.cli.text import plain


def add_predict(commands: Any) -> None:
    """Add the command to the parser's."""
    parser = commands.add_parser(
        "predict",
        help="segment new images with an engine",
        description=(
            "Segment images with an engine as it was proven: prepared, cut and decoded the same\n"
            "way. Masks have the images' own format, grid and names. What is there already from\n"
            "an earlier run with this engine is skipped."
        ),
        epilog=(
            "IMAGE is a file, a folder, a DICOM series' folder, or a pattern such as\n"
            "'scans/{subject}/{item}.png'. Exit code 1 says that an image has no mask; each is\n"
            "named on a line of its own, and the rest is done.\n\n"
            "example:\n"
            "  segtrt predict results/engines/openvino/b4_fp32 data/demo/kaggle_3m --out masks"
        ),
    )
    parser.add_argument(
        "engine",
        metavar="ENGINE",
        type=Path,
        help="the folder of an engine that the workflow built, or a package's folder or zip",
    )
    parser.add_argument("images", metavar="IMAGE", nargs="+", help="what to segment")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="the folder of the masks"
    )
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="write MASK.probabilities.npy too, (classes, *size) float32",
    )
    parser.add_argument(
        "--overlay",
        action="store_true",
        help="write MASK.overlay.png too: the mask drawn over the image",
    )
    parser.add_argument(
        "--overwrite", action="store_true", help="make masks that are there again, and replace them"
    )
    add_running(parser, mode="overlapped")
    parser.set_defaults(command=_predict)


def _predict(chosen: argparse.Namespace) -> int:
    return predict_images(
        chosen.engine,
        chosen.images,
        out=chosen.out,
        probabilities=chosen.probabilities,
        overlay=chosen.overlay,
        overwrite=chosen.overwrite,
        mode=chosen.mode,
        threads=chosen.threads,
    )


def predict_images(
    engine: Path,
    images: Sequence[str],
    *,
    out: Path,
    probabilities: bool = False,
    overlay: bool = False,
    overwrite: bool = False,
    mode: str = "overlapped",
    threads: int | None = None,
) -> int:
    """Segment images and print what was done.

    Args:
        engine: an engine's folder, or a package's folder or zip.
        images: files, folders and patterns (`segtrt.deploy.images`).
        out: the folder of the masks.
        probabilities, overlay: what to write beside masks.
        overwrite: do again what is there.
        mode, threads: see `open_engine`.

    Returns:
        0, or 1 if an image has no mask.

    Raises:
        SegtrtError: the engine cannot be used, there is no image, or masks would take the place of
            what they must not.
    """
    from segtrt.deploy.images import find_images
    from segtrt.deploy.job import Job
    from segtrt.deploy.outputs import Extras
    from segtrt.deploy.proven import open_proven
    from segtrt.report.wording import number, plural

    begin = time.perf_counter()
    with open_proven(engine) as proven:
        found = find_images(images, proven.segmentation.layout)
        job = Job(proven, found, out, Extras(probabilities, overlay))
        job.prepare(overwrite=overwrite)
        try:
            job.run(mode=mode, threads=threads)
        finally:
            for fault in job.report.faults:
                print(f"segtrt: {plain(fault)}", file=sys.stderr)
    seconds = time.perf_counter() - begin
    written = job.report.written
    summary = f"{plural(written, 'image')} segmented in {number(seconds)} s"
    if written:
        summary += f", {number(written / seconds)} images per second"
    if job.skipped:
        summary += f"; {job.skipped:,} skipped, as masks were there"
    if found.masks:
        summary += f"; {plural(found.masks, 'file')} passed by, being masks by name"
    if job.report.faults:
        summary += f"; {plural(len(job.report.faults), 'fault')}"
    print(f"{summary}. The masks: {plain(out)}")
    return 1 if job.report.faults else 0
