"""The settings of publishing; like those of `segtrt.config.settings`, which reads them."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class PublishSettings:
    """Where `snakemake publish` writes a run, and which engines go with it."""

    tracking_uri: str | None
    experiment: str
    engines: Literal["recommended", "all", "none"]
