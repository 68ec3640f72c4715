"""The plan of the real workflow, read in this process as Snakemake reads it."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segtrt.machine.facts import PLANNED_ON
from segtrt.plan.declare import Plan
from segtrt.plan.node import Node

ROOT = Path(__file__).resolve().parent.parent
VARIABLES = ("PYTHONPATH", PLANNED_ON)
"""What reading the workflow sets for its jobs."""


@contextmanager
def real_workflow(
    folder: Path,
    config: Mapping[str, Any] | None = None,
    checkout: Path = ROOT,
    *,
    in_job: bool = False,
) -> Iterator[dict[str, Any]]:
    """Read the workflow in a working folder; nothing is run.

    Args:
        folder: the working folder.
        config: settings laid over those of the checkout's config.yaml.
        checkout: whose workflow.
        in_job: as a job of a batch system reads it.

    Yields:
        The names that its Snakefile defines.
    """
    from snakemake.api import (
        ConfigSettings,
        OutputSettings,
        ResourceSettings,
        SnakemakeApi,
        StorageSettings,
        WorkflowSettings,
    )
    from snakemake.settings.enums import Quietness
    from snakemake_interface_executor_plugins.settings import ExecMode

    here, path = Path.cwd(), list(sys.path)
    before = {name: os.environ.get(name) for name in VARIABLES}
    try:
        with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=2),
                config_settings=ConfigSettings(config=dict(config or {})),
                storage_settings=StorageSettings(),
                workflow_settings=WorkflowSettings(
                    exec_mode=ExecMode.REMOTE if in_job else ExecMode.DEFAULT
                ),
                snakefile=checkout / "Snakefile",
                workdir=folder,
            )
            yield workflow._workflow.globals
    finally:
        os.chdir(here)
        sys.path[:] = path
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@contextmanager
def real_plan(
    folder: Path,
    config: Mapping[str, Any] | None = None,
    checkout: Path = ROOT,
    *,
    in_job: bool = False,
) -> Iterator[Plan]:
    """The plan of the real workflow; its jobs can be asked for while the block runs."""
    with real_workflow(folder, config, checkout, in_job=in_job) as names:
        yield names["PLAN"]


def all_nodes(plan: Plan) -> list[Node]:
    """Every job that the configuration leads to: those of the report, and training."""
    return list(plan.closure([plan.node("write_report"), plan.node("train")]))
