"""The one exception that means "the user can mend this"."""

import errno
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

_LINE_BREAKS = re.compile(r"\s*[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]\s*")
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of writing for which the system names no file."""


class SegtrtError(Exception):
    """A mistake in what the user gave us, explained in one line.

    The message says what is wrong, where, what was expected and what to do. Entry points (job
    scripts, the command line, the Snakefile) print it without a traceback. Blanks stay as they are,
    for a path may have any; only breaks of lines become one.
    """

    def __init__(self, message: str) -> None:
        super().__init__(_LINE_BREAKS.sub(" ", message.strip("\r\n")))


def name_some(values: Iterable[object], at_most: int = 20) -> str:
    """The first few of `values` for a message, and how many more there are, e.g. `a, b and 3 more`.

    No value at all is `none`.
    """
    texts = [str(value) for value in values]
    more = len(texts) - at_most
    text = ", ".join(texts[:at_most]) or "none"
    return f"{text} and {more} more" if more > 0 else text


_ADVICE = {
    errno.ENOSPC: "make room on its disk",
    errno.EDQUOT: "make room, or ask for a larger quota",
    errno.EFBIG: "raise the limit on the size of files (ulimit -f), or use another file system",
    errno.EACCES: "check the permissions of the file and of its folder",
    errno.EPERM: "check the permissions and attributes of the file and of its folder",
    errno.EROFS: "use a folder that can be written to",
    errno.ENAMETOOLONG: "use a shorter name",
    errno.EMFILE: "raise the limit on open files (ulimit -n)",
    errno.ENOTDIR: "a part of the path is a file where a folder is expected",
}


def describe_os_error(error: OSError) -> str:
    """What the system refused, in one line: path, cause, and what to do where that is known."""
    cause = error.strerror or str(error) or type(error).__name__
    names = [
        os.fsdecode(n) for n in (error.filename, error.filename2) if isinstance(n, str | bytes)
    ]
    where = f"{' -> '.join(names)}: " if names else ""
    advice = _ADVICE.get(error.errno or 0)
    return f"{where}{cause}{f'; {advice}' if advice else ''}"


@contextmanager
def os_errors_in_one_line() -> Iterator[None]:
    """Turn an OSError of the block into a SegtrtError with the same meaning.

    Raises:
        SegtrtError: the block ended with an OSError: the disk is full, a file is gone, ...
    """
    try:
        yield
    except OSError as error:
        raise SegtrtError(describe_os_error(error)) from error
