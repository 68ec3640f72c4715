"""A data set's items, and all that is wrong or ignored in it."""

import difflib
import os
import unicodedata
from collections.abc import Collection, Iterable
from pathlib import Path

from segtrt.data.layout import Ignored, Item, Layout, Listing, Problem, natural, printable
from segtrt.data.roots import holds_part
from segtrt.data.walk import Found, Stray, Walk
from segtrt.errors import SegtrtError, name_some

_NAMED_AT_MOST = 10


def list_items(root: Path, layout: Layout, subjects: Iterable[str] | None = None) -> Listing:
    """List a data set by the names of its files.

    Names are compared, and given, in Unicode's composed form (NFC); paths are as on disk.

    Args:
        root: the data set's folder (`find_root`).
        layout: its patterns.
        subjects: only these, or None for all.

    Raises:
        SegtrtError: `root` cannot be listed, `subjects` names what is not there, or nothing there
            matches the patterns.
    """
    wanted = None
    if subjects is not None:
        wanted = frozenset(unicodedata.normalize("NFC", name) for name in subjects)
    walk = Walk(f"{root}{os.sep}", layout, wanted)
    if wanted is not None:
        _refuse_unknown(wanted, walk.subjects, root)
    if not walk.found and not walk.problems and not walk.strays:
        raise SegtrtError(_nothing(root, layout, walk))
    channels = _channels(layout, walk)
    problems = list(walk.problems)
    items = []
    for key, found in walk.found.items():
        reasons = [] if found.spoilt else list(_faults(found, layout, channels, walk))
        problems += [Problem(printable(key[0]), reason) for reason in reasons]
        if not reasons and not found.spoilt:
            items.append(_item(root, key, found, layout, channels))
    problems += _stray_problems(walk, layout)
    keys: dict[str, tuple[tuple[int, int, str], ...]] = {}
    items.sort(key=lambda item: (_natural(keys, item.subject), _natural(keys, item.name)))
    problems += _same_numbers(items)
    counts = dict.fromkeys(sorted(walk.subjects if wanted is None else wanted), 0)
    for (subject, _), found in walk.found.items():
        counts[subject] += bool(found.images)
    return Listing(
        tuple(items),
        tuple(sorted(set(problems), key=lambda p: (natural(p.subject), natural(p.reason)))),
        Ignored(walk.ignored, tuple(walk.examples), walk.left_behind),
        {printable(subject): count for subject, count in counts.items()},
        channels,
    )


def _natural(
    keys: dict[str, tuple[tuple[int, int, str], ...]], name: str
) -> tuple[tuple[int, int, str], ...]:
    """`natural`, computed once for each name."""
    key = keys.get(name)
    if key is None:
        key = keys[name] = natural(name)
    return key


def _channels(layout: Layout, walk: Walk) -> tuple[str, ...]:
    """Values of `{channel}` in order; none without that wildcard."""
    if "channel" not in layout.image_pattern.wildcards:
        return ()
    if layout.channels is not None:
        return layout.channels
    return tuple(sorted({name for found in walk.found.values() for name in found.images}))


def _item(
    root: Path, key: tuple[str, str], found: Found, layout: Layout, channels: tuple[str, ...]
) -> Item:
    images = tuple(found.images[channel] for channel in channels or ("",))
    paths = images if found.mask is None else (*images, found.mask)
    if found.files:
        files = tuple(file for path in paths for file in found.files.get(path, (path,)))
    else:
        files = paths
    output = layout.output(found.values) if found.mask is None else found.mask
    return Item(root, *key, images, found.mask, files, output)


def _faults(found: Found, layout: Layout, channels: tuple[str, ...], walk: Walk) -> Iterable[str]:
    """What keeps an item from being whole, in lines."""
    masks = layout.mask_pattern
    if not found.images:
        expected = layout.image_pattern.path({**found.values, "channel": next(iter(channels), "1")})
        yield (
            f"{printable(found.mask or '')} has no image, expected {printable(expected)}"
            f"{_instead(walk.strays, expected)}"
        )
        return
    for channel in channels:
        if channel not in found.images:
            expected = layout.image_pattern.path({**found.values, "channel": channel})
            yield (
                f"{printable(next(iter(found.images.values())))} lacks the channel "
                f"{printable(channel)}, expected {printable(expected)}"
                f"{_instead(walk.strays, expected)}"
            )
    if masks is not None and found.mask is None:
        expected = masks.path(found.values)
        yield (
            f"{printable(next(iter(found.images.values())))} has no mask, expected "
            f"{printable(expected)}{_instead(walk.strays, expected)}"
        )


def _instead(strays: Collection[Stray], expected: str) -> str:
    """Names the file of another suffix that is there instead of the expected one."""
    for stray in strays:
        if stray.pattern.path(stray.values) == expected:
            return f"; {printable(stray.path)} has another suffix"
    return ""


def _stray_problems(walk: Walk, layout: Layout) -> Iterable[Problem]:
    """Images of another format that would vanish without a word."""
    for stray in walk.strays:
        if stray.pattern is not layout.image_pattern:
            continue
        subject = layout.subject_of(stray.values)
        found = walk.found.get((subject, stray.values.get("item", subject)))
        if found is None:
            yield Problem(
                printable(subject),
                f"{printable(stray.path)} has another suffix than dataset.images expects "
                f"({stray.pattern.suffix}); convert or rename it, or change dataset.images",
            )


def _same_numbers(items: Collection[Item]) -> Iterable[Problem]:
    """Items that bear the same number, of a sorted list: `1` and `01`."""
    before: Item | None = None
    for item in items:
        if (
            before is not None
            and item.subject == before.subject
            and item.name != before.name
            and natural(item.name)[:-1] == natural(before.name)[:-1]
        ):
            yield Problem(
                printable(item.subject),
                f"{printable(before.images[0])} and {printable(item.images[0])} bear the same "
                "number; remove one",
            )
        before = item


def _refuse_unknown(wanted: Collection[str], present: Collection[str], root: Path) -> None:
    unknown = sorted(set(wanted) - set(present))
    if not unknown:
        return
    described = []
    for name in unknown[:_NAMED_AT_MOST]:
        close = difflib.get_close_matches(name, present)
        close_ones = f" (close: {', '.join(map(printable, close))})" if close else ""
        described.append(f"{printable(name)}{close_ones}")
    more = len(unknown) - _NAMED_AT_MOST
    raise SegtrtError(
        f"dataset.subjects names what {root} does not have: {'; '.join(described)}"
        f"{f'; and {more} more' if more > 0 else ''}; expected names of its {len(present)} subjects"
    )


def _nothing(root: Path, layout: Layout, walk: Walk) -> str:
    """Why a folder is no data set of this layout."""
    if holds_part(root, layout.image_pattern):
        hint = "it looks like one subject's folder: set dataset.path to the folder above"
    else:
        hint = "set dataset.path to the folder that holds them, or dataset.images to their names"
    return (
        f"data set folder {root} has no file that dataset.images {layout.images!r} matches; it "
        f"holds {name_some(walk.examples, 5)}; {hint}"
    )
