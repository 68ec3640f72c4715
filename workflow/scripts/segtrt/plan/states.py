"""Whether what lies on disk still has the key that the plan gives it, and if not, why."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from segtrt.plan.node import Node
from segtrt.plan.records import differences, read_key_record


class State(StrEnum):
    """State of a job's outputs on disk."""

    CURRENT = "current"
    MISSING = "missing"
    INCOMPLETE = "incomplete"
    """Some outputs are missing, others are there."""
    STALE = "stale"
    """Its key changed."""
    FOLLOWS = "follows"
    """Its own key's parts hold, but something it is made from is made again."""


_CHANGED = (State.INCOMPLETE, State.STALE, State.FOLLOWS)


@dataclass(frozen=True)
class Status:
    """State of a node and, in one line each, why."""

    state: State
    why: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether the outputs must be made."""
        return self.state is not State.CURRENT

    def __str__(self) -> str:
        """`state (why)`; files that are all missing need no list."""
        if self.state is State.MISSING or not self.why:
            return str(self.state)
        return f"{self.state} ({'; '.join(self.why)})"


@dataclass
class States:
    """Compares nodes with what lies on disk; each node is looked at once."""

    _seen: dict[Node, Status] = field(default_factory=dict)
    _records: dict[str, dict[str, Any] | None] = field(default_factory=dict)
    _changed_above: dict[Node, bool] = field(default_factory=dict)

    def of(self, node: Node) -> Status:
        """State of `node`."""
        if node not in self._seen:
            self._seen[node] = self._look(node)
        return self._seen[node]

    def settled(self, node: Node) -> bool:
        """Whether `node` need not run for its own sake or for what it is made from."""
        return not self.of(node).runs or self._used_up(node)

    def changed(self, node: Node) -> bool:
        """Whether `node` must run, and Snakemake does not see it from missing files alone.

        That is so for outputs that exist but are out of date, for a job of whose outputs the next
        job needs just those that are there, and for missing ones below such outputs: Snakemake does
        not look for missing files behind a job that it already runs.
        """
        if self.of(node).state in _CHANGED:
            return True
        return not self.settled(node) and self._is_below_change(node)

    def _is_below_change(self, node: Node) -> bool:
        if node not in self._changed_above:
            self._changed_above[node] = any(
                self.changed(up) or self._is_below_change(up)
                for up in (*node.upstream, *node.verifies)
            )
        return self._changed_above[node]

    def out_of_date(self) -> dict[Node, Status]:
        """The nodes looked at so far whose outputs exist but must be made again."""
        return {node: status for node, status in self._seen.items() if status.state in _CHANGED}

    def _look(self, node: Node) -> Status:
        causes = [up for up in node.upstream if self.of(up).runs and not self._used_up(up)]
        missing = [path for path in node.outputs if not Path(node.prefix + path).exists()]
        record = self._record(node)
        if node.temporary and missing:
            return Status(State.MISSING, tuple(self._made_again(node, record)))
        if missing:
            state = State.MISSING if len(missing) == len(node.outputs) else State.INCOMPLETE
            return Status(state, tuple(f"{path} is missing" for path in missing))
        stale = self._outdated(node, record)
        if stale:
            return Status(State.STALE, tuple(stale))
        if causes:
            return Status(State.FOLLOWS, tuple(f"{up.label} is made again" for up in causes))
        return Status(State.CURRENT)

    def _outdated(self, node: Node, record: Mapping[str, Any] | None) -> list[str]:
        """Why outputs that are there are not what they should be."""
        if record is None:
            return ["it has no key record"]
        if record.get("key") == node.key:
            if record.get("placeholder") and not node.accepts_placeholder:
                return [f"it was skipped, which is no longer allowed: {record['placeholder']}"]
            return self._made_again(node, record)
        why = list(differences(record, node.as_params()))
        return [line for line in why if not line.startswith("made from ")] or why

    def _record(self, node: Node) -> dict[str, Any] | None:
        if node.record not in self._records:
            self._records[node.record] = read_key_record(Path(node.record))
        return self._records[node.record]

    def _made_again(self, node: Node, record: Mapping[str, Any] | None) -> list[str]:
        """The upstream nodes whose outputs have other content than those it was made from."""
        used = (record or {}).get("inputs", {})
        lines = []
        for up in node.upstream:
            made = (self._record(up) or {}).get("outputs", {})
            if any(used.get(path, sha256) != sha256 for path, sha256 in made.items()):
                lines.append(f"{up.label} was made again since")
        return lines

    def _used_up(self, node: Node) -> bool:
        """Whether temporary outputs were merely used up: then what they are made from decides."""
        return (
            node.temporary
            and self.of(node) == Status(State.MISSING)
            and not any(self.of(up).runs and not self._used_up(up) for up in node.upstream)
        )


def summarise_changes(changes: Mapping[Node, Status], at_most: int = 12, width: int = 160) -> str:
    """The reasons for a terminal: causes first, each cut to `width`; then how much follows.

    Args:
        changes: nodes and their states (`States.out_of_date`).
        at_most: lines of causes.
        width: characters of a line.
    """
    causes = [
        f"{node.label}: {status}"
        for node, status in changes.items()
        if status.state is not State.FOLLOWS
    ]
    lines = [line if len(line) <= width else f"{line[: width - 3]}..." for line in causes[:at_most]]
    if len(causes) > at_most:
        lines.append(f"and {len(causes) - at_most} more that are out of date")
    if len(changes) > len(causes):
        lines.append(f"and {len(changes) - len(causes)} that follow from these")
    return "\n".join(lines)


def table(rows: list[tuple[str, str]]) -> str:
    """Two columns: names, and what there is to say of each."""
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in rows)
