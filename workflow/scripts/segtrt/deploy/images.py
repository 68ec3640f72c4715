"""Which images are meant: files, folders, series and patterns of the command line as items."""

import glob
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segtrt.data.entries import companions_of, is_real_folder, list_folder
from segtrt.data.formats.kinds import HEAD_BYTES, SUFFIXES, Format, format_of, suffix_of
from segtrt.data.layout import Item, Layout, natural
from segtrt.data.listing import list_items
from segtrt.data.roots import holds_tree
from segtrt.data.wildcards import Pattern, State, match_name
from segtrt.errors import SegtrtError


@dataclass
class Found:
    """The images that were meant."""

    items: list[Item] = field(default_factory=list)
    """Each once; their roots may differ."""
    faults: list[str] = field(default_factory=list)
    """What cannot be segmented, a line each."""
    masks: int = 0
    """Files passed by, as they are masks by their names."""


def find_images(arguments: Iterable[str], layout: Layout) -> Found:
    """Find images.

    A folder that holds files of the engine's own layout is read like the data set that the engine
    was proven on, so that subjects and channels are told apart; of another one every image below it
    is taken, and a folder of DICOM files is one series. Files whose path ends as the layout has it
    belong to its subjects; others stand alone.

    Args:
        arguments: paths of files and folders; patterns with `{subject}` or `{item}`, or with `*`
            and `?`.
        layout: of the data set that the engine was proven on.

    Raises:
        SegtrtError: there is no such path, or nothing that a pattern matches.
    """
    finder = _Finder(layout)
    for argument in arguments:
        finder.add(argument)
    return finder.finish()


class _Finder:
    def __init__(self, layout: Layout) -> None:
        self._layout, self._bare = layout, Layout(layout.images, None, layout.channels)
        self._images, self._masks = layout.image_pattern, layout.mask_pattern
        self._found = Found()
        self._known: set[tuple[Path, tuple[str, ...]]] = set()
        # (root, subject, item) -> values, and by channel the path below the root.
        self._parts: dict[tuple[Path, str, str], tuple[Mapping[str, str], dict[str, str]]] = {}

    def add(self, argument: str) -> None:
        """Add what one word of the command line means."""
        path = Path(argument)
        if path.is_dir():
            self._add_folder(path)
        elif path.exists():
            self._add_file(path, path.parent)
        elif "{" in argument:
            self._add_pattern(argument)
        elif matches := _expand(argument):
            for match in matches:
                self.add(match)
        else:
            what = "matches nothing" if glob.has_magic(argument) else "does not exist"
            raise SegtrtError(f"image {argument} {what}; name a file, a folder or a pattern")

    def finish(self) -> Found:
        """What was found, channels put together."""
        for (root, subject, name), (values, images) in self._parts.items():
            channels = self._layout.channels or tuple(images)
            missing = [channel for channel in channels if channel not in images]
            if missing:
                expected = self._images.path({**values, "channel": missing[0]})
                self._found.faults.append(
                    f"{root / next(iter(images.values()))} lacks the channel {missing[0]}, "
                    f"expected {root / expected}"
                )
                continue
            paths = tuple(images[channel] for channel in channels)
            files = tuple(file for path in paths for file in (path, *_beside(root, path)))
            output = self._bare.output(values)
            self._take(Item(root, subject, name, paths, None, files, output))
        return self._found

    def _add_pattern(self, text: str) -> None:
        """Images of a pattern, from its last folder without a wildcard on."""
        parts = text.split("/")
        first = next(place for place, part in enumerate(parts) if "{" in part)
        root = Path("/".join(parts[:first]) or ("/" if text.startswith("/") else "."))
        if not root.is_dir():
            raise SegtrtError(f"image {text} matches nothing: there is no folder {root}")
        layout = Layout("/".join(parts[first:]), None)
        if "channel" in layout.image_pattern.wildcards:
            layout = Layout(layout.images, None, self._layout.channels)
        self._list(root, layout)

    def _add_folder(self, folder: Path) -> None:
        if holds_tree(f"{folder}/", self._bare):
            self._list(folder, self._bare)
            return
        before = len(self._known) + len(self._parts) + self._found.masks
        self._walk(folder, folder)
        if len(self._known) + len(self._parts) + self._found.masks == before:
            known = ", ".join(SUFFIXES)
            raise SegtrtError(f"folder {folder} holds no image; expected {known}")

    def _list(self, root: Path, layout: Layout) -> None:
        listing = list_items(root, layout)
        self._found.faults += [f"{root}: {one.reason}" for one in listing.problems]
        for item in listing.items:
            # Without the masks' pattern, images' may match masks as well.
            if layout is self._bare and self._is_mask(root / item.images[0]):
                self._found.masks += 1
            elif item.subject not in listing.faulty:
                self._take(item)

    def _walk(self, root: Path, folder: Path) -> None:
        """Every image below a folder; a folder of DICOM files is one."""
        entries, _ = list_folder(f"{folder}/", "")
        files = [one.entry.name for one in entries if not one.entry.is_dir()]
        if _is_series(folder, files):
            if folder == root:
                folder = folder.absolute()
                root = folder.parent
            name = folder.relative_to(root).as_posix()
            inside = tuple(f"{name}/{file}" for file in files)
            self._take(Item(root, name, name, (name,), None, inside, name))
        else:
            for file in sorted(filter(suffix_of, files), key=natural):
                self._add_file(folder / file, root)
        inner = [one.entry.name for one in entries if is_real_folder(one.entry)]
        for name in sorted(inner, key=natural):
            self._walk(root, folder / name)

    def _add_file(self, path: Path, root: Path) -> None:
        """A file: a channel of an item where its path ends as the layout has it."""
        match = None if self._images.folder else match_end(path, self._images)
        if match is not None:
            if self._is_mask(path):
                self._found.masks += 1
                return
            top, values = match
            subject = self._layout.subject_of(values)
            key = top, subject, values.get("item", subject)
            known = {name: value for name, value in values.items() if name != "channel"}
            _, images = self._parts.setdefault(key, (known, {}))
            relative = path.absolute().relative_to(top.absolute()).as_posix()
            images[values.get("channel", "")] = relative
            return
        name = path.relative_to(root).as_posix()
        stem = name.removesuffix(name[len(name) - len(suffix_of(name)) :])
        self._take(Item(root, stem, stem, (name,), None, (name, *_beside(root, name)), name))

    def _is_mask(self, path: Path) -> bool:
        """Whether a name is a mask's, by the pattern with more plain text where both match."""
        if self._masks is None or self._masks.literals < self._images.literals:
            return False
        return match_end(path, self._masks) is not None

    def _take(self, item: Item) -> None:
        key = item.root.absolute(), item.images
        if key not in self._known:
            self._known.add(key)
            self._found.items.append(item)


