"""Patterns of file names in Snakemake's language of wildcards, matched one folder at a time.

`{subject}/{subject}_{item,[0-9]+}.tif` is compiled to one regular expression a folder level. A
wildcard stands for one or more characters of a single folder's or file's name; the constraint after
the comma says which. Values that a folder above gave are put before a name, each ended by NUL, so
that one expression serves all folders: `pat_a\\0pat_a_6.tif`.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from segtrt.data.formats.kinds import suffix_of
from segtrt.errors import SegtrtError

WILDCARDS = ("subject", "item", "channel")
"""What a pattern may use."""

_WILDCARD = re.compile(
    r"\{\s*(?P<name>\w+)\s*(?:,\s*(?P<constraint>(?:[^{}]|\{\d*,?\d*\})*?)\s*)?\}"
)
_EXAMPLE = "{subject}/{item}.png"


@dataclass(frozen=True)
class Part:
    """The pattern of one name of a path."""

    regex: re.Pattern[str]
    """Matches values that are known already, each followed by NUL, and then the name."""
    start: str
    """The text before its first wildcard."""
    wild: bool
    """Whether it has a wildcard."""
    bound: tuple[str, ...]
    """Wildcards that are known once this name matched, in the order of `regex`."""


@dataclass(frozen=True)
class Pattern:
    """A compiled pattern."""

    text: str
    """As in the configuration."""
    parts: tuple[Part, ...]
    """One a folder level; the last is the file's, or with `folder` the folder's, name."""
    folder: bool
    """Whether it ends in a slash: what it names are folders (DICOM series), not files."""
    literals: int
    """How many characters are no wildcards: of two patterns that match, more is the truer."""
    suffix: str
    """The known image suffix that it ends in (`.nii.gz`), or an empty string."""

    @property
    def wildcards(self) -> frozenset[str]:
        """The wildcards in it."""
        return frozenset(self.parts[-1].bound)

    def path(self, values: Mapping[str, str]) -> str:
        """The relative path, with forward slashes, that the pattern gives for `values`."""
        return _WILDCARD.sub(lambda match: values[match["name"]], self.text).rstrip("/")


class State(NamedTuple):
    """A pattern on its way down the folders."""

    pattern: Pattern
    level: int
    """Which of the pattern's parts comes next."""
    bound: str
    """Values known so far, each followed by NUL."""


@lru_cache(maxsize=64)
def compile_pattern(
    text: str, setting: str, constraints: tuple[tuple[str, str], ...] = ()
) -> Pattern:
    """Compile a pattern.

    Args:
        text: the pattern, relative to the data set's folder.
        setting: its name in the configuration, for messages.
        constraints: regular expressions for wildcards that the pattern leaves unconstrained.

    Raises:
        SegtrtError: it cannot work: no wildcard or an unknown one, a path that is absolute or leads
            out of the folder, a constraint that is no regular expression.
    """
    levels, folder = _levels(text, setting)
    known: list[str] = []
    compiled = []
    for level in levels:
        regex = "".join(f"(?P<{name}>[^\\0]*)\\0" for name in known)
        for piece in level:
            if isinstance(piece, str):
                regex += re.escape(piece)
                continue
            name, constraint = piece["name"], piece["constraint"]
            if name in known:
                if constraint:
                    raise _refusal(text, setting, f"constrains {{{name}}} where it is repeated")
                regex += f"(?P={name})"
            else:
                known.append(name)
                regex += f"(?P<{name}>{constraint or dict(constraints).get(name, '.+')})"
        start = level[0] if isinstance(level[0], str) else ""
        try:
            wild = any(not isinstance(piece, str) for piece in level)
            compiled.append(Part(re.compile(regex, re.DOTALL), start, wild, tuple(known)))
        except re.error as error:
            raise _refusal(text, setting, f"has a constraint that is not valid ({error})") from None
    if not known:
        raise _refusal(text, setting, "has no wildcard, so it names one file only")
    last = levels[-1][-1]
    return Pattern(
        text,
        tuple(compiled),
        folder,
        sum(len(piece) for level in levels for piece in level if isinstance(piece, str)),
        suffix_of(last) if isinstance(last, str) and not folder else "",
    )


def match_name(
    name: str, states: list[State]
) -> tuple[list[tuple[Pattern, dict[str, str]]], list[tuple[State, dict[str, str]]]]:
    """Match a name against patterns.

    Returns:
        The first pattern that ends in this name, if any, and those that go on below it, each with
        the values known by then.
    """
    ends: list[tuple[Pattern, dict[str, str]]] = []
    deeper: list[tuple[State, dict[str, str]]] = []
    for pattern, level, bound in states:
        part = pattern.parts[level]
        match = part.regex.fullmatch(bound + name)
        if match is None:
            continue
        values = match.groupdict()
        if level == len(pattern.parts) - 1:
            if not ends:
                ends.append((pattern, values))
        else:
            known = "".join(f"{values[wildcard]}\0" for wildcard in part.bound)
            deeper.append((State(pattern, level + 1, known), values))
    return ends, deeper


def _levels(text: str, setting: str) -> tuple[list[list[str | re.Match[str]]], bool]:
    """The pieces of each name of the path, text or wildcards; and whether it ends in a slash."""
    if not text.strip():
        raise _refusal(text, setting, "is empty")
    levels: list[list[str | re.Match[str]]] = [[]]
    end = 0
    for match in [*_WILDCARD.finditer(text), None]:
        literal = text[end : match.start() if match else len(text)]
        _check_literal(literal, text, setting)
        first, *others = literal.split("/")
        if first:
            levels[-1].append(first)
        levels += [[name] if name else [] for name in others]
        if match is not None:
            _check_wildcard(match, text, setting)
            levels[-1].append(match)
            end = match.end()
    if not levels[0]:
        raise _refusal(text, setting, "is absolute, expected a path below dataset.path")
    folder = not levels[-1]
    if folder:
        levels.pop()
    for level in levels:
        if level in ([], ["."], [".."]):
            raise _refusal(text, setting, "has a part that is empty, `.` or `..`")
    return levels, folder


def _check_literal(literal: str, text: str, setting: str) -> None:
    if "{" in literal or "}" in literal:
        raise _refusal(text, setting, "has a brace that belongs to no wildcard")
    if "\\" in literal:
        raise _refusal(text, setting, "has a backslash, expected / between folders")
    if "\0" in literal:
        raise _refusal(text, setting, "has a NUL character")


def _check_wildcard(match: re.Match[str], text: str, setting: str) -> None:
    if match["name"] not in WILDCARDS:
        names = _list_wildcards(WILDCARDS)
        raise _refusal(text, setting, f"has the wildcard {{{match['name']}}}, expected {names}")
    if "/" in (match["constraint"] or ""):
        raise _refusal(
            text, setting, f"lets {{{match['name']}}} span folders; a wildcard is within one name"
        )


def _list_wildcards(names: Sequence[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in names)


def _refusal(text: str, setting: str, why: str) -> SegtrtError:
    return SegtrtError(f"{setting} is {text!r}: it {why}; write it like {_EXAMPLE!r}")
