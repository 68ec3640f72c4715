"""A run written to MLflow, once: the same content is found again and not written a second time."""

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from segtrt.addresses import without_secrets
from segtrt.errors import SegtrtError
from segtrt.publish.facts import RunFacts
from segtrt.publish.place import shown_uri

logger = logging.getLogger(__name__)

CONTENT = "segtrt.content"
"""Tag by which a run with the same content is found."""

MISSING = (
    "publishing needs MLflow: install the extra mlflow (python -m pip install "
    "-c requirements/constraints.txt -e '.[mlflow]')"
)
_BATCH = 100
"""Parameters, and metrics, that a server takes at once."""


def write_run(
    uri: str, experiment: str, content: str, facts: RunFacts, files: Mapping[str, Path]
) -> str:
    """Write a run, unless the experiment has a finished one with this content.

    Args:
        uri: MLflow's tracking URI.
        experiment: name of the experiment, which is made if it is not there.
        content: SHA-256 of all that is written.
        facts: parameters, metrics and tags.
        files: by its path in the run, the file. Its last name is that of the file.

    Returns:
        The run's id.

    Raises:
        SegtrtError: MLflow is missing, cannot be reached or refuses something.
    """
    with _one_line_errors(uri):
        client = _client(uri)
        found = client.get_experiment_by_name(experiment)
        number = found.experiment_id if found else client.create_experiment(experiment)
        query = f"tags.`{CONTENT}` = '{content}' and attributes.status = 'FINISHED'"
        if runs := client.search_runs([number], filter_string=query, max_results=1):
            logger.info("run %s has the same content; nothing was written", runs[0].info.run_id)
            return str(runs[0].info.run_id)
        tags = {**facts.tags, CONTENT: content}
        run: str = client.create_run(number, run_name=facts.name, tags=tags).info.run_id
        try:
            _fill(client, run, facts, files)
        except BaseException:
            client.set_terminated(run, "FAILED")
            raise
        client.set_terminated(run)
        return run


def _fill(client: Any, run: str, facts: RunFacts, files: Mapping[str, Path]) -> None:
    from mlflow.entities import Metric, Param

    now = int(time.time() * 1000)
    params = [Param(key, value) for key, value in facts.params.items()]
    metrics = [Metric(key, value, now, 0) for key, value in facts.metrics.items()]
    for start in range(0, max(len(params), len(metrics)), _BATCH):
        part = slice(start, start + _BATCH)
        client.log_batch(run, metrics=metrics[part], params=params[part])
    for name, path in files.items():
        folder = PurePosixPath(name).parent.as_posix()
        client.log_artifact(run, str(path), None if folder == "." else folder)
        logger.info("%s written, %.1f MiB", name, path.stat().st_size / 2**20)


def _client(uri: str) -> Any:
    # Nothing goes to anyone but the server that the user names.
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    # A server that is not there is one line soon, not after minutes.
    os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
    try:
        from mlflow import MlflowClient
    except ImportError:
        raise SegtrtError(MISSING) from None
    return MlflowClient(tracking_uri=uri)


@contextmanager
def _one_line_errors(uri: str) -> Iterator[None]:
    """What MLflow or its server refuses, as one line without secrets."""
    try:
        yield
    except SegtrtError:
        raise
    except Exception as error:
        if not _is_of_mlflow(error):
            raise
        first = without_secrets(str(error)).strip().splitlines()
        reason = first[0] if first else type(error).__name__
        raise SegtrtError(f"MLflow at {shown_uri(uri)}: {reason}") from None


def _is_of_mlflow(error: Exception) -> bool:
    """Whether MLflow, its database or the connection says so; anything else is a fault of ours."""
    origin = type(error).__module__.partition(".")[0]
    return isinstance(error, OSError | ImportError) or origin in ("mlflow", "sqlalchemy")
