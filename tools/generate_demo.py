#!/usr/bin/env python3
"""Generate semi-synthetic MR subjects in the Kaggle layout; the defaults are the embedded demo.

Examples:
    tools/generate_demo.py
    tools/generate_demo.py --out data/train --subjects 64 --first-seed 1001 --prefix TRAIN
    tools/generate_demo.py --out data/large --subjects 110 --slices 36 --compression none
"""

import argparse
import logging
import sys
from collections.abc import Callable
from pathlib import Path

from phantom import volume as phantom
from segtrt.errors import SegtrtError
from segtrt.progress import track

DEMO = Path(__file__).resolve().parent.parent / "data" / "demo" / "kaggle_3m"


def _within(low: int, high: int) -> Callable[[str], int]:
    """A parser of whole numbers from `low` to `high`."""

    def whole_number(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"expected {low} to {high}, got {text}")
        return value

    return whole_number


def main() -> int:
    """Parse the command line, make the subjects one by one; 0, or 1 after a line of error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--out", type=Path, default=DEMO, help=f"folder to write subjects to (default {DEMO})")
    add("--subjects", type=_within(1, 9999), default=5, help="how many (default 5)")
    add("--slices", type=_within(1, 100), default=16, help="slices of each (default 16)")
    add("--first-seed", type=_within(0, 2**31), default=1, help="of the first subject (default 1)")
    add("--prefix", default="DEMO", help="subjects are PREFIX_0001, PREFIX_0002... (default DEMO)")
    add(
        "--compression",
        type=phantom.Compression,
        choices=list(phantom.Compression),
        default=phantom.Compression.DEFLATE,
        help="of the TIFF files (default deflate; the Kaggle set has none)",
    )
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        templates = phantom.load_templates()
        numbers = range(options.subjects)
        for i in track(numbers, "Generating", options.subjects, unit="subjects"):
            images, masks = phantom.make_subject(templates, options.first_seed + i, options.slices)
            name = f"{options.prefix}_{i + 1:04d}"
            phantom.write_subject(options.out, name, images, masks, options.compression)
    except (SegtrtError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
