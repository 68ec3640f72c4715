"""Pictures for the report: views of the images once, and outlines of every engine's masks on them.

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

from segtrt.data.prepared import Prepared, PreparedItem
from segtrt.data.windows import Stitcher
from segtrt.errors import SegtrtError
from segtrt.files import replacing_folder, write_json
from segtrt.progress import track
from segtrt.quality.answers import Answers
from segtrt.quality.outlines import SCALE
from segtrt.quality.scores import Figures
from segtrt.quality.subject_labels import Map, class_names, finish, open_answers
from segtrt.quality.views import foreground, informative_planes, outlines_of, planes_of
from segtrt.summary.overlay_index import FORMAT, INDEX
from segtrt.summary.view_choice import Key, choose_views, key_text

MOST_BYTES = 5_000_000
"""Of all pictures together; in the report they take a third more."""

_WEBP_QUALITY = 60
_LONGEST_SIDE = 384
"""Pixels of a picture; larger views are reduced."""

Json = dict[str, Any]


def write_overlays(
    folder: Path,
    *,
    tensor_shards: Sequence[Path],
    reference_shards: Sequence[Path],
    scores: Mapping[str, Figures],
    subjects: int,
    views: int,
    channel: int | None,
    higher_is_better: bool,
    largest_component: bool,
) -> None:
    """Choose views for every engine and write their pictures and outlines to `folder`.

    Args:
        folder: the folder to make.
        tensor_shards: shards of prepared images (`segtrt.data.prepared`).
        reference_shards: the reference's answers to them, in the same order.
        scores: engine -> its figures, most important engine first.
        subjects: subjects for each engine: best, median and worst, then the next worst.
        views: images or slices for each subject, spread over those where something lies, and views
            where engine and reference differ most.
        channel: channel of the images to show, counted from 0; None takes the middle one.
        higher_is_better: the metric's direction.
        largest_component: whether only the largest component of each class is scored.

    Raises:
        SegtrtError: a file cannot be read, or the images have no such channel.
    """
    wanted: dict[Key, None] = {}
    pairs = list(zip(tensor_shards, reference_shards, strict=True))
    telling: dict[str, list[Key]] = {}
    for tensors, answers in pairs:
        with open_answers(tensors, answers) as (shard, [reference]):
            names = list(class_names(shard.labels, reference.classes))
            shown = _channel(shard.patch[0], channel)
            for subject, places in shard.subjects().items():
                telling[subject] = _informative_views(shard, reference, places)
    engines: dict[str, Json] = {
        name: choose_views(
            figures, telling, subjects, views, wanted, higher_is_better=higher_is_better
        )
        for name, figures in scores.items()
    }
    with replacing_folder(folder) as partial:
        drawn: dict[str, Json] = {}
        for tensors, answers in track(pairs, "drawing pictures", len(pairs), "shards"):
            with open_answers(tensors, answers) as (shard, [reference]):
                _draw_shard(partial, (shard, reference), wanted, shown, drawn, largest_component)
        dropped = _within(partial, [key_text(key) for key in wanted], drawn)
        write_json(
            partial / INDEX,
            {
                "format": FORMAT,
                "views": drawn,
                "engines": {name: _without(one, dropped) for name, one in engines.items()},
                "classes": names,
                "channel": shown,
                "dropped": len(dropped),
            },
        )


def _channel(channels: int, asked: int | None) -> int:
    if asked is not None and asked >= channels:
        raise SegtrtError(
            f"report.display_channel is {asked}, but the images have {channels} channels; expected "
            f"0 to {channels - 1}, or null"
        )
    return channels // 2 if asked is None else asked


def _truth(shard: Prepared, place: int) -> Map | None:
    """True labels of an item on the network's grid."""
    if shard.labels is None:
        return None
    return shard.items[place].placement.place_labels(shard.truth(place))


