"""The settings of the search for precisions: which part of the network loses what."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PrecisionSearch:
    """How the network is cut into regions that are judged one by one."""

    regions: int
