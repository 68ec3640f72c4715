"""The settings of the search for precisions: which part of the network loses and gains what."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PrecisionSearch:
    """How the network is cut into regions that are judged one by one, and what a mix may lose."""

    regions: int
    max_loss: tuple[float, ...]
    """A number alone is a list of one once a configuration is resolved."""
    batch_size: int | None
