"""Progress of long steps: a bar on a terminal, a line in a log."""

import logging
import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
logger = logging.getLogger(__name__)


def track(items: Iterable[T], what: str, total: int, unit: str = "slices") -> Iterator[T]:
    """Yield `items`; show a bar with rate and remaining time if standard error is a terminal.

    In a log only one line is left, at the end: how many, how long, how fast.
    """
    from tqdm import tqdm

    begin = time.perf_counter()
    yield from tqdm(
        items,
        desc=what,
        total=total,
        unit=f" {unit}",
        leave=False,
        delay=2,
        disable=not sys.stderr.isatty(),
    )
    seconds = time.perf_counter() - begin
    logger.info("%s: %d %s in %.1f s", what, total, unit, seconds)
