"""Patch and output of an engine."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from prepared_shards import Made, write_shard
from segtrt.engines.patch import with_patch
from segtrt.errors import SegtrtError
from segtrt.model.network_file import UNET
from segtrt.precision import Precision
from segtrt.runtimes.description import BuildSettings

BARE = BuildSettings(2, Precision.FP32)


def test_a_size_of_the_settings_is_filled_up_to_what_the_network_takes() -> None:
    spec = replace(UNET, channels=4, classes=5, stride=(4, 4))
    found = with_patch(BARE, spec, (250, 256), [])
    assert found == replace(BARE, patch=(4, 256, 256), output=(5, 64, 64))
    with pytest.raises(SegtrtError, match="larger than the network's fixed 64x64"):
        with_patch(BARE, replace(UNET, size=(64, 64)), (250, 256), [])


def test_prepared_images_tell_it_where_the_settings_do_not(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "shard", [Made("A", "1", np.zeros((3, 32, 48), np.float32))])
    found = with_patch(BARE, UNET, None, [shard])
    assert (found.patch, found.output) == ((3, 32, 48), (1, 32, 48))
