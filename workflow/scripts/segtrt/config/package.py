"""The settings of the package; like those of `segtrt.config.settings`, which reads them."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PackageSettings:
    """What goes into the package."""

    name: str
    engine: str | None
    licence: str | None
    licences: tuple[str, ...]
    notices: tuple[str, ...]
    views: tuple[str, ...]
