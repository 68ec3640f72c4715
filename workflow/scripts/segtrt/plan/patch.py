"""The size of patches as far as the settings say it, before any image is looked at."""

from segtrt.config.settings import Settings

_BRAIN_MRI = (256, 256)
"""Every slice of the demo and of the Kaggle data set, and what `volume` brings slices to."""


def size_of_patches(settings: Settings) -> tuple[int, ...] | None:
    """Sides of a patch before the network's multiple is filled up.

    Returns:
        None where the images' own size decides.
    """
    tensors, source = settings.tensors, settings.dataset.source
    if tensors.window.size is not None:
        return tensors.window.size
    if tensors.size is not None:
        return tensors.size
    if tensors.normalisation == "volume" or source in ("demo", "kaggle"):
        return _BRAIN_MRI
    return None
