"""Names of the normalisations that are built in; `segtrt.data.intensity` says what each does."""

NORMALISATIONS = ("slice", "volume", "zscore", "scale", "none")

PARAMETRIC = ("zscore", "scale")
"""Those that take `mean`, `std`, `range`, `percentiles` and `nonzero_only`."""
