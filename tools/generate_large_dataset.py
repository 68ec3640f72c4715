#!/usr/bin/env python3
"""Generate a data set of the Kaggle set's size and shape, for measuring at scale.

110 subjects with 20 to 88 slices each, 3,929 in all, uncompressed as the Kaggle set is (1.0 GB).
Range and total are the published ones; between them the number of slices follows a right-skewed
curve. To be quick about it, only a few subjects are made from anatomy (tools/generate_demo.py makes
all of them so); the others take their slices, evenly spaced over the head, mirrored or not, moved
by some pixels and with an intensity of their own. Every slice differs from every other.

Examples:
    tools/generate_large_dataset.py /tmp/large
    tools/generate_large_dataset.py /tmp/larger --subjects 440 --slices 15716
"""

import argparse
import logging
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from phantom import volume as phantom
from segtrt.errors import SegtrtError
from segtrt.progress import track

FEWEST, MOST = 20, 88
"""Slices of a subject in the Kaggle set."""
SUBJECTS, SLICES = 110, 3929

Images = NDArray[np.uint8]


def slice_counts(subjects: int, slices: int, seed: int = 0) -> list[int]:
    """Number of slices of each subject: right-skewed, 20 to 88, `slices` in all.

    Raises:
        SegtrtError: the total cannot be reached.
    """
    if not FEWEST * subjects <= slices <= MOST * subjects:
        raise SegtrtError(
            f"{slices} slices are not to be had from {subjects} subjects, expected "
            f"{FEWEST * subjects} to {MOST * subjects} ({FEWEST} to {MOST} each)"
        )
    rng = np.random.default_rng(seed)
    mean = slices / subjects
    drawn = FEWEST + rng.gamma(1.2, max(mean - FEWEST, 1) / 1.2, subjects)
    counts = np.clip(np.rint(drawn), FEWEST, MOST).astype(int)
    if subjects > 2:  # both ends occur
        counts[counts.argmin()], counts[counts.argmax()] = FEWEST, MOST
    while counts.sum() != slices:
        step = 1 if counts.sum() < slices else -1
        within = np.flatnonzero((counts + step >= FEWEST) & (counts + step <= MOST))
        inner = [i for i in within if subjects <= 2 or FEWEST < counts[i] < MOST]
        counts[rng.choice(inner or within)] += step
    return [int(count) for count in counts]


def vary(images: Images, masks: Images, count: int, seed: int) -> tuple[Images, Images]:
    """Another subject out of a made one.

    Args:
        images: (n, 256, 256, 3).
        masks: (n, 256, 256), 0 or 255.
        count: slices of the result, at most n.
        seed: which one.

    Returns:
        images (count, 256, 256, 3) and masks (count, 256, 256).
    """
    rng = np.random.default_rng(seed)
    chosen = np.linspace(0, len(images) - 1, count).round().astype(int)
    picture, truth = images[chosen], masks[chosen]
    if rng.random() < 0.5:
        picture, truth = picture[:, :, ::-1], truth[:, :, ::-1]
    shift = tuple(int(step) for step in rng.integers(-6, 7, 2))
    picture, truth = np.roll(picture, shift, (1, 2)), np.roll(truth, shift, (1, 2))
    # One gain for each sequence and a little noise, as eight-bit tables and integers: quick.
    gain = rng.uniform(0.8, 1.1, 3)
    tables = [np.clip(np.arange(256) * g, 0, 255).astype(np.uint8) for g in gain]
    result = np.stack([tables[c][picture[..., c]] for c in range(3)], axis=-1)
    noise = rng.integers(0, 4, result.shape, dtype=np.uint8)
    result += np.where((result > 0) & (result < 250), noise, np.uint8(0))
    return result, np.ascontiguousarray(truth)


def generate(out: Path, subjects: int, slices: int, originals: int, seed: int) -> None:
    """Write the data set to `out`, which must not hold another one.

    Raises:
        SegtrtError: the total cannot be reached, templates are missing, or `out` has other files.
    """
    counts = slice_counts(subjects, slices, seed)
    templates = phantom.load_templates()
    seeds = range(seed + 1, seed + 1 + min(originals, subjects))
    made = [
        phantom.make_subject(templates, one, MOST)
        for one in track(seeds, "Making anatomy", len(seeds), unit="subjects")
    ]
    for i, count in enumerate(track(counts, "Writing", subjects, unit="subjects")):
        images, masks = vary(*made[i % len(made)], count, seed + i)
        phantom.write_subject(out, f"LARGE_{i + 1:04d}", images, masks, phantom.Compression.NONE)


def main() -> int:
    """The command line; 0, or 1 after a line of error."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("out", type=Path, help="folder to write the subjects to")
    add("--subjects", type=int, default=SUBJECTS, help=f"how many (default {SUBJECTS})")
    add("--slices", type=int, default=SLICES, help=f"of all of them (default {SLICES})")
    add("--originals", type=int, default=4, help="subjects made from anatomy (default 4)")
    add("--seed", type=int, default=0, help="another seed, another data set (default 0)")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    try:
        generate(options.out, options.subjects, options.slices, options.originals, options.seed)
    except SegtrtError as error:
        print(f"generate_large_dataset: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
