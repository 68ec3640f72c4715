"""Publishing a finished run: its settings, figures, report and engines, to MLflow."""

import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrt.config.publish import PublishSettings
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file, sha256_json
from segtrt.publish.facts import facts_of, shown_name
from segtrt.publish.mlflow_run import write_run
from segtrt.publish.place import shown_uri, tracking_uri
from segtrt.publish.published import Published
from segtrt.summary.document import read_summary

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class PublishSources:
    """What is published."""

    summary: Path
    table: Path
    report: Path
    engines: Sequence[tuple[Path, Path]]
    """`engine.bin` and `engine.json` of every engine that may go with the run."""


def publish(sources: PublishSources, settings: PublishSettings, out: Path) -> str:
    """Write a run to MLflow and note which one it is.

    Args:
        sources: the files of a finished run.
        settings: where to, and which engines.
        out: where to note it.

    Returns:
        One line that says what went where.

    Raises:
        SegtrtError: MLflow is missing, cannot be reached or refuses something, or a file cannot be
            read.
    """
    summary = read_summary(sources.summary)
    facts = facts_of(summary)
    files = _files(sources, summary, settings.engines)
    content = sha256_json(
        {
            "params": facts.params,
            "metrics": facts.metrics,
            "files": {name: sha256_file(path) for name, path in files.items()},
        }
    )
    uri = tracking_uri(settings.tracking_uri, os.environ)
    run = write_run(uri, settings.experiment, content, facts, files)
    published = Published(
        tracking=shown_uri(uri),
        experiment=settings.experiment,
        run_id=run,
        content=content,
        params=len(facts.params),
        metrics=len(facts.metrics),
        files={name: path.stat().st_size for name, path in files.items()},
    )
    published.write(out)
    line = _in_words(published)
    logger.info("%s", line)
    return line


def _files(sources: PublishSources, summary: Mapping[str, Any], wanted: str) -> dict[str, Path]:
    """By its path in the run, each file that is published."""
    files = {path.name: path for path in (sources.summary, sources.table, sources.report)}
    chosen = summary["recommendation"]["engine"]
    built = {engine["name"] for engine in summary["engines"] if engine["engine_bytes"]}
    names = {"recommended": {chosen} & built, "all": built, "none": set()}[wanted]
    there = {"/".join(engine.parts[-3:-1]): (engine, record) for engine, record in sources.engines}
    for name in sorted(names):
        if name not in there:
            raise SegtrtError(
                f"engine {name} is not among those that were built; run the workflow again"
            )
        for path in there[name]:
            files[f"engines/{shown_name(name)}/{path.name}"] = path
    return files


def _in_words(published: Published) -> str:
    engines = [size for name, size in published.files.items() if name.endswith("/engine.bin")]
    mib = sum(published.files.values()) / 2**20
    with_engines = f"{len(engines)} engine{'s' * (len(engines) != 1)}"
    if engines:
        with_engines += f" of {sum(engines) / 2**20:.1f} MiB"
    return (
        f"published as run {published.run_id} in experiment {published.experiment} at "
        f"{published.tracking}: {published.params} parameters, {published.metrics} figures, "
        f"{len(published.files)} files of {mib:.1f} MiB with {with_engines}"
    )
