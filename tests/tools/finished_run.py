"""What a finished run leaves behind, without the run: small files in place of artefacts."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from real_plan import real_workflow
from segtrt.plan.job import make
from segtrt.plan.node import Node


def finish_run(folder: Path, config: Mapping[str, Any]) -> list[Node]:
    """Leave in `folder` what a run with these settings would, hashes that it remembers included.

    Returns:
        The jobs that the report needs, what is needed first.
    """
    here, cache = Path.cwd(), os.environ.get("SEGTRT_CACHE")
    os.environ["SEGTRT_CACHE"] = "off"
    try:
        with real_workflow(folder, config) as names:
            plan = names["PLAN"]
            nodes = list(plan.closure([plan.node("write_report")]))
            names["hashes"]().save()
        os.chdir(folder)
        for node in nodes:
            _finish(node)
        for path in (Path(path) for node in nodes if node.temporary for path in node.outputs):
            path.unlink()
    finally:
        os.chdir(here)
        if cache is None:
            del os.environ["SEGTRT_CACHE"]
        else:
            os.environ["SEGTRT_CACHE"] = cache
    return nodes


def _finish(node: Node) -> None:
    """Write a job's outputs, each with another content, and its key record."""

    def write() -> None:
        for path in map(Path, node.outputs):
            file = path if path.suffix else path / "content"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(f"{path} {node.key}")

    for path in map(Path, node.outputs):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    inputs: dict[str, list[str]] = {name: [] for name in node.decided_by}
    if node.upstream:
        inputs[node.decided_by[0]] = [path for up in node.upstream for path in up.outputs]
    inputs["verified"] = [path for up in node.verifies for path in up.outputs]
    params = SimpleNamespace(plan=node.as_params())
    make(SimpleNamespace(input=inputs, output=node.outputs, params=params), write)
