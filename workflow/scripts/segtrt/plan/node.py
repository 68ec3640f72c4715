"""One job of the plan: what it makes, what decides the outcome, and the key that follows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from segtrt.files import sha256_json
from segtrt.plan.records import KEYS


@dataclass(frozen=True, eq=False)
class Node:
    """One job and what it makes."""

    rule: str
    name: str
    """Its wildcards in one word, e.g. `openvino/b4_int8`; empty for a rule without wildcards."""
    identity: Mapping[str, str]
    """The wildcards that tell it from the rule's other jobs."""
    outputs: tuple[str, ...]
    """Paths below the plan's folder."""
    parts: Mapping[str, Any]
    """What decides the outcome beside the upstream nodes; JSON values."""
    upstream: tuple["Node", ...] = ()
    """Nodes whose outputs decide the outcome."""
    verifies: tuple["Node", ...] = ()
    """Nodes whose outputs the job reads as well. They do not affect the key; what of them decides
    the outcome is in `parts` or upstream. They are only checked for damage."""
    decided_by: tuple[str, ...] = ()
    """Names of the inputs that decide the outcome."""
    prefix: str = ""
    """What Snakemake puts before the plan's paths: a folder with its final `/`, or nothing."""
    temporary: bool = False
    """Its outputs are deleted once they were used; that they are missing means nothing."""
    stored: bool = False
    """Its outputs go to the store."""
    accepts_placeholder: bool = True
    """Whether a placeholder, which a job leaves to say why it could not do better, is enough."""
    recorded_key: str = field(default="", repr=False)
    """In a job that reads the workflow again: the key with which it was made."""

    @property
    def label(self) -> str:
        """`rule name`, for messages."""
        return f"{self.rule} {self.name}".strip()

    @property
    def record(self) -> str:
        """Path of the key record."""
        return record_path(self.prefix, self.rule, self.name)

    @cached_property
    def key(self) -> str:
        """64 hexadecimal digits: a hash of what the job is and of all that decides its outcome."""
        return self.recorded_key or sha256_json(
            {
                "rule": self.rule,
                "identity": dict(self.identity),
                "parts": self.parts,
                "upstream": {node.label: node.key for node in self.upstream},
            }
        )

    def as_params(self) -> dict[str, Any]:
        """What the job needs to check its inputs, use the store and write its record."""
        return {
            "rule": self.rule,
            "identity": dict(sorted(self.identity.items())),
            "key": self.key,
            "parts": self.parts,
            "upstream": dict(sorted((node.label, node.key) for node in self.upstream)),
            "records": sorted(node.record for node in self.upstream),
            "verified": sorted(node.record for node in self.verifies),
            "decided_by": list(self.decided_by),
            "record": self.record,
            "stored": self.stored,
        }


def record_path(prefix: str, rule: str, name: str) -> str:
    """Path of the key record of the job `name` of a rule."""
    return f"{prefix}{KEYS}/{rule}/{name or 'all'}.json"