def match_end(path: Path, pattern: Pattern) -> tuple[Path, dict[str, str]] | None:
    """Match the end of a path against a pattern.

    Returns:
        The folder that the pattern starts from, and the wildcards' values; None if it does not
        match.
    """
    if ".." in path.parts:
        path = path.resolve()
    names = path.absolute().parts[1:]
    levels = len(pattern.parts)
    if len(names) < levels:
        return None
    states = [State(pattern, 0, "")]
    for name in names[len(names) - levels :]:
        ends, deeper = match_name(name, states)
        if ends:
            top = path
            for _ in range(levels):
                top = top.parent if top.name else top.absolute().parent
            return top, ends[0][1]
        if not deeper:
            return None
        states = [state for state, _ in deeper]
    return None


def group_items(items: Sequence[Item], *, by_subject: bool) -> Iterator[tuple[Item, ...]]:
    """Items whose masks are made together, in the order of the first of each.

    Args:
        items: the images.
        by_subject: a subject's slices are one volume to what follows; else each item stands alone.
    """
    if not by_subject:
        yield from ((item,) for item in items)
        return
    groups: dict[tuple[Path, str], list[Item]] = {}
    for item in items:
        groups.setdefault((item.root.absolute(), item.subject), []).append(item)
    for group in groups.values():
        yield tuple(sorted(group, key=lambda item: natural(item.name)))


def _expand(pattern: str) -> list[str]:
    """What matches a shell's pattern, as shells have it."""
    return sorted(glob.glob(pattern, recursive=True), key=natural)  # noqa: PTH207


def _beside(root: Path, path: str) -> tuple[str, ...]:
    """Files that hold a header's data."""
    folder = (root / path).parent
    stem = path[: len(path) - len(suffix_of(path))]
    names = {f"{stem}{other}" for other in (".raw", ".zraw", ".raw.gz")}
    there = {name for name in names if os.path.lexists(folder / Path(name).name)}
    return companions_of(path, there)


def _is_series(folder: Path, files: Sequence[str]) -> bool:
    """Whether a folder's files are DICOM: none is another image, and the first one is."""
    forms = {SUFFIXES.get(suffix_of(name)) for name in files}
    if not forms or forms - {None, Format.DICOM}:
        return False
    if Format.DICOM in forms:
        return True
    try:
        with (folder / files[0]).open("rb") as handle:
            return format_of(folder / files[0], handle.read(HEAD_BYTES)) is Format.DICOM
    except OSError:
        return False
