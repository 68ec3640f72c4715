"""Which tolerances hold for a few samples."""

from segtrt.quality.sample_limits import SampleLimits


def test_shares_of_pixels_count_where_nothing_else_is_limited() -> None:
    usual = {"flipped_fraction": 1e-5, "relative_rms": 1e-3, "max_abs_error": None}
    assert SampleLimits.of(usual) == SampleLimits(None, 1e-3, None)
    assert SampleLimits.of({"flipped_fraction": 1e-5}) == SampleLimits(None, None, 1e-5)
