"""A sample: a slice that is written beside the fp32 graph, with what the network makes of it."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sample:
    """A slice of the data set."""

    subject: str
    """The subject's name."""
    slice: int
    """As in the name of its file."""
