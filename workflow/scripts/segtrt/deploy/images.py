"""Which images are meant: files, folders, series and patterns of the command line as items."""

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from segtrt.data.formats.kinds import SUFFIXES, suffix_of
from segtrt.data.layout import Item, Layout, natural
from segtrt.deploy.folders import files_beside, is_series, match_end, walk_folders
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

    Files, and folders of DICOM series, whose path ends as the engine's own layout has it belong to
    its subjects, and are channels of one image where it has channels; others stand alone. Of a
    folder every image below it is taken but masks, as the layout names them.

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


@dataclass
class _Parts:
    """The channels of one image, as far as they were found."""

    root: Path
    layout: Layout
    values: Mapping[str, str]
    prefix: str
    """What comes before its output: where it lies below a folder that was named."""
    images: dict[str, tuple[str, tuple[str, ...]]] = field(default_factory=dict)
    """Channel -> path below the root, and the files that reading it reads."""


class _Finder:
    def __init__(self, layout: Layout) -> None:
        self._layout = Layout(layout.images, None, layout.channels)
        self._masks = layout.mask_pattern
        self._found = Found()
        self._known: set[tuple[Path, tuple[str, ...]]] = set()
        self._parts: dict[tuple[Path, str, str], _Parts] = {}
        self._seen = 0

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
        for (_, subject, name), parts in self._parts.items():
            root = parts.root
            channels = parts.layout.channels or tuple(sorted(parts.images))
            missing = [channel for channel in channels if channel not in parts.images]
            if missing:
                first, _ = next(iter(parts.images.values()))
                expected = parts.layout.image_pattern.path({**parts.values, "channel": missing[0]})
                self._found.faults.append(
                    f"{root / first} lacks the channel {missing[0]}, expected {root / expected}"
                )
                continue
            chosen = [parts.images[channel] for channel in channels]
            paths = tuple(path for path, _ in chosen)
            files = tuple(file for _, files in chosen for file in files)
            output = parts.prefix + parts.layout.output(parts.values)
            self._take(Item(root, subject, name, paths, None, files, output))
        return self._found

    def _add_pattern(self, text: str) -> None:
        """Images of a pattern, from its last folder without a wildcard on."""
        parts = text.split("/")
        first = next(place for place, part in enumerate(parts) if "{" in part)
        root = Path("/".join(parts[:first]) or ("/" if text.startswith("/") else "."))
        layout = Layout("/".join(parts[first:]), None)
        if "channel" in layout.image_pattern.wildcards:
            layout = Layout(layout.images, None, self._layout.channels)
        if not root.is_dir():
            raise SegtrtError(f"image {text} matches nothing: there is no folder {root}")
        before = self._seen
        for folder, files in walk_folders(root):
            paths = [folder] if layout.image_pattern.folder else [folder / name for name in files]
            for path in paths:
                match = match_end(path, layout.image_pattern)
                if match is not None and match[0].absolute() == root.absolute():
                    self._seen += 1
                    inside = files if layout.image_pattern.folder else None
                    self._put(layout, match, path, inside, root)
        if self._seen == before:
            raise SegtrtError(f"image {text} matches nothing below {root}")

    def _add_folder(self, root: Path) -> None:
        before = self._seen
        for folder, files in walk_folders(root):
            if is_series(folder, files):
                self._add_series(folder, files, root)
                continue
            for name in filter(suffix_of, files):
                self._add_file(folder / name, root, within=True)
        if self._seen == before:
            known = ", ".join(SUFFIXES)
            raise SegtrtError(f"folder {root} holds no image; expected {known}")

    def _add_series(self, folder: Path, files: Sequence[str], root: Path) -> None:
        self._seen += 1
        pattern = self._layout.image_pattern
        match = match_end(folder, pattern) if pattern.folder else None
        if match is not None:
            self._put(self._layout, match, folder, files, root)
            return
        if folder == root:
            folder = folder.absolute()
            root = folder.parent
        name = folder.relative_to(root).as_posix()
        inside = tuple(f"{name}/{file}" for file in files)
        self._take(Item(root, name, name, (name,), None, inside, name))

    def _add_file(self, path: Path, root: Path, *, within: bool = False) -> None:
        """A file: a channel of an item where its path ends as the layout has it.

        Args:
            path: the file.
            root: the folder that was named, or the file's own.
            within: whether that folder was named, and not the file itself.
        """
        self._seen += 1
        pattern = self._layout.image_pattern
        match = None if pattern.folder else match_end(path, pattern)
        if self._is_mask(path, is_image=match is not None):
            self._found.masks += 1
        elif match is not None:
            self._put(self._layout, match, path, None, root if within else None)
        else:
            name = path.relative_to(root).as_posix()
            stem = name[: len(name) - len(suffix_of(name))]
            files = (name, *files_beside(root, name))
            self._take(Item(root, stem, stem, (name,), None, files, name))

    def _put(
        self,
        layout: Layout,
        match: tuple[Path, dict[str, str]],
        path: Path,
        inside: Sequence[str] | None,
        named: Path | None,
    ) -> None:
        """Note a channel of an image.

        Args:
            layout: whose pattern matched.
            match: as `match_end` gave it.
            path: the file, or the folder of a series.
            inside: names of the files in a series' folder.
            named: the folder that was named.
        """
        root, values = match
        subject = layout.subject_of(values)
        known = {name: value for name, value in values.items() if name != "channel"}
        prefix = ""
        if named is not None and root.absolute().is_relative_to(named.absolute()):
            below = root.absolute().relative_to(named.absolute()).as_posix()
            prefix = "" if below == "." else f"{below}/"
        key = root.absolute(), subject, values.get("item", subject)
        if key not in self._parts:
            self._parts[key] = _Parts(root, layout, known, prefix)
        relative = path.absolute().relative_to(root.absolute()).as_posix()
        files = [relative, *files_beside(root, relative)]
        if inside is not None:
            files = [f"{relative}/{name}" for name in inside]
        self._parts[key].images[values.get("channel", "")] = relative, tuple(files)

    def _is_mask(self, path: Path, *, is_image: bool) -> bool:
        """Whether a file is a mask by its name.

        A name that is an image's too belongs to the pattern with more plain text; another is a
        mask's where its image is there.
        """
        match = None if self._masks is None else match_end(path, self._masks)
        if match is None or self._masks is None:
            return False
        pattern = self._layout.image_pattern
        if is_image:
            return self._masks.literals >= pattern.literals
        root, values = match
        channel = next(iter(self._layout.channels or ()), "1")
        return (root / pattern.path({"channel": channel, **values})).exists()

    def _take(self, item: Item) -> None:
        key = item.root.absolute(), item.images
        if key not in self._known:
            self._known.add(key)
            self._found.items.append(item)


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
