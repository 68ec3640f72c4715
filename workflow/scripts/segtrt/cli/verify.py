"""`segtrt verify`: a package on the machine where it is to run."""

import argparse
import json
from pathlib import Path
from typing import Any

from segtrt.cli.amounts import count
from segtrt.cli.text import plain
from segtrt.errors import SegtrtError, os_errors_in_one_line


def add_verify(commands: Any) -> None:
    """Add the command to a parser's commands; nothing that it needs is imported yet."""
    parser = commands.add_parser(
        "verify",
        help="check a package on the machine where it is to run",
        description=(
            "Check every file of a package, load its engine, run its golden samples, compare, and\n"
            "time a batch briefly."
        ),
        epilog=(
            "Exit code 1 says that it is not verified, and why.\n\n"
            "example:\n"
            "  segtrt verify results/package.zip"
        ),
    )
    parser.add_argument("package", metavar="PACKAGE", type=Path, help="its folder or zip")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--threads", metavar="N", type=count, help="on a CPU: threads (default: all cores)"
    )
    parser.set_defaults(command=_verify)


def _verify(chosen: argparse.Namespace) -> int:
    return verify(chosen.package, as_json=chosen.json, threads=chosen.threads)


def verify(path: Path, *, as_json: bool, threads: int | None) -> int:
    """Print whether a package is whole, fits this machine and answers as it was proven to.

    Args:
        path: the package's folder or zip.
        as_json: print JSON in place of one line.
        threads: CPU threads of a CPU engine; None for all cores.

    Returns:
        0 if it is verified, else 1.

    Raises:
        SegtrtError: there is no such path.
    """
    from segtrt.package.verify import verify_package

    if not path.exists():
        raise SegtrtError(f"package {path} does not exist; name a package's folder or its zip")
    try:
        with os_errors_in_one_line():
            found = verify_package(path, threads=threads)
    except SegtrtError as error:
        line = f"not verified: {error}"
        print(json.dumps({"verified": False, "line": line}) if as_json else plain(line))
        return 1
    print(json.dumps(found.to_json(), indent=2) if as_json else plain(found.line()))
    return 1 if found.failures else 0
