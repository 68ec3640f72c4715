"""The story and the digest hung into Snakemake's log."""

import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from segtrt.terminal.story import Story

Opening = Callable[[Mapping[str, int]], list[str]]


class _Digest(logging.Handler):
    """Prints the digest before Snakemake's list of jobs."""

    def __init__(self, opening: Opening) -> None:
        super().__init__()
        self._opening: Opening | None = opening

    def emit(self, record: logging.LogRecord) -> None:
        """Act on the first count of jobs alone."""
        if str(getattr(record, "event", "")) == "run_info" and self._opening:
            lines, self._opening = self._opening(record.stats), None  # type: ignore[attr-defined]
            print("\n".join(lines), file=sys.stderr, flush=True)


def show_story(workflow: Any, opening: Opening) -> None:
    """Show the run in short: all of it on a terminal, and of a dry run what it amounts to.

    Snakemake's own screen output stays wherever it was asked for (`--verbose`, `-p`, `--quiet`,
    `--debug-dag`, `--logger`), in files and pipes, and in dry runs.

    Args:
        workflow: Snakemake's `workflow`.
        opening: the digest for the number of jobs by rule.
    """
    manager = workflow.logger_manager
    if not workflow.is_main_process or manager is None:
        return
    if manager.settings.dryrun:
        manager.logger.handlers.insert(0, _Digest(opening))
        return
    screen = next((one for one in manager.logger.handlers if one.name == _SCREEN), None)
    if screen is None or not _is_for_story(manager.settings, screen):
        return
    manager.logger.removeHandler(screen)
    manager.logger.addHandler(Story(screen.stream, screen.formatter, opening))


_SCREEN = "DefaultStreamHandler"
"""What Snakemake calls its handler for the screen."""


def _is_for_story(settings: Any, screen: Any) -> bool:
    asked = (
        *(settings.verbose, settings.printshellcmds, settings.debug_dag, settings.quiet),
        settings.log_handler_settings,
    )
    on_terminal = screen.stream.isatty() and os.environ.get("TERM") != "dumb"
    return on_terminal and settings.enable_file_logging and not any(asked)
