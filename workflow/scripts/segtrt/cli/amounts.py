"""Numbers on the command line."""

import argparse
from contextlib import suppress


def count(text: str) -> int:
    """A whole number of 1 or more."""
    return _whole_number(text, 1)


def count_or_zero(text: str) -> int:
    """A whole number of 0 or more."""
    return _whole_number(text, 0)


def _whole_number(text: str, least: int) -> int:
    with suppress(ValueError):
        if (value := int(text)) >= least:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {least} or more")


def amount(text: str) -> float:
    """A number of 0 or more."""
    with suppress(ValueError):
        if (value := float(text)) >= 0:
            return value
    raise argparse.ArgumentTypeError(f"{text!r} is not a number of 0 or more")
