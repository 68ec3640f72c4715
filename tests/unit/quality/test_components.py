"""Components against medpy, which defines the rule."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from segtrt.quality.components import largest_component

VOLUMES = hnp.arrays(np.bool_, st.tuples(*[st.integers(1, 7)] * 3))


@settings(max_examples=60, deadline=None)
@given(VOLUMES)
def test_largest_component_is_medpys(volume):
    from medpy.filter.binary import largest_connected_component

    kept = largest_component(volume)
    if volume.any():
        assert np.array_equal(kept, largest_connected_component(volume))
    else:
        assert not kept.any()
        with pytest.raises(ValueError, match="empty sequence"):
            largest_connected_component(volume)


def test_components_are_connected_through_faces_and_across_slices():
    volume = np.zeros((2, 4, 4), np.uint8)
    volume[0, 0, 0] = volume[1, 0, 0] = 255  # two voxels, one above the other
    volume[0, 2, 2] = volume[0, 3, 3] = 255  # two voxels that touch at a corner only
    volume[1, 1, 1] = 255
    kept = largest_component(volume)
    assert kept.sum() == 2
    assert kept[0, 0, 0]
    assert kept[1, 0, 0]


def test_a_speckled_volume_does_not_take_a_pass_per_component():
    rng = np.random.default_rng(0)
    volume = rng.random((16, 256, 256)) < 0.15  # about 80,000 components
    assert 0 < largest_component(volume).sum() < volume.sum()
