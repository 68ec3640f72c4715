"""Golden samples: inputs with the answers expected, by which a package proves itself on its target.

Each is a folder `golden/{i}` with `input.npy`, (1, channels, *size) float32; `output.npy`, what the
float32 network answers to it, (1, classes, *output size) float32; and `labels.npy`, the labels of
that, (*output size) uint8. NumPy alone reads them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.arrays import Images, Outputs
from segtrt.errors import SegtrtError
from segtrt.quality.decode import Decoder
from segtrt.quality.errors import ErrorSums
from segtrt.quality.scores import Errors
from segtrt.runtimes.base import Session

FOLDER = "golden"
SAMPLES = 3
"""The most that a package has."""


@dataclass(frozen=True)
class Golden:
    """One sample."""

    image: Images
    """(1, channels, *size)."""
    output: Outputs
    """(1, classes, *output size), finite."""
    labels: NDArray[np.uint8]
    """(*output size)."""


def write_golden(samples: Sequence[Golden], folder: Path) -> None:
    """Write samples as `folder/{i}/*.npy`."""
    for number, sample in enumerate(samples):
        place = folder / str(number)
        place.mkdir(parents=True)
        for name, array in (
            ("input", sample.image),
            ("output", sample.output),
            ("labels", sample.labels),
        ):
            np.save(place / f"{name}.npy", np.ascontiguousarray(array), allow_pickle=False)


def read_golden(
    folder: Path, count: int, patch: tuple[int, ...], output: tuple[int, ...]
) -> list[Golden]:
    """Read samples.

    Args:
        folder: that of the samples' folders.
        count: how many there are.
        patch: (channels, *size) of an input.
        output: (classes, *size) of an output.

    Raises:
        SegtrtError: a file is missing, no array, or of another shape or type; names it.
    """
    return [
        Golden(
            _read(folder / str(number) / "input.npy", np.float32, (1, *patch)),
            _read(folder / str(number) / "output.npy", np.float32, (1, *output)),
            _read(folder / str(number) / "labels.npy", np.uint8, output[1:]),
        )
        for number in range(count)
    ]


def _read(path: Path, kind: type[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    # Mapped, so that nothing is read of a file that claims to be huge.
    try:
        array = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError, SyntaxError, OverflowError, KeyError) as error:
        raise SegtrtError(f"{path} is not an array that NumPy reads ({error})") from None
    if not isinstance(array, np.ndarray) or array.dtype != kind or array.shape != shape:
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else "an archive"
        raise SegtrtError(f"{path} has {found}; expected {np.dtype(kind)} {shape}")
    if not np.isfinite(array).all():
        raise SegtrtError(f"{path} has values that are not finite")
    return np.array(array)


@dataclass(frozen=True)
class Comparison:
    """How far an engine's answers are from those expected."""

    errors: Errors
    """Over all samples."""
    flipped_pixels: tuple[int, ...]
    """Of each sample."""


def compare(session: Session, samples: Sequence[Golden], decoder: Decoder) -> Comparison:
    """Run an engine on the samples.

    Args:
        session: the engine; samples go in together as far as its batch takes them.
        samples: what to run.
        decoder: how outputs become labels.

    Raises:
        SegtrtError: the engine answers in another shape than expected.
    """
    sums = ErrorSums()
    flipped = []
    for begin in range(0, len(samples), session.batch_size):
        batch = samples[begin : begin + session.batch_size]
        outputs = session.run(np.concatenate([sample.image for sample in batch]))
        for sample, found in zip(batch, outputs, strict=True):
            if found.shape != sample.output.shape[1:]:
                raise SegtrtError(
                    f"the engine answers {found.shape} where {sample.output.shape[1:]} is expected"
                )
            wrong = ~np.isfinite(found)
            labels = decoder.labels(np.where(wrong, np.float32(0), found), "the engine's answer")
            labels = np.where(wrong.any(axis=0), np.uint8(0), labels)
            sums.add(sample.output, found[np.newaxis])
            flips = sums.add_labels(sample.labels, labels, int(np.count_nonzero(wrong)))
            flipped.append(int(flips.sum()))
    return Comparison(sums.errors(), tuple(flipped))
