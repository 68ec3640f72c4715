"""Where a run is published, and how that may be shown."""

from collections.abc import Mapping
from pathlib import PurePosixPath

from segtrt.addresses import shown_place, without_secrets

VARIABLE = "MLFLOW_TRACKING_URI"
"""MLflow's own variable for the same thing."""

DEFAULT = "sqlite:///mlflow.db"
"""Where MLflow itself looks, in the folder that it is started in."""

_FILES = ("sqlite", "file")
"""Schemes of places on this machine."""


def tracking_uri(wanted: str | None, environment: Mapping[str, str]) -> str:
    """The tracking server, database or folder: what the settings say, the variable, or the default.

    Args:
        wanted: `publish.tracking_uri`.
        environment: the process's variables.
    """
    return wanted or environment.get(VARIABLE) or DEFAULT


def shown_uri(uri: str) -> str:
    """A tracking URI without user, password and query; of a place on this machine its last name."""
    scheme, mark, rest = uri.partition("://")
    if mark and scheme in _FILES:
        return f"{scheme}:///{PurePosixPath(rest.partition('?')[0]).name}"
    return without_secrets(uri) if mark else shown_place(uri)
