"""The one exception that means "the user can mend this"."""

from collections.abc import Iterable


class SegtrtError(Exception):
    """A mistake in what the user gave us, told in one line.

    The message says what is wrong, where, what was expected and what to do. Entry points (job
    scripts, the command line, the Snakefile) print it without a traceback.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def name_some(values: Iterable[object], at_most: int = 20) -> str:
    """The first few of `values` for a message, and how many more there are, e.g. `a, b and 3 more`.

    No value at all is `none`.
    """
    told = [str(value) for value in values]
    more = len(told) - at_most
    text = ", ".join(told[:at_most]) or "none"
    return f"{text} and {more} more" if more > 0 else text
