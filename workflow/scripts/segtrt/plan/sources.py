"""What the plan depends on from outside beside images: network and weights, by content."""

import hashlib
import os
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from segtrt.addresses import is_url, without_secrets
from segtrt.config.settings import Model
from segtrt.errors import SegtrtError
from segtrt.model.source import NetworkSource, describe
from segtrt.plan.hash_cache import HashCache

TRAINED = "results/training/weights.safetensors"
"""Weights that the workflow itself trains."""


def locate(path: str | Path, checkout: Path) -> Path:
    """Where a relative path of the configuration lies: here, or else in the checkout.

    A path that begins with `~` lies in a home folder.

    Returns:
        The path as given if it exists from the working directory or nowhere, else relative to the
        working directory.
    """
    given = Path(path).expanduser()
    if str(given) == TRAINED or given.exists() or not (checkout / given).exists():
        return given
    return Path(os.path.relpath(checkout / given))


def describe_network(settings: Model, checkout: Path, cache: HashCache) -> NetworkSource:
    """Where the network comes from, and what decides it.

    Args:
        settings: `model` in the configuration.
        checkout: where relative paths lead that do not exist in the working directory.
        cache: hashes remembered from earlier runs.

    Raises:
        SegtrtError: there is no such network.
    """
    network = settings.network
    place, colon, factory = network.rpartition(":")
    named = place if colon and place.endswith(".py") else network
    if named.endswith(".py") or "/" in named or Path(named).suffix:
        found = str(locate(named, checkout))
        network = f"{found}:{factory}" if named == place else found
    source = describe(network, settings.called_with, Path(), cache.digest)
    return replace(source, network=settings.network)


def digest_weights(settings: Model, checkout: Path, cache: HashCache) -> dict[str, Any]:
    """What decides the weights: a local file's content, or a URL with the hash asked for.

    Of weights that the workflow trains itself, the training decides. A URL's user and password
    decide nothing, and its query is given by its hash alone, and only where no hash of the file is
    asked for: an address signed anew then leads to the same file.

    Args:
        checkout: where relative paths lead that do not exist in the working directory.
        cache: hashes remembered from earlier runs.

    Raises:
        SegtrtError: the local file does not exist.
    """
    source = settings.given_weights
    known = {"sha256": settings.sha256.lower() if settings.sha256 else None}
    if source is None:
        return known
    if is_url(source):
        query = urlsplit(source).query
        counts = query and not settings.sha256
        return {
            **known,
            "url": without_secrets(source),
            **({"query_sha256": hashlib.sha256(query.encode()).hexdigest()} if counts else {}),
        }
    if is_trained_here(source):
        return known
    path = locate(source, checkout)
    if not path.is_file():
        named = without_secrets(source) if "://" in source else source
        raise SegtrtError(
            f"model.weights is {named!r}, but there is no such file; expected a .safetensors or "
            ".pt file, or an http(s) URL"
        )
    return {**known, "content": cache.digest(path)}


def is_trained_here(source: str | None) -> bool:
    """Whether weights are those that the workflow itself trains."""
    return source is not None and str(Path(source)) == TRAINED
