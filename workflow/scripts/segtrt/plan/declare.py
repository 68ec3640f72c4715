"""The plan: jobs as the rules declare them, with keys, edges and states that follow.

Each rule declares once what it makes (`makes`), what it uses (`uses`) and what decides its outcome
beside that (`decided_by`). Everything else follows, for the targets that are asked for: which job
makes a path is found by matching the rules' outputs, what is upstream by the paths that a rule
uses. docs/caching.md describes what the keys are for.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from segtrt.errors import SegtrtError
from segtrt.plan.contents import code_of, versions_of
from segtrt.plan.node import Node, as_json, record_path
from segtrt.plan.patterns import Pattern
from segtrt.plan.records import read_key_record
from segtrt.plan.states import States

Paths = str | Sequence[str] | Callable[[Any], str | Sequence[str]]
Result = TypeVar("Result")


@dataclass(frozen=True)
class Use:
    """Files that a rule uses under one name."""

    paths: Paths
    decides: bool = True


def verified(paths: Paths) -> Use:
    """Files that do not decide the outcome of the job that uses them, and are only verified."""
    return Use(paths, decides=False)


@dataclass
class _Rule:
    """What a rule declared."""

    outputs: list[Pattern]
    temporary: bool
    uses: dict[str, Use] = field(default_factory=dict)
    parts: dict[str, Any] | None = None
    packages: Any = ()
    modules: Any = ()
    stored: Any = False
    accepts_placeholder: bool = True


class Plan:
    """The jobs of one reading of the workflow."""

    def __init__(
        self,
        wildcards: Mapping[str, str],
        *,
        anonymous: Iterable[str] = (),
        prefix: str = "",
        in_job: bool = False,
        ancient: Callable[[str], str] = str,
        is_forced: Callable[[], bool] = lambda: False,
        trigger: str = "",
    ) -> None:
        """Begin without any rule.

        Args:
            wildcards: regular expression of each wildcard.
            anonymous: wildcards that are no part of what a job is: jobs that differ in nothing else
                and have the same key make the same thing.
            prefix: put before every path by Snakemake, where the workflow is part of another one.
            in_job: the workflow is read within a job, which then looks at what its own node needs
                alone: keys of what it is made from are those with which that was made.
            ancient: Snakemake's mark for an input whose time does not count.
            is_forced: whether jobs are made to run that need not.
            trigger: path of the file that out-of-date jobs have as one more input.
        """
        self._constraints = tuple(wildcards.items())
        self._anonymous = frozenset(anonymous)
        self._prefix = prefix
        self._in_job = in_job
        self._ancient = ancient
        self._is_forced = is_forced
        self._trigger = trigger
        self._rules: dict[str, _Rule] = {}
        self._nodes: dict[tuple[str, str], Node] = {}
        self._producers: dict[str, tuple[str, dict[str, str]] | None] = {}
        self.states = States()

    # What rules declare.

    def makes(self, rule: str, **outputs: Any) -> dict[str, Any]:
        """Declare what `rule` makes; returns `outputs` for its `output`.

        Args:
            rule: name of the rule and of its script.
            outputs: by name, paths with wildcards, with Snakemake's flags (`temp`, `directory`).
        """
        if rule in self._rules:
            raise ValueError(f"rule {rule} is declared twice")
        paths = [path for entry in outputs.values() for path in _listed(entry)]
        self._rules[rule] = _Rule(
            [Pattern(str(path), self._constraints) for path in paths],
            any("temp" in getattr(path, "flags", {}) for path in paths),
        )
        return outputs

    def uses(self, rule: str, **files: Paths | Use) -> dict[str, Callable[..., Any]]:
        """Declare what `rule` uses; returns the functions for its `input`, by the same names.

        Files decide the outcome unless they are marked `verified`. All are made by rules of this
        plan. While a job need not run, its inputs are `ancient`, so that times mean nothing, and
        files that are gone are left out.

        Args:
            rule: name of the rule.
            files: by name, paths with wildcards, or a function of the wildcards that gives them.
        """
        self._rules[rule].uses = {
            name: entry if isinstance(entry, Use) else Use(entry) for name, entry in files.items()
        }

        def function(name: str) -> Callable[[Any], Any]:
            @one_line_errors
            def inputs(wildcards: Any) -> Any:
                return self._inputs(rule, name, wildcards)

            return inputs

        @one_line_errors
        def changes(wildcards: Any) -> list[str]:
            if self._in_job or not self.states.changed(self.node(rule, wildcards)):
                return []
            return [self._trigger]

        return {**{name: function(name) for name in files}, "changes": changes}

    def decided_by(
        self,
        rule: str,
        *,
        packages: Any = (),
        modules: Any = (),
        stored: Any = False,
        accepts_placeholder: bool = True,
        **parts: Any,
    ) -> Callable[..., dict[str, Any]]:
        """Declare what decides the outcome of `rule` beside its inputs; returns its `plan` param.

        The rule's script and all of the library that it imports always count, and so does what the
        job is: its rule and wildcards.

        Args:
            rule: name of the rule.
            packages: installed packages whose versions decide the outcome.
            modules: modules of the library that its script imports by a computed name.
            stored: whether the outputs go to the store.
            accepts_placeholder: whether a placeholder is enough (`Node.accepts_placeholder`).
            parts: settings, facts about machines and contents of source files, as values.

        Each may be a function of the wildcards instead.
        """
        declared = self._rules[rule]
        declared.parts, declared.packages, declared.modules = parts, packages, modules
        declared.stored, declared.accepts_placeholder = stored, accepts_placeholder

        @one_line_errors
        def plan(wildcards: Any) -> dict[str, Any]:
            return self.node(rule, wildcards).as_params()

        return plan

    # What follows.

    def node(self, rule: str, wildcards: Any = None) -> Node:
        """The job of a rule and its wildcards (a mapping or Snakemake's object).

        Raises:
            SegtrtError: the configuration asks for no such job.
        """
        known = _values(wildcards)
        declared, name = self._rules[rule], self.name(rule, known)
        if (rule, name) not in self._nodes:
            deciding, verifying = self._made_from(rule, known)
            upstream = self._upstream(deciding)
            self._nodes[rule, name] = Node(
                rule,
                name,
                {key: value for key, value in known.items() if key not in self._anonymous},
                tuple(pattern.fill(known) for pattern in declared.outputs),
                self._parts(rule, known),
                upstream,
                () if self._in_job else self._upstream(verifying),
                decided_by=tuple(name for name, use in declared.uses.items() if use.decides),
                prefix=self._prefix,
                temporary=declared.temporary,
                stored=bool(_evaluated(declared.stored, known)),
                accepts_placeholder=declared.accepts_placeholder,
            )
        return self._nodes[rule, name]

    def name(self, rule: str, wildcards: Any = None) -> str:
        """The wildcards of a job in one word."""
        return self._rules[rule].outputs[0].name(_values(wildcards))

    def maker(self, path: str) -> Node:
        """The job that makes a path.

        Raises:
            SegtrtError: no rule makes it, or the configuration asks for no such job.
        """
        rule, wildcards = self._producer(path)
        return self.node(rule, wildcards)

    def is_up_to_date(self, rule: str) -> bool:
        """Whether this run had to do with the job of a rule without wildcards, and it is current.

        The state at the start of the run no longer holds, so it is looked at anew.
        """
        node = self._nodes.get((rule, ""))
        return node is not None and not States().of(node).runs

    @property
    def prefix(self) -> str:
        """Folder that the paths of the plan are below, as text to put before them."""
        return self._prefix

    def closure(self, nodes: Iterable[Node]) -> Iterator[Node]:
        """The nodes and all that they need, each once, what is needed first."""
        seen: set[Node] = set()

        def visit(node: Node) -> Iterator[Node]:
            if node not in seen:
                seen.add(node)
                for up in (*node.upstream, *node.verifies):
                    yield from visit(up)
                yield node

        for node in nodes:
            yield from visit(node)

    def edges(self, rule: str, wildcards: Any = None) -> list[tuple[str, str]]:
        """Pairs of rules, the first making what the second uses, of all that a job needs; sorted.

        What decides the job itself is not looked at, so that it may be decided by its edges.
        """
        deciding, verifying = self._made_from(rule, _values(wildcards))
        makers = [self.maker(path) for path in (*deciding, *verifying)]
        pairs = {(node.rule, rule) for node in makers}
        for node in self.closure(makers):
            pairs |= {(up.rule, node.rule) for up in (*node.upstream, *node.verifies)}
        return sorted(pairs)

    @property
    def rules(self) -> Mapping[str, _Rule]:
        """The declarations, in the order of the workflow."""
        return self._rules

    def _inputs(self, rule: str, name: str, wildcards: Any) -> Any:
        found = _evaluated_paths(self._rules[rule].uses[name].paths, _values(wildcards))
        paths: list[str] = _listed(found)
        if not self._in_job and self.states.settled(node := self.node(rule, wildcards)):
            temporary = {
                path
                for up in (*node.upstream, *node.verifies)
                if up.temporary
                for path in up.outputs
            }
            paths = [
                self._ancient(path)
                for path in paths
                if self._is_forced() or path in temporary or Path(self._prefix + path).exists()
            ]
        return paths[0] if isinstance(found, str) and paths else paths

    def _made_from(self, rule: str, known: Mapping[str, str]) -> tuple[list[str], list[str]]:
        """Paths that decide the outcome of a job, and those that are only verified."""
        paths: dict[bool, list[str]] = {True: [], False: []}
        for use in self._rules[rule].uses.values():
            paths[use.decides] += _listed(_evaluated_paths(use.paths, known))
        return paths[True], paths[False]

    def _upstream(self, paths: Sequence[str]) -> tuple[Node, ...]:
        found: dict[str, Node] = {}
        for path in paths:
            rule, wildcards = self._producer(path)
            label = f"{rule} {self.name(rule, wildcards)}"
            if label not in found:
                found[label] = self._upstream_node(rule, wildcards)
        return tuple(found.values())

    def _upstream_node(self, rule: str, wildcards: Mapping[str, str]) -> Node:
        if self._in_job:
            name = self.name(rule, wildcards)
            record = read_key_record(Path(record_path(self._prefix, rule, name)))
            if record and isinstance(record.get("key"), str):
                return Node(rule, name, {}, (), {}, prefix=self._prefix, recorded_key=record["key"])
        return self.node(rule, wildcards)

    def _parts(self, rule: str, known: Mapping[str, str]) -> dict[str, Any]:
        declared = self._rules[rule]
        if declared.parts is None:
            raise ValueError(f"rule {rule} does not declare what decides it")
        values = {name: _evaluated(value, known) for name, value in declared.parts.items()}
        packages = sorted(_evaluated(declared.packages, known))
        modules = sorted(_evaluated(declared.modules, known))
        parts: dict[str, Any] = as_json(
            {**values, "versions": versions_of(*packages), "code": code_of(rule, *modules)}
        )
        return parts

    def _producer(self, path: str) -> tuple[str, dict[str, str]]:
        if path not in self._producers:
            found = [
                (rule, wildcards)
                for rule, declared in self._rules.items()
                for wildcards in [next(_matches(declared.outputs, path), None)]
                if wildcards is not None
            ]
            if len(found) > 1:
                raise ValueError(
                    f"{path} is made by several rules: {', '.join(r for r, _ in found)}"
                )
            self._producers[path] = found[0] if found else None
        producer = self._producers[path]
        if producer is None:
            raise SegtrtError(f"no rule of the workflow makes {path}")
        return producer


def _matches(patterns: Iterable[Pattern], path: str) -> Iterator[dict[str, str]]:
    for pattern in patterns:
        wildcards = pattern.match(path)
        if wildcards is not None:
            yield wildcards


def _values(wildcards: Any) -> dict[str, str]:
    """Wildcards as a mapping; Snakemake's object has `items` as well."""
    return {name: str(value) for name, value in wildcards.items()} if wildcards else {}


def _evaluated(value: Any, known: Mapping[str, str]) -> Any:
    return value(SimpleNamespace(**known)) if callable(value) else value


def _evaluated_paths(paths: Paths, known: Mapping[str, str]) -> str | list[str]:
    found = _evaluated(paths, known)
    if isinstance(found, str):
        return Pattern(found).fill(known)
    return [Pattern(str(path)).fill(known) for path in found]


def _listed(paths: Any) -> list[Any]:
    return [paths] if isinstance(paths, str) else list(paths)


def one_line_errors(function: Callable[..., Result]) -> Callable[..., Result]:
    """Let a function that Snakemake calls end the user's mistakes with one line.

    Snakemake wraps what such a function raises in a traceback, except for the end of the process.
    """

    @wraps(function)
    def called(wildcards: Any, **more: Any) -> Result:
        try:
            return function(wildcards, **more)
        except SegtrtError as error:
            print(f"segtrt: {error}", file=sys.stderr)
            raise SystemExit(1) from None

    return called
