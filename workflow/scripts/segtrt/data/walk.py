"""One pass over a data set's folders: every name is matched once, no file is opened."""

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from segtrt.data.entries import (
    Entry,
    companions_of,
    fault_of_name,
    is_real_folder,
    list_folder,
    look,
)
from segtrt.data.formats.kinds import COMPANIONS, suffix_of
from segtrt.data.layout import Layout, Problem, printable
from segtrt.data.roots import holds_tree
from segtrt.data.wildcards import Pattern, State, match_name
from segtrt.errors import SegtrtError

_EXAMPLES = 5


@dataclass(slots=True)
class Found:
    """The files of one item."""

    values: dict[str, str]
    """Of `{subject}` and `{item}`."""
    images: dict[str, str] = field(default_factory=dict)
    """Channel (empty where there is no such wildcard) -> relative path."""
    mask: str | None = None
    files: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Relative path -> the files that reading it reads, where that is not itself alone."""
    spoilt: bool = False
    """Whether one of the files has a problem, which is reported already."""


class Stray(NamedTuple):
    """A file that a pattern would match if its suffix were the expected one."""

    pattern: Pattern
    values: dict[str, str]
    path: str


class Walk:
    """The pass over one data set, and what it found."""

    def __init__(self, root: str, layout: Layout, wanted: Collection[str] | None) -> None:
        """Walk.

        Args:
            root: the data set's folder; ends in a slash.
            layout: the patterns.
            wanted: subjects' names; others are noted in `subjects` and passed by.

        Raises:
            SegtrtError: `root`, or a folder that a pattern names in plain text, cannot be listed.
        """
        self.found: dict[tuple[str, str], Found] = {}
        self.strays: list[Stray] = []
        self.problems: list[Problem] = []
        self.subjects: set[str] = set()
        """Every subject there is a folder, an image or a mask of, wanted or not."""
        self.ignored = self.left_behind = 0
        self.examples: list[str] = []
        self._root, self._layout, self._wanted = root, layout, wanted
        self._is_working_folder = Path(root).absolute() == Path.cwd()
        self._images = layout.image_pattern
        patterns = [pattern for pattern in (layout.mask_pattern, self._images) if pattern]
        # A name that both match belongs to the pattern with more plain text.
        patterns.sort(key=lambda pattern: -pattern.literals)
        self._visit("", [State(pattern, 0, "") for pattern in patterns], None)

    def _visit(self, folder: str, states: list[State], subject: str | None) -> bool:
        """List a folder that patterns lead to; whether there was anything in it to tell of."""
        try:
            entries = self._list(folder, states)
        except OSError as error:
            reason = f"{printable(folder) or self._root} cannot be listed ({error.strerror})"
            if subject is None:
                raise SegtrtError(f"{self._root}: {reason}; check its permissions") from None
            self._report(subject, f"{reason}; check its permissions")
            return True
        passed: list[Entry] = []
        companions: set[str] = set()
        names = {entry.path for entry in entries} if self._has_headers else set()
        first: dict[str, str] = {}
        reported = False
        for entry in entries:
            ends, deeper = match_name(entry.name, states)
            if not ends and not deeper:
                passed.append(entry)
                continue
            twin = first.setdefault(entry.name, entry.path)
            fault = fault_of_name(entry.path, twin)
            kind, trouble = look(self._root, entry)
            if deeper and kind == "folder":
                reported |= self._enter(entry, deeper, fault)
            elif ends:
                beside = companions_of(entry.path, names) if names else ()
                companions.update(beside)
                reported |= self._record(entry, ends[0], kind, fault or trouble, beside)
            elif kind == "gone":
                _, values = deeper[0]
                reported |= self._spoil(values, trouble or "")
            else:
                self._ignore(entry.path)
        for entry in passed:
            if entry.path not in companions:
                reported |= self._pass_by(entry, states, subject)
        return reported

    @property
    def _has_headers(self) -> bool:
        masks = self._layout.mask_pattern
        return any(pattern.suffix in COMPANIONS for pattern in (self._images, masks) if pattern)

    def _list(self, folder: str, states: list[State]) -> list[Entry]:
        """A folder's entries by name, without what is hidden or left behind, which is counted."""
        hidden_too = any(s.pattern.parts[s.level].start.startswith(".") for s in states)
        entries, skipped = list_folder(self._root, folder, hidden_too=hidden_too)
        self.left_behind += skipped
        if (
            not folder
            and self._is_working_folder
            and not any(s.pattern.parts[0].wild for s in states)
        ):
            # Patterns name the folders of the data set; beside these lie results, logs and the
            # user's own code, which are none of it and come and go.
            return [entry for entry in entries if any(match_name(entry.name, states))]
        return entries

    def _enter(
        self, entry: Entry, deeper: list[tuple[State, dict[str, str]]], fault: str | None
    ) -> bool:
        """Go into a folder whose name patterns match; whether there was anything to tell of."""
        state, values = deeper[0]
        subject = self._subject(values)
        if subject is not None and not self._wants(subject):
            return True
        if fault is not None:
            return self._spoil(values, fault)
        path = f"{entry.path}/"
        if self._visit(path, [state for state, _ in deeper], subject):
            return True
        part = state.pattern.parts[state.level - 1]
        if subject is None or not part.wild:
            return False
        if holds_tree(self._root + path, self._layout):
            return self._report_tree(entry.path, subject)
        expected = state.pattern.path({"item": "1", "channel": "1", **values, "subject": subject})
        self._report(
            subject,
            f"{printable(entry.path)} has no files of this layout, expected e.g. "
            f"{printable(expected)}; remove the folder or fill it",
        )
        return True

    def _record(
        self,
        entry: Entry,
        end: tuple[Pattern, dict[str, str]],
        kind: str,
        fault: str | None,
        beside: tuple[str, ...],
    ) -> bool:
        """Note an image or a mask; whether there was anything to tell of."""
        pattern, values = end
        if pattern.folder and kind == "file":
            self._ignore(entry.path)  # notes beside the folders of series
            return False
        subject = self._layout.subject_of(values)
        if not self._wants(subject):
            return True
        if fault is None and pattern.folder:
            beside, fault = self._series(entry.path)
        elif fault is None and kind == "folder":
            fault = f"{printable(entry.path)} is a folder, expected a file; rename or remove it"
        key = subject, values.get("item", subject)
        item = self.found.get(key)
        if item is None:
            known = {name: value for name, value in values.items() if name != "channel"}
            item = self.found[key] = Found(known)
        if pattern is self._images:
            item.images.setdefault(values.get("channel", ""), entry.path)
        elif item.mask is None:
            item.mask = entry.path
        if beside:
            item.files[entry.path] = beside if pattern.folder else (entry.path, *beside)
        if fault is not None:
            item.spoilt = True
            self._report(subject, fault)
        return True

    def _series(self, folder: str) -> tuple[tuple[str, ...], str | None]:
        """The files of a DICOM series' folder, and what is wrong with one of them."""
        try:
            entries = self._list(f"{folder}/", [])
        except OSError as error:
            return (), f"{printable(folder)} cannot be listed ({error.strerror})"
        files = []
        for entry in entries:
            kind, fault = look(self._root, entry)
            if fault is not None:
                return (), fault
            if kind == "folder":
                self._ignore(entry.path)
            else:
                files.append(entry.path)
        if not files:
            return (), f"{printable(folder)} is empty, expected the files of a DICOM series"
        return tuple(files), None

    def _pass_by(self, entry: Entry, states: list[State], subject: str | None) -> bool:
        """Count what no pattern matches; True if it will be reported: a tree, another format."""
        if is_real_folder(entry.entry):
            return self._pass_folder(entry.path, subject)
        reported = False
        suffix = suffix_of(entry.name)
        for state in states if suffix else ():
            pattern = state.pattern
            if state.level == len(pattern.parts) - 1 and pattern.suffix:
                renamed = entry.name[: -len(suffix)] + pattern.suffix
                ends, _ = match_name(renamed, [state])
                if ends:
                    reported = self._stray(pattern, ends[0][1], entry.path)
                    break
        self._ignore(entry.path)
        return reported

    def _stray(self, pattern: Pattern, values: dict[str, str], path: str) -> bool:
        if self._wants(self._layout.subject_of(values)):
            self.strays.append(Stray(pattern, values, path))
        return pattern is self._images

    def _pass_folder(self, path: str, subject: str | None) -> bool:
        """Count the files in a folder that no pattern leads to; whether it holds a data tree."""
        reported = False
        waiting = [(path, False)]
        while waiting:
            folder, within_tree = waiting.pop()
            if not within_tree and holds_tree(f"{self._root}{folder}/", self._layout):
                within_tree = reported = self._report_tree(folder, subject)
            try:
                entries = self._list(f"{folder}/", [])
            except OSError:
                self._ignore(folder)
                continue
            for entry in entries:
                if is_real_folder(entry.entry):
                    waiting.append((entry.path, within_tree))
                else:
                    self._ignore(entry.path)
        return reported

    def _report_tree(self, path: str, subject: str | None) -> bool:
        name = printable(path)
        self._report(
            subject or name,
            f"{name} holds a data tree of the same form as the data set around it; move it out of "
            "the data set, or set dataset.path to it",
        )
        return True

    def _subject(self, values: dict[str, str]) -> str | None:
        """The subject that a folder belongs to, if its path says so already."""
        if "subject" in self._images.wildcards:
            return values.get("subject")
        return values.get("item")

    def _wants(self, subject: str) -> bool:
        self.subjects.add(subject)
        return self._wanted is None or subject in self._wanted

    def _spoil(self, values: dict[str, str], reason: str) -> bool:
        """Tell what is wrong with a folder that patterns lead to; whether it is a subject's."""
        subject = self._subject(values)
        if subject is None:
            raise SegtrtError(f"{self._root}: {reason}")
        if self._wants(subject):
            self._report(subject, reason)
        return True

    def _report(self, subject: str, reason: str) -> None:
        self.problems.append(Problem(printable(subject), reason))

    def _ignore(self, path: str) -> None:
        self.ignored += 1
        if len(self.examples) < _EXAMPLES:
            self.examples.append(printable(path))
