"""The jobs that follow from what rules declare: nodes, what makes a path, and what needs what."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.plan.node import Node, record_path
from segtrt.plan.records import read_key_record
from segtrt.plan.rules import Rule, evaluated


class Jobs:
    """Nodes by rule and wildcards; each is made when it is first asked for."""

    def __init__(self, anonymous: Iterable[str], prefix: str, in_job: bool) -> None:
        """Begin without any rule; the arguments are those of `Plan`."""
        self._anonymous = frozenset(anonymous)
        self._in_job = in_job
        self.prefix = prefix
        """What Snakemake puts before the plan's paths."""
        self.rules: dict[str, Rule] = {}
        """The declarations, in the order of the workflow."""
        self._nodes: dict[tuple[str, str], Node] = {}
        self._producers: dict[str, tuple[Rule, dict[str, str]]] = {}

    def node(self, rule: str, wildcards: Any = None) -> Node:
        """The job of a rule and its wildcards (a mapping or Snakemake's object).

        Raises:
            SegtrtError: the configuration asks for no such job.
        """
        known, declared = values_of(wildcards), self.rules[rule]
        name = declared.job_name(known)
        if (rule, name) not in self._nodes:
            upstream = self._upstream(declared.files(known, decide=True))
            verifies = self._upstream(declared.files(known, decide=False), decide=False)
            self._nodes[rule, name] = Node(
                rule,
                name,
                {key: value for key, value in known.items() if key not in self._anonymous},
                tuple(pattern.fill(known) for pattern in declared.outputs),
                declared.values(known),
                upstream,
                verifies,
                decided_by=tuple(key for key, use in declared.uses.items() if use.decides),
                prefix=self.prefix,
                temporary=declared.temporary,
                stored=bool(evaluated(declared.stored, known)),
                accepts_placeholder=declared.accepts_placeholder,
            )
        return self._nodes[rule, name]

    @property
    def nodes(self) -> Iterable[Node]:
        """The nodes made so far."""
        return self._nodes.values()

    def maker(self, path: str) -> Node:
        """The job that makes a path.

        Raises:
            SegtrtError: no rule makes it, or the configuration asks for no such job.
        """
        rule, wildcards = self._producer(path)
        return self.node(rule.name, wildcards)

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

        What decides jobs is not looked at, so that one may be decided by its edges.
        """
        pairs, seen = set[tuple[str, str]](), set[tuple[str, str]]()
        waiting = [(self.rules[rule], values_of(wildcards))]
        while waiting:
            declared, known = waiting.pop()
            if (job := (declared.name, declared.job_name(known))) in seen:
                continue
            seen.add(job)
            for path in (*declared.files(known, decide=True), *declared.files(known, decide=False)):
                maker, found = self._producer(path)
                pairs.add((maker.name, declared.name))
                waiting.append((maker, found))
        return sorted(pairs)

    def recorded_parts(self, rule: str) -> Mapping[str, Any]:
        """In a job: what decided the outcome of a rule without wildcards when it was made.

        Empty if that is not known, and outside of a job, where what decides it now counts.
        """
        if not self._in_job:
            return {}
        record = read_key_record(Path(record_path(self.prefix, rule, "")))
        parts: Mapping[str, Any] = (record or {}).get("parts", {})
        return parts

    def _upstream(self, paths: Sequence[str], *, decide: bool = True) -> tuple[Node, ...]:
        found: dict[tuple[str, str], Node] = {}
        for path in paths:
            rule, wildcards = self._producer(path)
            job = rule.name, rule.job_name(wildcards)
            if job not in found:
                found[job] = self._recorded(*job, decide) or self.node(rule.name, wildcards)
        return tuple(found.values())

    def _recorded(self, rule: str, name: str, decide: bool) -> Node | None:
        """In a job: another job as its key record describes it; without its key if that is not
        needed, as nothing but the record is."""
        if not self._in_job:
            return None
        record = read_key_record(Path(record_path(self.prefix, rule, name))) if decide else None
        key = (record or {}).get("key", "")
        if decide and not (isinstance(key, str) and key):
            return None
        return Node(rule, name, {}, (), {}, prefix=self.prefix, recorded_key=key)

    def _producer(self, path: str) -> tuple[Rule, dict[str, str]]:
        if path not in self._producers:
            found = [
                (rule, wildcards)
                for rule in self.rules.values()
                for wildcards in [rule.match(path)]
                if wildcards is not None
            ]
            if len(found) > 1:
                names = ", ".join(rule.name for rule, _ in found)
                raise ValueError(f"{path} is made by several rules: {names}")
            if not found:
                raise SegtrtError(f"no rule of the workflow makes {path}")
            self._producers[path] = found[0]
        return self._producers[path]


def values_of(wildcards: Any) -> dict[str, str]:
    """Wildcards as a mapping; Snakemake's object has `items` as well."""
    return {name: str(value) for name, value in wildcards.items()} if wildcards else {}
