"""The plan: jobs as the rules declare them, with keys, edges and states that follow.

Each rule declares once what it makes (`makes`), what it uses (`uses`) and what decides its outcome
beside that (`decided_by`). Everything else follows, for the targets that are asked for: which job
makes a path is found by matching the rules' outputs, what is upstream by the paths that a rule
uses. docs/caching.md describes what the keys are for.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache, wraps
from pathlib import Path
from typing import Any, TypeVar

from segtrt.errors import SegtrtError, os_errors_in_one_line
from segtrt.plan.jobs import Jobs, values_of
from segtrt.plan.patterns import Pattern
from segtrt.plan.rules import Paths, Rule, Use, listed, verified
from segtrt.plan.states import States

__all__ = ["Plan", "one_line_errors", "verified"]

Result = TypeVar("Result")


class Plan(Jobs):
    """The jobs of one reading of the workflow, as declared by its rules."""

    def __init__(
        self,
        wildcards: Mapping[str, str],
        *,
        anonymous: Iterable[str] = (),
        prefix: str = "",
        in_job: bool = False,
        ancient: Callable[[str], str] = str,
        is_forced: Callable[[], bool] = lambda: False,
        trigger: Callable[[], str] = str,
        at_first: Callable[[], object] = bool,
    ) -> None:
        """Begin without any rule.

        Args:
            wildcards: regular expression of each wildcard.
            anonymous: wildcards that are no part of what a job is: jobs that differ in nothing else
                and have the same key make the same thing.
            prefix: what Snakemake puts before every path, where the workflow is part of another.
            in_job: the workflow is read within a job, which then looks at what its own node needs
                alone: keys of what it is made from are those with which that was made.
            ancient: Snakemake's mark for an input whose time does not count.
            is_forced: whether jobs are made to run that need not.
            trigger: path of the file that out-of-date jobs have as one more input; asked for when
                one does.
            at_first: called once, when Snakemake first asks for the inputs of a job: what it was
                asked to do is known by then.
        """
        super().__init__(anonymous, prefix, in_job)
        self._constraints = tuple(wildcards.items())
        self._ancient = ancient
        self._is_forced = is_forced
        self._trigger = trigger
        self._at_first = cache(at_first)
        self.states = States()

    def makes(self, rule: str, **outputs: Any) -> dict[str, Any]:
        """Declare what `rule` makes; returns `outputs` for its `output`.

        Args:
            rule: name of the rule and of its script.
            outputs: by name, paths with wildcards, with Snakemake's flags (`temp`, `directory`).
        """
        declared = self._declared(rule)
        if declared.outputs:
            raise ValueError(f"rule {rule} is declared twice")
        paths = [path for entry in outputs.values() for path in listed(entry)]
        declared.outputs = [Pattern(str(path), self._constraints) for path in paths]
        declared.temporary = any("temp" in getattr(path, "flags", {}) for path in paths)
        return outputs

    def uses(self, rule: str, **files: Paths | Use) -> dict[str, Callable[..., Any]]:
        """Declare what `rule` uses; returns the functions for its `input`, by the same names.

        Files decide the outcome unless they are marked `verified`. All are made by rules of this
        plan. While a job need not run, its inputs are `ancient`, so that times mean nothing, and
        files that are gone are left out.

        Args:
            rule: name of the rule.
            files: by name, the paths.
        """
        declared = self._declared(rule)
        declared.uses = {
            name: entry if isinstance(entry, Use) else Use(entry) for name, entry in files.items()
        }

        def function(use: Use) -> Callable[[Any], Any]:
            @one_line_errors
            def inputs(wildcards: Any) -> Any:
                return self._inputs(rule, use, wildcards)

            return inputs

        @one_line_errors
        def changes(wildcards: Any) -> list[str]:
            self._at_first()
            if self._in_job or not self.states.changed(self.node(rule, wildcards)):
                return []
            return [self._trigger()]

        return {**{name: function(use) for name, use in declared.uses.items()}, "changes": changes}

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

        Each but `accepts_placeholder` may be a function of the wildcards instead.
        """
        declared = self._declared(rule)
        declared.parts, declared.packages, declared.modules = parts, packages, modules
        declared.stored, declared.accepts_placeholder = stored, accepts_placeholder

        @one_line_errors
        def plan(wildcards: Any) -> dict[str, Any]:
            return self.node(rule, wildcards).as_params()

        return plan

    def is_up_to_date(self, rule: str) -> bool:
        """Whether this run had to do with the job of a rule without wildcards, and it is current.

        The state at the start of the run no longer holds, so it is looked at anew.
        """
        node = self._nodes.get((rule, ""))
        return node is not None and not States().of(node).runs

    def unused(self) -> list[str]:
        """Temporary outputs, of all jobs that this run has to do with, that no job needs."""
        used = {
            up
            for node in self.nodes
            if not self.states.settled(node)
            for up in (*node.upstream, *node.verifies)
        }
        return [
            node.prefix + path
            for node in self.nodes
            if node.temporary and node not in used
            for path in node.outputs
        ]

    @property
    def temporary_rules(self) -> list[str]:
        """Rules whose outputs are deleted once they were used."""
        return [name for name, rule in self.rules.items() if rule.temporary]

    def _declared(self, rule: str) -> Rule:
        return self.rules.setdefault(rule, Rule(rule, [], temporary=False))

    def _inputs(self, rule: str, use: Use, wildcards: Any) -> Any:
        found = use.fill(values_of(wildcards))
        paths: list[str] = listed(found)
        if not self._in_job and self.states.settled(node := self.node(rule, wildcards)):
            makers = (*node.upstream, *node.verifies)
            temporary = {path for up in makers if up.temporary for path in up.outputs}
            paths = [
                self._ancient(path)
                for path in paths
                if self._is_forced() or path in temporary or Path(self.prefix + path).exists()
            ]
        return paths[0] if isinstance(found, str) and paths else paths


def one_line_errors(function: Callable[..., Result]) -> Callable[..., Result]:
    """Let a function that Snakemake calls end the user's mistakes with one line.

    Snakemake wraps what such a function raises in a traceback, except for the end of the process.
    """

    @wraps(function)
    def called(wildcards: Any, **more: Any) -> Result:
        try:
            with os_errors_in_one_line():
                return function(wildcards, **more)
        except SegtrtError as error:
            print(f"segtrt: {error}", file=sys.stderr)
            raise SystemExit(1) from None

    return called
