"""Paths with wildcards, as rules write them: matched, filled in, and reduced to a job's name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

_FIELD = re.compile(r"\{\s*(?P<name>\w+)\s*(?:,(?P<constraint>(?:[^{}]|\{\d+(?:,\d*)?\})*))?\}")


@dataclass(frozen=True)
class Pattern:
    """A path with wildcards in Snakemake's notation: `{name}` or `{name,regular expression}`."""

    text: str
    constraints: tuple[tuple[str, str], ...] = ()
    """Regular expressions of wildcards that carry none in `text`."""

    @cached_property
    def plain(self) -> str:
        """The path with its wildcards as `{name}` alone."""
        return _FIELD.sub(lambda field: f"{{{field['name']}}}", self.text)

    @cached_property
    def wildcards(self) -> tuple[str, ...]:
        """Names of the wildcards, in order, each once."""
        return tuple(dict.fromkeys(field["name"] for field in _FIELD.finditer(self.text)))

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        known, seen, pieces, end = dict(self.constraints), set[str](), [], 0
        for field in _FIELD.finditer(self.text):
            pieces.append(re.escape(self.text[end : field.start()]))
            name, end = field["name"], field.end()
            constraint = field["constraint"] or known.get(name, ".+")
            pieces.append(f"(?P={name})" if name in seen else f"(?P<{name}>{constraint})")
            seen.add(name)
        pieces.append(re.escape(self.text[end:]))
        return re.compile("".join(pieces))

    def match(self, path: str) -> dict[str, str] | None:
        """The wildcards with which the pattern is `path`, or None."""
        found = self._regex.fullmatch(path)
        return found.groupdict() if found else None

    def fill(self, wildcards: Mapping[str, str]) -> str:
        """The path with its wildcards filled in.

        Raises:
            KeyError: a wildcard is missing.
        """
        return _FIELD.sub(lambda field: str(wildcards[field["name"]]), self.text)

    def name(self, wildcards: Mapping[str, str]) -> str:
        """What lies between the first wildcard and the last, filled in: it tells jobs apart."""
        fields = list(_FIELD.finditer(self.text))
        if not fields:
            return ""
        span = Pattern(self.text[fields[0].start() : fields[-1].end()])
        return span.fill(wildcards)
