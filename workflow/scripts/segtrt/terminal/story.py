"""A run as a terminal shows it: a line for each stage instead of Snakemake's some for each job.

It is a handler of Snakemake's own log in place of the one for the screen; the log file has all that
Snakemake says, as ever. Warnings and errors are never left out.
"""

import logging
import shutil
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from segtrt.terminal.stages import QUIET, by_stage, stage_of

_SHOWN = ("Nothing to be done", "Complete log(s)")
"""Beginnings of what Snakemake says by the way and a user wants to know."""
_CLEAR = "\r\033[K"


class Story(logging.Handler):
    """Shows Snakemake's events on a terminal, with a last line that changes as jobs come and go."""

    def __init__(
        self,
        stream: TextIO,
        otherwise: logging.Formatter,
        opening: Callable[[Mapping[str, int]], Iterable[str]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin.

        Args:
            stream: the terminal.
            otherwise: how warnings and errors are written.
            opening: what to say before the first job; gets the number of jobs by rule.
            clock: seconds.
        """
        super().__init__()
        self._stream = stream
        self._otherwise = otherwise
        self._opening = opening
        self._clock = clock
        self._begin = clock()
        self._totals: dict[str, int] = {}
        self._jobs: dict[int, tuple[str, str]] = {}
        self._running: dict[int, str] = {}
        self._started: dict[str, float] = {}
        self._ended: dict[str, list[bool]] = {}
        self._failed: set[int] = set()
        self._status = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Show one event."""
        try:
            event = str(getattr(record, "event", None) or "")
            handler = getattr(self, f"_on_{event}", None)
            if handler is not None:
                handler(record)
            elif _repeats_a_failed_job(record):
                pass
            elif record.levelno >= logging.WARNING:
                self._say(self._otherwise.format(record))
            elif not event and record.getMessage().startswith(_SHOWN):
                self._say(record.getMessage())
            self._show_status()
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Take the last line away, and say how far stages came that did not end."""
        for stage in self._started:
            ended, total = self._ended.get(stage, []), self._totals.get(stage, 0)
            if len(ended) < total:
                bad = ended.count(False)
                failed = f", {bad} failed" if bad else ""
                self._say(
                    f"  {stage or 'others':<9} {len(ended) - bad} of {total} jobs done{failed}"
                )
        self._started.clear()
        self._stream.write(_CLEAR if self._status else "")
        self._stream.flush()
        super().close()

    def _on_run_info(self, record: Any) -> None:
        if self._totals:
            return
        self._totals = {
            stage: sum(rules.values()) for stage, rules in by_stage(record.stats).items()
        }
        for line in self._opening(record.stats):
            self._say(line)

    def _on_job_info(self, record: Any) -> None:
        rule, values = record.rule_name, _values(record.wildcards)
        self._jobs[record.jobid] = (rule, values)
        if rule in QUIET:
            return
        if record.rule_msg:
            self._say(record.rule_msg)
        self._running[record.jobid] = f"{rule} {values}".strip()
        self._started.setdefault(stage_of(rule), self._clock())

    def _on_job_finished(self, record: Any) -> None:
        self._end(record.job_id, well=True)

    def _on_job_error(self, record: Any) -> None:
        if record.jobid in self._failed:
            return
        self._failed.add(record.jobid)
        _, values = self._jobs.get(record.jobid, ("", ""))
        last, place = _last_line(record.log or ())
        self._say(f"FAILED {record.rule_name} {values}".rstrip() + f": {last}")
        if place:
            self._say(f"  the rest: {place}")
        self._end(record.jobid, well=False)

    def _on_shellcmd(self, record: Any) -> None:
        """Commands are in the log file."""

    _on_job_started = _on_progress = _on_resources_info = _on_workflow_started = _on_shellcmd

    def _end(self, jobid: int, *, well: bool) -> None:
        self._running.pop(jobid, None)
        rule, _ = self._jobs.get(jobid, ("", ""))
        if not rule or rule in QUIET:
            return
        stage = stage_of(rule)
        ended = self._ended.setdefault(stage, [])
        ended.append(well)
        if len(ended) == self._totals.get(stage):
            seconds = self._clock() - self._started.get(stage, self._begin)
            bad = ended.count(False)
            what = f"{bad} of {len(ended)} failed" if bad else _jobs_in_words(len(ended))
            self._say(f"  {stage or 'others':<9} {what:<16} {seconds:5.0f} s")

    def _say(self, text: str) -> None:
        self._stream.write(f"{_CLEAR if self._status else ''}{text}\n")
        self._status = ""

    def _show_status(self) -> None:
        """The last line: how far the stages are that are under way, and what runs."""
        open_stages = [
            f"{stage or 'others'} {len(self._ended.get(stage, ()))}/{total}"
            for stage, total in self._totals.items()
            if stage in self._started and len(self._ended.get(stage, ())) < total
        ]
        status = ""
        if open_stages:
            seconds = self._clock() - self._begin
            running = ", ".join(self._running.values()) or "waiting"
            status = f"  {'  '.join(open_stages)} | {seconds:.0f} s | {running}"
        status = status[: shutil.get_terminal_size().columns - 1]
        if status or self._status:
            self._stream.write(f"{_CLEAR}{status}")
        self._status = status
        self._stream.flush()


def _repeats_a_failed_job(record: logging.LogRecord) -> bool:
    """Whether it only says that a job's script ended with an error, which is shown with the job."""
    return record.getMessage().startswith("RuleException:\nCalledProcessError")


def _jobs_in_words(count: int) -> str:
    return f"{count} job{'s' * (count != 1)} done"


def _values(wildcards: Mapping[str, str] | None) -> str:
    """What distinguishes a job from others of its rule."""
    return " ".join(str(value) for value in (wildcards or {}).values() if value)


def _last_line(logs: Iterable[str]) -> tuple[str, str]:
    """The last line that a failed job logged, and the path of its log."""
    for name in logs:
        try:
            lines = Path(name).read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        written = [line for line in lines if line.strip()]
        if written:
            return written[-1].removeprefix("ERROR ").strip(), name
    return "it left no word in its log; what it printed is above", ""
