"""Pictures for the report: FLAIR slices once, and outlines of every engine's masks on them.

The folder's files are described in `segtrt.summary.overlay_index`.

Outlines are a few hundred bytes, pictures a few thousand: an engine costs little once the pictures
are there, and only so many pictures are made.
"""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from segtrt.data.shards import Shard, refuse_other_slices
from segtrt.files import replacing_folder, write_json
from segtrt.progress import track
from segtrt.quality.mask_shards import read_masks
from segtrt.quality.outlines import outline
from segtrt.quality.scores import Figures, SubjectScore
from segtrt.summary.overlay_index import FORMAT, INDEX

MAX_PICTURES = 700
"""Pictures in all, about 5 kB each; engines later in line share those of the earlier ones."""

FLAIR = 1
"""Channel of FLAIR in `images`."""

_WEBP_QUALITY = 60

Json = dict[str, Any]
Key = tuple[str, int]
"""Subject and slice number."""


def write_overlays(
    folder: Path,
    *,
    tensor_shards: Sequence[Path],
    reference_masks: Sequence[Path],
    scores: Mapping[str, Figures],
    subjects: int,
    slices: int,
) -> None:
    """Choose slices for every engine and write their pictures and outlines to `folder`.

    Args:
        tensor_shards: shards with `images`, (N, 3, 256, 256), and `masks`.
        reference_masks: PyTorch's masks (`segtrt.quality.mask_shards`), in the same order.
        scores: engine -> its figures, most important engine first.
        subjects: subjects for each engine: best, median and worst by Dice, then the next worst.
        slices: slices for each subject, spread over those with a lesion, and slices where engine
            and reference differ most.
    """
    wanted: dict[Key, None] = {}
    engines: dict[str, Json] = {}
    lesions = _lesion_slices(tensor_shards)
    for name, figures in scores.items():
        engines[name] = choose_slices(figures, lesions, subjects, slices, wanted)
    with replacing_folder(folder) as partial:
        drawn = _draw(partial, tensor_shards, reference_masks, wanted)
        write_json(partial / INDEX, {"format": FORMAT, "slices": drawn, "engines": engines})


def key_text(key: Key) -> str:
    """A slice's key in `index.json`."""
    return f"{key[0]}/{key[1]}"


def choose_subjects(entries: Sequence[SubjectScore], count: int) -> list[tuple[str, SubjectScore]]:
    """Best, median and worst evaluation subject by Dice, then the next worst: (role, entry).

    With an even number the median is the worse of the two in the middle; a subject is shown once.
    """
    ranked = sorted(
        (entry for entry in entries if entry.split == "evaluation"),
        key=lambda entry: (-entry.dice, entry.subject),
    )
    if not ranked:
        return []
    places = [(0, "best"), (len(ranked) // 2, "median"), (len(ranked) - 1, "worst")]
    places += [(place, "more") for place in range(len(ranked) - 2, 0, -1)]
    chosen: dict[int, str] = {}
    # With few subjects the extremes come before the middle.
    for place, role in sorted(places[:3], key=lambda one: one[1] == "median") + places[3:]:
        chosen.setdefault(place, role)
    kept = dict(list(chosen.items())[:count])
    return [(role, ranked[place]) for place, role in sorted(kept.items())]


def spread(numbers: Sequence[int], count: int) -> list[int]:
    """At most `count` of `numbers`, evenly spread with the first and last among them."""
    if len(numbers) <= count:
        return list(numbers)
    places = np.linspace(0, len(numbers) - 1, count) if count > 1 else [len(numbers) // 2]
    return [numbers[round(place)] for place in places]


def _lesion_slices(tensor_shards: Sequence[Path]) -> dict[str, list[int]]:
    """Subject -> numbers of its slices with a lesion, or of all its slices if none has one."""
    found: dict[str, list[int]] = {}
    for path in tensor_shards:
        with Shard(path) as shard:
            for subject, rows in shard.subjects().items():
                masks = shard.rows("masks", rows.start, rows.stop)
                numbers = [ref.number for ref in shard.index[rows]]
                marked = [n for n, mask in zip(numbers, masks, strict=True) if mask.any()]
                found[subject] = marked or numbers
    return found


def choose_slices(
    figures: Figures,
    lesions: Mapping[str, Sequence[int]],
    subjects: int,
    slices: int,
    wanted: dict[Key, None],
) -> Json:
    """One engine's choice, as in `index.json`; adds to `wanted` while there is room."""

    def take(key: Key) -> bool:
        if key not in wanted and len(wanted) >= MAX_PICTURES:
            return False
        wanted[key] = None
        return True

    chosen: list[Key] = []
    shown = []
    for role, entry in choose_subjects(figures.subjects, subjects):
        name = entry.subject
        keys = [(name, number) for number in spread(lesions[name], slices) if take((name, number))]
        chosen += keys
        shown.append(
            {
                "subject": name,
                "role": role,
                "dice": entry.dice,
                "reference_dice": entry.reference_dice,
                "slices": [key_text(key) for key in keys],
            }
        )
    most = sorted(figures.slices, key=lambda one: -one.flipped_pixels)[:slices]
    differs = []
    for one in most:
        key = (one.subject, one.number)
        if one.flipped_pixels and take(key):
            chosen.append(key)
            differs.append({"slice": key_text(key), "flipped_pixels": one.flipped_pixels})
    outlines = {(one.subject, one.number): one.outline for one in figures.slices}
    return {
        "subjects": shown,
        "differs": differs,
        "outlines": {key_text(key): outlines[key] for key in dict.fromkeys(chosen)},
    }


def _draw(
    folder: Path,
    tensor_shards: Sequence[Path],
    reference_masks: Sequence[Path],
    wanted: Mapping[Key, None],
) -> Json:
    """Write the wanted slices' pictures; returns their entries."""
    entries: Json = {}
    by_subject: dict[str, set[int]] = {}
    for subject, number in wanted:
        by_subject.setdefault(subject, set()).add(number)
    pairs = list(zip(tensor_shards, reference_masks, strict=True))
    for tensors, masks_path in track(pairs, "drawing slices", len(pairs), "shards"):
        with Shard(tensors) as truth, Shard(masks_path) as reference:
            refuse_other_slices(truth, reference)
            for subject, rows in truth.subjects().items():
                numbers = by_subject.get(subject, set())
                if not numbers:
                    continue
                masks = read_masks(reference, rows)
                for row, ref in enumerate(truth.index[rows]):
                    if ref.number not in numbers:
                        continue
                    at = rows.start + row
                    name = f"{len(entries):04d}.webp"
                    flair = truth.rows("images", at, at + 1)[0, FLAIR]
                    (folder / name).write_bytes(webp(flair))
                    entries[key_text((subject, ref.number))] = {
                        "subject": subject,
                        "number": ref.number,
                        "split": ref.split,
                        "image": name,
                        "truth": outline(truth.rows("masks", at, at + 1)[0]),
                        "reference": outline(masks[row]),
                    }
    return entries


def webp(image: NDArray[np.float32]) -> bytes:
    """A slice, (height, width) of any range, as a grey WebP from its minimum to its maximum."""
    from PIL import Image

    low, high = float(image.min()), float(image.max())
    grey = (image - low) * (255 / (high - low) if high > low else 0)
    content = io.BytesIO()
    Image.fromarray(grey.astype(np.uint8)).save(content, "WEBP", quality=_WEBP_QUALITY, method=4)
    return content.getvalue()