def _informative_views(shard: Prepared, reference: Answers, places: Sequence[int]) -> list[Key]:
    """A subject's views where something lies; all of them if nothing does."""
    found, every = [], []
    for place in places:
        item = shard.items[place]
        grid = _truth(shard, place)
        if grid is None:
            grid = reference.labels(place, item)
        counts = foreground(planes_of(grid))
        volume = grid.ndim == 3
        keys = [
            (item.subject, item.name, plane if volume else None)
            for plane in informative_planes(counts)
        ]
        every += keys
        found += keys if counts.any() else []
    return found or every


def _draw_shard(  # noqa: PLR0917 - a step of `write_overlays`
    folder: Path,
    pair: tuple[Prepared, Answers],
    wanted: Mapping[Key, None],
    channel: int,
    drawn: dict[str, Json],
    largest_component: bool,
) -> None:
    """Write the wanted views' pictures of a shard; adds their entries to `drawn`."""
    shard, reference = pair
    by_item: dict[tuple[str, str], list[int | None]] = {}
    for subject, name, plane in wanted:
        by_item.setdefault((subject, name), []).append(plane)
    for places in shard.subjects().values():
        items = [shard.items[place] for place in places]
        if not any((item.subject, item.name) in by_item for item in items):
            continue
        labels = finish(
            [reference.labels(place, shard.items[place]) for place in places],
            largest_component=largest_component,
        )
        for place, item, grid in zip(places, items, labels, strict=True):
            planes = by_item.get((item.subject, item.name))
            if not planes:
                continue
            image = planes_of_image(shard, item, channel)
            truth = _truth(shard, place)
            for plane in sorted(planes, key=lambda one: one or 0):
                at = plane or 0
                name = f"{len(drawn):04d}.webp"
                (folder / name).write_bytes(webp(image[at]))
                rows, columns = grid.shape[-2:]
                drawn[key_text((item.subject, item.name, plane))] = {
                    "subject": item.subject,
                    "item": item.name,
                    "plane": plane,
                    "split": item.split,
                    "image": name,
                    "width": columns * SCALE,
                    "height": rows * SCALE,
                    "truth": None if truth is None else outlines_of(planes_of(truth)[at]),
                    "reference": outlines_of(planes_of(grid)[at]),
                }


def planes_of_image(shard: Prepared, item: PreparedItem, channel: int) -> NDArray[np.float32]:
    """One channel of an item on the network's grid, (planes, rows, columns); overlapping patches
    are alike there, so stitching gives the image back.
    """
    stitcher = Stitcher(item.patches, 1)
    slabs = []
    for row in item.rows:
        patch = shard.images(row, row + 1)[:, channel : channel + 1]
        slabs += stitcher.add(np.ascontiguousarray(patch))
    whole: NDArray[np.float32] = np.concatenate(slabs, axis=1)[0]
    return whole if whole.ndim == 3 else whole[np.newaxis]


def _within(folder: Path, order: Sequence[str], drawn: dict[str, Json]) -> set[str]:
    """Delete the last pictures of all if they are too large together; their keys."""
    total, dropped = 0, set()
    for key in order:
        path = folder / drawn[key]["image"]
        total += path.stat().st_size
        if total > MOST_BYTES:
            dropped.add(key)
            path.unlink()
            del drawn[key]
    return dropped


def _without(engine: Json, dropped: set[str]) -> Json:
    return {
        "subjects": [
            {**one, "views": [key for key in one["views"] if key not in dropped]}
            for one in engine["subjects"]
        ],
        "differs": [one for one in engine["differs"] if one["view"] not in dropped],
        "outlines": {key: one for key, one in engine["outlines"].items() if key not in dropped},
    }


def webp(image: NDArray[np.float32]) -> bytes:
    """A view, (rows, columns) of any range, as a grey WebP from its minimum to its maximum."""
    from PIL import Image

    low, high = float(image.min()), float(image.max())
    grey = (image - low) * (255 / (high - low) if high > low else 0)
    picture = Image.fromarray(grey.astype(np.uint8))
    picture.thumbnail((_LONGEST_SIDE, _LONGEST_SIDE))
    content = io.BytesIO()
    picture.save(content, "WEBP", quality=_WEBP_QUALITY, method=4)
    return content.getvalue()
