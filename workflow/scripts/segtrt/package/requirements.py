"""What must be installed where a package is used: this library, the runtime, and what both need."""

import tomllib
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from segtrt.model.user_code import imported_packages
from segtrt.runtimes.registry import get_runtime

FILE = "requirements.txt"

REQUIRED = (
    *("numpy", "scipy", "scikit-image", "pillow", "tifffile", "imagecodecs", "simpleitk"),
    *("jsonschema", "psutil", "tqdm"),
)
"""What this library takes to read images, run an engine and write masks, beside its runtime."""

_PROJECT = Path(__file__).resolve().parents[4] / "pyproject.toml"


def requirements_of(runtime: str, target: Mapping[str, Any]) -> list[str]:
    """Packages to install, `name==version`; this library is not among them.

    Args:
        runtime: name of the engine's runtime.
        target: what the engine was built for.
    """
    found = [(name, _installed(name)) for name in REQUIRED]
    own = [f"{name}=={number}" for name, number in found if number]
    return [*get_runtime(runtime).requirements(target), *own]


def requirements_of_code(path: Path | None) -> list[str]:
    """Packages that the user's own code imports and the library does not need itself.

    Args:
        path: the Python file that goes along; None if none does.

    Raises:
        SegtrtError: the file is not Python.
    """
    if path is None:
        return []
    return [
        f"{name}=={number}"
        for name, number in imported_packages(path).items()
        if name not in (*REQUIRED, "segtrt")
    ]


def library_version() -> str:
    """Version of this library, installed or in its checkout."""
    found = _installed("segtrt")
    return found or str(tomllib.loads(_PROJECT.read_text("utf-8"))["project"]["version"])


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
