"""The size of patches as far as settings say it."""

from typing import Any

import pytest
from segtrt.config.resolve import resolve_config
from segtrt.plan.patch import size_of_patches

OWN = {"dataset": {"source": "path", "path": "images"}}


@pytest.mark.parametrize(
    ("settings", "size"),
    [
        ({}, (256, 256)),
        ({"dataset": {"source": "kaggle"}}, (256, 256)),
        (OWN, None),
        ({**OWN, "tensors": {"normalisation": "volume"}}, (256, 256)),
        ({**OWN, "tensors": {"size": [64, 80]}}, (64, 80)),
        ({"tensors": {"size": [64, 80], "window": {"size": [32, 48]}}}, (32, 48)),
    ],
)
def test_size(settings: dict[str, Any], size: tuple[int, ...] | None) -> None:
    assert size_of_patches(resolve_config(settings)) == size
