"""TensorRT's messages in Python's logging, and its builder's progress as a bar."""

import logging
import re
import sys
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tensorrt import ILogger

logger = logging.getLogger("segtrt.tensorrt")

_LEVELS = {
    "INTERNAL_ERROR": logging.ERROR,
    "ERROR": logging.ERROR,
    "WARNING": logging.WARNING,
    "INFO": logging.INFO,
    "VERBOSE": logging.DEBUG,
}
_SOURCE_PLACE = re.compile(r"\s*\bIn \w+ at \S*/_src/\S+?:\d+|\[\w+\.(?:cpp|h):\d+: \w+\]\s*")


def clean_message(text: str) -> str:
    """TensorRT's message in one line, without the places in its own sources."""
    return " ".join(_SOURCE_PLACE.sub("", text).split())


@cache
def logger_for(trt: Any) -> Any:
    """The one logger of a TensorRT module: an `ILogger` that hands on to Python's logging.

    It lives as long as the process: TensorRT keeps the first logger that it is given. Its `errors`
    holds the errors since it was last cleared.
    """

    class PythonLogger(trt.ILogger):  # type: ignore[misc]
        """Writes to the Python logger `segtrt.tensorrt`."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self.errors: list[str] = []

        def log(self, severity: "ILogger.Severity", message: str) -> None:
            """Hand on one message; called from TensorRT's threads too."""
            level = _LEVELS.get(severity.name, logging.INFO)
            if level >= logging.ERROR:
                self.errors.append(clean_message(message))
            logger.log(level, "%s", message.strip())

        def last_error(self, otherwise: str) -> str:
            """The newest error, or `otherwise` if there was none."""
            return self.errors[-1] if self.errors else otherwise

    return PythonLogger()


class PhaseTree:
    """How far a build is, from the phases that the builder tells of as it enters and leaves them.

    Phases nest: a phase counts as part of its parent's current step.
    """

    def __init__(self) -> None:
        self._phases: dict[
            str, tuple[int, int]
        ] = {}  # name -> (steps, steps done), outermost first

    def start(self, name: str, steps: int) -> None:
        """Enter a phase of `steps` steps."""
        self._phases[name] = (max(1, steps), 0)

    def step(self, name: str) -> None:
        """One step of the phase is done."""
        if name in self._phases:
            steps, done = self._phases[name]
            self._phases[name] = (steps, min(steps, done + 1))

    def finish(self, name: str) -> None:
        """Leave a phase."""
        self._phases.pop(name, None)

    @property
    def fraction(self) -> float:
        """Share of the whole that is done, 0 to 1."""
        share, total = 1.0, 0.0
        for steps, done in self._phases.values():
            share /= steps
            total += share * done
        return min(1.0, total)

    @property
    def current(self) -> str:
        """Name of the innermost phase; empty between phases."""
        return next(reversed(self._phases), "")


def progress_monitor(trt: Any, what: str) -> Any:
    """An `IProgressMonitor` that draws a bar if standard error is a terminal.

    Its `interrupted` says whether the user pressed Ctrl-C, which stops the build: an exception must
    not leave through TensorRT's own code. Call `close` when the build is over.
    """
    from tqdm import tqdm

    class ProgressBar(trt.IProgressMonitor):  # type: ignore[misc]
        """Called by the builder, from several threads."""

        def __init__(self) -> None:
            trt.IProgressMonitor.__init__(self)
            self.interrupted = False
            self._lock = threading.Lock()
            self._tree = PhaseTree()
            self._bar = tqdm(
                desc=what,
                total=100,
                bar_format="{desc}: {n:.0f}%|{bar}| {elapsed}{postfix}",
                leave=False,
                delay=2,
                disable=not sys.stderr.isatty(),
            )

        def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            """A phase begins."""
            del parent_phase
            self._change(lambda: self._tree.start(phase_name, num_steps))

        def step_complete(self, phase_name: str, step: int) -> bool:
            """A step is done; False stops the build."""
            del step
            self._change(lambda: self._tree.step(phase_name))
            return not self.interrupted

        def phase_finish(self, phase_name: str) -> None:
            """A phase is over."""
            self._change(lambda: self._tree.finish(phase_name))

        def close(self) -> None:
            """Take the bar away."""
            self._bar.close()

        def _change(self, change: Any) -> None:
            try:
                with self._lock:
                    change()
                    percent = 100 * self._tree.fraction
                    if percent > self._bar.n:
                        self._bar.set_postfix_str(self._tree.current, refresh=False)
                        self._bar.update(percent - self._bar.n)
            except KeyboardInterrupt:
                self.interrupted = True

    return ProgressBar()
