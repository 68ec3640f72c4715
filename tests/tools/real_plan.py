"""The plan of the real workflow, read in this process as Snakemake reads it."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segtrt.plan.declare import Plan

ROOT = Path(__file__).resolve().parents[2]


@contextmanager
def real_workflow(
    folder: Path, config: Mapping[str, Any] | None = None, checkout: Path = ROOT
) -> Iterator[dict[str, Any]]:
    """Read the workflow in a working folder; nothing is run.

    Args:
        folder: the working folder.
        config: settings laid over those of the checkout's config.yaml.
        checkout: whose workflow.

    Yields:
        The names that its Snakefile defines.
    """
    from snakemake.api import (
        ConfigSettings,
        OutputSettings,
        ResourceSettings,
        SnakemakeApi,
        StorageSettings,
    )
    from snakemake.settings.enums import Quietness

    here, path, python = Path.cwd(), list(sys.path), os.environ.get("PYTHONPATH")
    try:
        with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
            workflow = api.workflow(
                resource_settings=ResourceSettings(cores=2),
                config_settings=ConfigSettings(config=dict(config or {})),
                storage_settings=StorageSettings(),
                snakefile=checkout / "Snakefile",
                workdir=folder,
            )
            yield workflow._workflow.globals
    finally:
        os.chdir(here)
        sys.path[:] = path
        if python is None:
            os.environ.pop("PYTHONPATH", None)
        else:
            os.environ["PYTHONPATH"] = python


@contextmanager
def real_plan(
    folder: Path, config: Mapping[str, Any] | None = None, checkout: Path = ROOT
) -> Iterator[Plan]:
    """The plan of the real workflow; its jobs can be asked for while the block runs."""
    with real_workflow(folder, config, checkout) as names:
        yield names["PLAN"]
