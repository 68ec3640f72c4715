"""What the workflow finds around it: the interpreter, Snakemake's options, a host workflow."""

import os
import shlex
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.plan.fingerprint import PACKAGE

WANTED_TRIGGERS = frozenset({"mtime"})
"""Snakemake's rerun triggers that the plan needs; it decides all else itself."""
WANTED_ELSEWHERE = WANTED_TRIGGERS | {"params", "input"}
"""Those where files lie in a storage, and the plan does not see the key records."""


def share_interpreter() -> None:
    """Let Snakemake start jobs with this Python, even where a shell would split its path.

    Snakemake does not quote `sys.executable` in the commands of jobs, so an interpreter whose path
    holds blanks or quotes goes by its name, and its folder comes first in `PATH`.

    Raises:
        SegtrtError: the interpreter cannot be found by its name.
    """
    if shlex.quote(sys.executable) == sys.executable:
        return
    path = Path(sys.executable)
    if shlex.quote(path.name) != path.name or os.pathsep in str(path.parent):
        raise SegtrtError(
            f"Snakemake cannot start jobs with the Python {sys.executable!r}; make the virtual "
            "environment in a folder whose path has neither colons nor blanks"
        )
    os.environ["PATH"] = f"{path.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    sys.executable = path.name


def refuse_other_library(checkout: Path) -> None:
    """Stop where this process already uses the library of another checkout.

    Args:
        checkout: the checkout whose rules are being read.

    Raises:
        SegtrtError: the library is not this checkout's.
    """
    if PACKAGE.parent.resolve() != (checkout / "workflow/scripts").resolve():
        raise SegtrtError(
            f"the workflow in {checkout} cannot use the library in {PACKAGE}, which is already "
            "loaded; all modules of one workflow must come from one checkout"
        )


def prefix_of(modifier: Any) -> str:
    """What Snakemake puts before the workflow's paths, where it is a module of another.

    Args:
        modifier: Snakemake's `workflow.modifier`.

    Returns:
        A folder with its final `/`, or nothing.

    Raises:
        SegtrtError: the module changes paths in another way, or its prefix is written so that
            Snakemake does not recognise its own paths.
    """
    paths = modifier.path_modifier
    level = paths
    while level is not None:
        if level.modifies_prefixes:
            raise SegtrtError(
                "the module statement has replace_prefix, which segtrt cannot follow; "
                "give it prefix instead"
            )
        level = level.inner_modifier
    prefix: str = paths.replace_prefix("")
    plain = os.path.normpath(prefix)
    if prefix and (plain == "." or prefix != f"{plain}/"):
        advice = "leave it out" if plain == "." else f"write it as {plain!r}"
        raise SegtrtError(f"the module's prefix is {prefix!r}; {advice}")
    return prefix


def keep_to_own_locks(folder: Path) -> None:
    """Let Snakemake find its locks where the working folder's path has braces.

    It takes these for wildcards, so it would walk all folders around the working folder and mind
    the locks of other runs there, or end with a traceback. A path from the working folder has none.

    Args:
        folder: the working folder.
    """
    if "{" not in str(folder.absolute()):
        return
    from snakemake.persistence import file
    from snakemake.utils import listfiles

    def list_locks(pattern: str) -> Iterator[Any]:
        found: Iterator[Any] = listfiles(os.path.relpath(pattern))
        return found

    file.listfiles = list_locks


@cache
def mention_triggers(triggers: frozenset[str], has_storage: bool) -> None:
    """Say on standard error, once, that rerun triggers are on which make jobs run needlessly.

    Args:
        triggers: Snakemake's rerun triggers, as on its command line.
        has_storage: whether a storage provider has the files.
    """
    needless = sorted(triggers - (WANTED_ELSEWHERE if has_storage else WANTED_TRIGGERS))
    if needless:
        print(
            f"segtrt: jobs may run needlessly, as Snakemake's rerun triggers {', '.join(needless)} "
            "are on; end the command with --rerun-triggers mtime, or set it in your profile (see "
            "profiles/default)",
            file=sys.stderr,
        )
