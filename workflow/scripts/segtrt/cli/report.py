"""`segtrt report`: the whole workflow for a network and images, in the current folder."""

import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from segtrt.cli.places import find_places
from segtrt.cli.report_settings import Answers, ask_on_terminal, make_settings
from segtrt.errors import SegtrtError
from segtrt.files import write_bytes
from segtrt.plan.fingerprint import PACKAGE

CONFIG = Path("config.yaml")
SNAKEFILE = PACKAGE.parents[2] / "Snakefile"
"""The workflow's, which lies with the library in a checkout and in what a wheel installs."""

_HEADING = """\
# Written by segtrt report, to be edited. Keys that are not here have their defaults; every key:
# docs/configuration.md. To go on: segtrt report
"""


def report(
    network: str | None,
    images: str | None,
    masks: str | None,
    answers: Answers,
    *,
    cores: int | None,
    dry_run: bool,
) -> int:
    """Write the settings, say which command makes the report, and become that command.

    Args:
        network: as `model.network` takes it; None goes on with the settings that are here.
        images: pattern or folder.
        masks: pattern or folder, or None.
        answers: what else the user said.
        cores: as many at most; None takes all.
        dry_run: only say what would be made.

    Returns:
        Never, as this process becomes Snakemake, whose exit code is then the command's.

    Raises:
        SegtrtError: no settings and no network, or both; or see `find_places`, `make_settings`.
    """
    if network is None:
        if not CONFIG.is_file():
            raise SegtrtError(
                f"there is no {CONFIG} here to go on with; name a network and images: "
                "segtrt report NETWORK IMAGES"
            )
    else:
        if images is None:
            raise SegtrtError(f"network {network} is given, but no images are; add them")
        if CONFIG.exists():
            raise SegtrtError(
                f"{CONFIG} is here already; go on with it by segtrt report alone, or work in "
                "another folder"
            )
        ask = ask_on_terminal if sys.stdin.isatty() and sys.stderr.isatty() else None
        _write(make_settings(network, find_places(images, masks), answers, ask))
    command = ["results/report.html", "--snakefile", _snakefile(), "--configfile", str(CONFIG)]
    command += ["--cores", str(cores)] if cores else []
    command += ["--dry-run"] if dry_run else []
    print(f"segtrt: $ snakemake {shlex.join(command)}", file=sys.stderr, flush=True)
    _become(["-m", "snakemake", *command])
    return 0


def _write(settings: dict[str, Any]) -> None:
    import yaml

    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    write_bytes(CONFIG, (_HEADING + text).encode())
    print(f"segtrt: {CONFIG} written", file=sys.stderr)


def _snakefile() -> str:
    return "Snakefile" if SNAKEFILE.parent == Path.cwd() else str(SNAKEFILE)


def _become(arguments: Sequence[str]) -> None:
    """Run Python with these arguments in place of this process, so that Ctrl-C is for it alone."""
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *arguments])
