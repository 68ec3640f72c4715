"""What decides an artefact beside its settings and sources: packages, code, templates, machine."""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from segtrt.files import sha256_file
from segtrt.plan.fingerprint import PACKAGE, code_fingerprint
from segtrt.plan.nodes import Node
from segtrt.plan.sources import is_url

SCRIPTS = PACKAGE.parent
TEMPLATES = PACKAGE.parents[1] / "report"

PACKAGES = {
    "list_slices": ("pillow",),
    "encode_slices": ("numpy", "pillow", "scipy", "scikit-image"),
    "time_preparation": ("numpy", "pillow", "scipy", "scikit-image"),
    "train": ("torch", "matplotlib"),
    "fetch_weights": ("torch",),
    "export_onnx": ("torch", "onnx", "onnxscript", "onnxslim"),
    "convert_onnx": ("numpy", "onnx", "onnxruntime", "nvidia-modelopt"),
    "write_samples": ("torch",),
    "run_reference": ("torch",),
    "time_reference": ("torch",),
    "score_engine": ("numpy", "scipy", "scikit-image"),
    "summarise": ("numpy", "pillow", "scipy", "scikit-image"),
    "write_report": ("jinja2", "plotly"),
    "onnxruntime": ("onnx",),
    "tensorrt_rtx": ("onnx",),
}
"""Installed packages whose version decides what a rule makes, or what a runtime builds (beside its
own package, which is in its target)."""


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def versions_of(*users: str) -> dict[str, str | None]:
    """Versions of what the rules and runtimes named use, by package; None if not installed."""
    return {name: _version(name) for user in users for name in PACKAGES.get(user, ())}


@cache
def code_of(rule: str, *modules: str) -> str:
    """Fingerprint of a rule's script, what it imports, and modules found by a computed name."""
    return code_fingerprint([SCRIPTS / f"{rule}.py", *modules])


@cache
def digest_templates() -> dict[str, str]:
    """SHA-256 of what the page is drawn with, by file name."""
    return {
        path.name: sha256_file(path)
        for path in sorted(TEMPLATES.iterdir())
        if path.suffix in (".j2", ".css", ".js")
    }


def deciding_config(config: Mapping[str, Any]) -> dict[str, Any]:
    """A resolved configuration as far as it decides what a report says.

    Paths are reduced to the last name, and lists whose order means nothing are sorted.
    """

    def name(path: str | None) -> str | None:
        return path if path is None or is_url(path) else Path(path).name

    dataset, engines = config["dataset"], config["engines"]
    unordered = ("runtimes", "batch_sizes", "precisions", "compute_capabilities")
    return {
        **config,
        "dataset": {
            **dataset,
            "path": name(dataset["path"]),
            "subjects": sorted(dataset["subjects"]) if dataset["subjects"] else None,
        },
        "model": {**config["model"], "weights": name(config["model"]["weights"])},
        "engines": {**engines, **{key: sorted(engines[key]) for key in unordered}},
        "machines": {
            key: sorted(one["runtimes"]) if one["runtimes"] else None
            for key, one in config["machines"].items()
        },
        "report": {**config["report"], "compare_with": name(config["report"]["compare_with"])},
    }


class NodeTable:
    """Nodes by rule and name; each is given its versions and code as it is added."""

    def __init__(self) -> None:
        self.nodes: dict[tuple[str, str], Node] = {}

    def node(self, rule: str, name: str = "") -> Node:
        """The node of a rule and its wildcards in one word."""
        return self.nodes[rule, name]

    def edges(self) -> list[tuple[str, str]]:
        """Pairs of rules, the first making what the second uses; sorted."""
        return sorted(
            {
                (up.rule, node.rule)
                for node in self.nodes.values()
                for up in (*node.upstream, *node.reads)
            }
        )

    def _add(
        self,
        rule: str,
        name: str,
        outputs: Iterable[str],
        parts: Mapping[str, Any],
        upstream: Iterable[Node] = (),
        *,
        reads: Iterable[Node] = (),
        temporary: bool = False,
        kept: bool = False,
        stand_ins: bool = True,
        modules: Iterable[str] = (),
        runtime: str = "",
    ) -> Node:
        coded = {
            **parts,
            "versions": versions_of(rule, runtime),
            "code": code_of(rule, *sorted(modules)),
        }
        node = Node(
            rule,
            name,
            tuple(outputs),
            coded,
            tuple(upstream),
            tuple(reads),
            temporary=temporary,
            kept=kept,
            stand_ins=stand_ins,
        )
        self.nodes[rule, name] = node
        return node
