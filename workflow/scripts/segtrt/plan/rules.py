"""What a rule declares of its jobs: what they make, what they use, what decides their outcome."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from segtrt.config.typed import as_json
from segtrt.plan.contents import code_of, versions_of
from segtrt.plan.patterns import Pattern

Paths = str | Sequence[str] | Callable[[Any], str | Sequence[str]]
"""A path with wildcards, several, or a function of the wildcards that gives them."""


@dataclass(frozen=True)
class Use:
    """Files that a rule uses under one name."""

    paths: Paths
    decides: bool = True

    def fill(self, wildcards: Mapping[str, str]) -> str | list[str]:
        """The files that the job with these wildcards uses."""
        found = evaluated(self.paths, wildcards)
        if isinstance(found, str):
            return Pattern(found).fill(wildcards)
        return [Pattern(str(path)).fill(wildcards) for path in found]


def verified(paths: Paths) -> Use:
    """Files that do not decide the outcome of the job that uses them, and are only verified."""
    return Use(paths, decides=False)


@dataclass
class Rule:
    """The declarations of one rule, made one after another as the workflow is read."""

    name: str
    outputs: list[Pattern]
    temporary: bool
    uses: dict[str, Use] = field(default_factory=dict)
    parts: dict[str, Any] | None = None
    packages: Any = ()
    modules: Any = ()
    stored: Any = False
    accepts_placeholder: bool = True

    def match(self, path: str) -> dict[str, str] | None:
        """The wildcards of the job that makes `path`, or None."""
        found = (pattern.match(path) for pattern in self.outputs)
        return next((wildcards for wildcards in found if wildcards is not None), None)

    def job_name(self, wildcards: Mapping[str, str]) -> str:
        """The wildcards of a job in one word."""
        return self.outputs[0].name(wildcards)

    def files(self, wildcards: Mapping[str, str], *, decide: bool) -> list[str]:
        """The files that a job uses: those that decide its outcome, or those only verified."""
        uses = [use for use in self.uses.values() if use.decides is decide]
        return [path for use in uses for path in listed(use.fill(wildcards))]

    def values(self, wildcards: Mapping[str, str]) -> dict[str, Any]:
        """What decides a job's outcome beside its inputs, as JSON values."""
        if self.parts is None:
            raise ValueError(f"rule {self.name} does not declare what decides it")
        values = {name: evaluated(value, wildcards) for name, value in self.parts.items()}
        packages = sorted(evaluated(self.packages, wildcards))
        modules = sorted(evaluated(self.modules, wildcards))
        values |= {"versions": versions_of(*packages), "code": code_of(self.name, *modules)}
        # In one order, as Snakemake compares the text of params.
        parts: dict[str, Any] = json.loads(json.dumps(as_json(values), sort_keys=True))
        return parts


def evaluated(value: Any, wildcards: Mapping[str, str]) -> Any:
    """`value`, or what it gives for the wildcards if it is a function."""
    return value(SimpleNamespace(**wildcards)) if callable(value) else value


def listed(paths: Any) -> list[Any]:
    """One path or several, as a list."""
    return [paths] if isinstance(paths, str) else list(paths)
