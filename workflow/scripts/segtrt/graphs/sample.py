"""A sample: a patch that is written beside the fp32 graph, with what the network makes of it."""

from dataclasses import dataclass

DEFAULT_SAMPLES = 3
"""How many there are if the settings name none."""


@dataclass(frozen=True)
class Sample:
    """A patch of the data set."""

    subject: str
    """The subject's name."""
    slice: int | None = None
    """The slice: the number in its file's name, or in a volume that is cut into slices the place
    along `tensors.axis`, from 0."""
    item: str | None = None
    """The item's name; None where the subject has one, or `slice` says which."""
    patch: int = 0
    """Which of the patches that are left, from 0."""
