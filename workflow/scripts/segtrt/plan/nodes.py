"""The plan: every artefact with its key, and whether the one on disk still has it.

An artefact's key covers all that decides it: its own settings, the code that makes it, the machine
where that matters, and the keys of what it is made from. The job that makes it leaves a key record
under results/keys. Comparing keys with records says exactly what must be made again and why,
without looking at modification times or at Snakemake's own memory. What an artefact was made from
is compared by content as well, for not every job gives the same bytes twice.
"""

import json
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

from segtrt.files import sha256_json, write_bytes

KEYS = "results/keys"
FORMAT = "segtrt-key-1"


class State(StrEnum):
    """State of an artefact on disk."""

    CURRENT = "current"
    MISSING = "missing"
    STALE = "stale"
    """Its key changed."""
    FOLLOWS = "follows"
    """Its own key's parts hold, but something it is made from is made again."""


@dataclass(frozen=True, eq=False)
class Node:
    """One job and what it makes."""

    rule: str
    name: str
    """Wildcards in one word, e.g. `openvino/b4_int8`; empty for a rule without wildcards."""
    outputs: tuple[str, ...]
    parts: Mapping[str, Any]
    """What decides the outcome beside the upstream nodes; JSON values."""
    upstream: tuple["Node", ...] = ()
    reads: tuple["Node", ...] = ()
    """Nodes whose files the job uses beside `upstream`. What of them decides the outcome stands in
    `parts` or in the keys upstream; the files are only checked for damage."""
    temporary: bool = False
    """Its outputs are deleted once they were used; their absence means nothing."""
    kept: bool = False
    """Its outputs go to the store."""
    stand_ins: bool = True
    """Whether what a job left to say that it could not do better will do."""

    @property
    def label(self) -> str:
        """`rule name`, for messages."""
        return f"{self.rule} {self.name}".strip()

    @property
    def record(self) -> str:
        """Path of the key record."""
        return f"{KEYS}/{self.rule}/{self.name or 'all'}.json"

    @cached_property
    def key(self) -> str:
        """64 hexadecimal digits."""
        return sha256_json(
            {
                "rule": self.rule,
                "parts": self.parts,
                "upstream": {node.label: node.key for node in self.upstream},
            }
        )

    def as_params(self) -> dict[str, Any]:
        """What the job needs to check its inputs, use the store and write its record."""
        return {
            "rule": self.rule,
            "key": self.key,
            "parts": json.loads(json.dumps(self.parts, sort_keys=True)),
            "upstream": {node.label: node.key for node in sorted(self.upstream, key=_label)},
            "records": sorted(node.record for node in self.upstream),
            "checked": sorted(node.record for node in self.reads),
            "record": self.record,
            "kept": self.kept,
        }


def _label(node: Node) -> str:
    return node.label


@dataclass(frozen=True)
class Verdict:
    """State of a node and, in one line each, why."""

    state: State
    why: tuple[str, ...] = ()

    @property
    def runs(self) -> bool:
        """Whether the artefact must be made."""
        return self.state is not State.CURRENT


@dataclass
class States:
    """Compares nodes with what lies on disk; each node is looked at once."""

    base: Path
    _seen: dict[int, Verdict] = field(default_factory=dict)
    _records: dict[str, dict[str, Any] | None] = field(default_factory=dict)

    def of(self, node: Node) -> Verdict:
        """State of `node`."""
        if id(node) not in self._seen:
            self._seen[id(node)] = self._look(node)
        return self._seen[id(node)]

    def settled(self, node: Node) -> bool:
        """Whether `node` need not run for its own sake or for what it is made from."""
        return not self.of(node).runs or self._absent_but_fine(node)

    def _look(self, node: Node) -> Verdict:
        causes = [up for up in node.upstream if self.of(up).runs and not self._absent_but_fine(up)]
        missing = [path for path in node.outputs if not (self.base / path).exists()]
        record = self._record(node)
        if node.temporary and missing:
            return Verdict(State.MISSING, tuple(self._made_again(node, record)))
        if missing:
            return Verdict(State.MISSING, tuple(f"{path} is missing" for path in missing))
        stale = self._outdated(node, record)
        if stale:
            return Verdict(State.STALE, tuple(stale))
        if causes:
            return Verdict(State.FOLLOWS, tuple(f"{up.label} is made again" for up in causes))
        return Verdict(State.CURRENT)

    def _outdated(self, node: Node, record: Mapping[str, Any] | None) -> list[str]:
        """Why an artefact that is there is not what it should be."""
        if record is None:
            return ["it has no key record"]
        if record.get("key") == node.key:
            if record.get("stand_in") and not node.stand_ins:
                return [f"it was skipped, which is no longer allowed: {record['stand_in']}"]
            return self._made_again(node, record)
        why = list(differences(record, node.as_params()))
        return [line for line in why if not line.startswith("made from ")] or why

    def _record(self, node: Node) -> dict[str, Any] | None:
        if node.record not in self._records:
            self._records[node.record] = read_key_record(self.base / node.record)
        return self._records[node.record]

    def _made_again(self, node: Node, record: Mapping[str, Any] | None) -> list[str]:
        """What of that which an artefact was made from is there with other content since."""
        used = (record or {}).get("inputs", {})
        lines = []
        for up in node.upstream:
            made = (self._record(up) or {}).get("outputs", {})
            if any(used.get(path, sha256) != sha256 for path, sha256 in made.items()):
                lines.append(f"{up.label} was made again since")
        return lines

    def _absent_but_fine(self, node: Node) -> bool:
        """Whether a temporary artefact was merely used up: then what it is made from decides."""
        return (
            node.temporary
            and self.of(node) == Verdict(State.MISSING)
            and not any(self.of(up).runs and not self._absent_but_fine(up) for up in node.upstream)
        )


