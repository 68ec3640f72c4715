"""The command line in a process of its own, for tests of what only a process shows."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

LIBRARY = Path(__file__).resolve().parents[2] / "workflow/scripts"


def run_python(code: str, *arguments: object, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run `code` with the library on its path.

    Args:
        code: Python.
        arguments: the words after it.
        settings: for `subprocess.run`; `env` adds to the environment.
    """
    environment = {**os.environ, "PYTHONPATH": str(LIBRARY), **settings.pop("env", {})}
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(
        command, text=True, check=False, env=environment, encoding="utf-8", **settings
    )


def segtrt(*arguments: object, **settings: Any) -> subprocess.CompletedProcess[str]:
    """Run `segtrt` with these arguments; see `run_python`."""
    code = "import sys; from segtrt.cli.main import main; sys.exit(main())"
    return run_python(code, *arguments, **settings)