def note_changes(causes: Path, told: Path, nodes: list[Node], states: States) -> list[str]:
    """Write what is out of date, and why, to a file that makes Snakemake run a job.

    That job copies `causes` to `told`, and every job that is out of date has `told` as an input. An
    input that is merely newer would not do: Snakemake does not look at the times of jobs that lie
    behind another job to be run, even where nothing but `ancient` inputs connect the two.

    Args:
        causes: the file to write; only if something is out of date.
        told: its copy, made older than `causes`.
        nodes: all nodes.
        states: their states.

    Returns:
        The lines written, without the head.
    """
    old = [node for node in nodes if states.of(node).state in (State.STALE, State.FOLLOWS)]
    lines = explain(old, states)
    if lines:
        # The time stands in the text as well: Snakemake passes over a newer file of old content.
        write_bytes(causes, "\n".join([f"out of date at {time.time_ns()}:", *lines, ""]).encode())
        told.touch()
        os.utime(told, (1, 1))
    return lines


def read_key_record(path: Path) -> dict[str, Any] | None:
    """The key record at `path`, or None if it is missing or of no use."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(record, dict) or record.get("format") != FORMAT:
        return None
    return record


def differences(record: Mapping[str, Any], params: Mapping[str, Any]) -> tuple[str, ...]:
    """Which parts of a key changed, from what to what, one line each.

    Args:
        record: a key record.
        params: `Node.as_params()` of the same job now.
    """
    before, after = _flat(record.get("parts", {})), _flat(params["parts"])
    lines = [
        f"{name}: {_short(before.get(name))} -> {_short(after.get(name))}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    old, new = record.get("upstream", {}), params["upstream"]
    return (
        *lines,
        *(
            f"made from {name}, which changed"
            for name in sorted(old.keys() | new.keys())
            if old.get(name) != new.get(name)
        ),
    )


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping):
        return {prefix: value}
    flat: dict[str, Any] = {}
    for key, entry in value.items():
        flat |= _flat(entry, f"{prefix}.{key}" if prefix else str(key))
    return flat


def _short(value: Any) -> str:
    if value is None:
        return "none"
    text = str(value)
    return text[:12] if len(text) == 64 and not set(text) - set("0123456789abcdef") else text


def shortened(lines: list[str], at_most: int = 12, width: int = 160) -> list[str]:
    """The first lines of `explain`, causes before what follows from them, cut for a terminal."""
    causes = [line for line in lines if f": {State.FOLLOWS}" not in line]
    rest = len(lines) - len(causes)
    shown = [line if len(line) <= width else f"{line[: width - 3]}..." for line in causes]
    told = shown[:at_most]
    if len(shown) > at_most:
        told.append(f"and {len(shown) - at_most} more that are out of date")
    if rest:
        told.append(f"and {rest} that follow from these")
    return told


def explain(nodes: list[Node], states: States) -> list[str]:
    """One line a node: `label: state (why)`."""
    return [f"{node.label}: {told(states.of(node))}" for node in nodes]


def told(verdict: Verdict) -> str:
    """`state (why)`; files that are all missing need no list."""
    if verdict.state is State.MISSING:
        return verdict.state
    return verdict.state + (f" ({'; '.join(verdict.why)})" if verdict.why else "")


def state_table(rows: list[tuple[str, str]]) -> str:
    """Names and what is said of them in two columns."""
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(f"  {name:<{width}}  {text}" for name, text in rows)
