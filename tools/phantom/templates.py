"""The ICBM 152 templates that nilearn ships, and a head built around their brain.

Templates: Fonov et al., "Unbiased nonlinear average age-appropriate brain templates from birth to
adulthood", NeuroImage 47 (2009) S102; the files hold brain alone, so skull, scalp and face are
modelled here as layers at given distances from it.
"""

import importlib.util
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from segtrt.errors import SegtrtError

ORIGIN_MM = (-98.0, -134.0, -72.0)
"""Position of the templates' first voxel: x to the right, y forward, z up; voxels are 1 mm."""
COARSE_MM = 2
"""Voxel size of the distance maps."""
TEMPLATE_FILES = {
    name: f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz" for name in ("t1", "gm", "wm")
}
_SCALP_MM = 14.0
"""From the brain's hull to the skin."""
_CLOSING_MM = 14.0


@dataclass(frozen=True)
class Templates:
    """Averages over 152 brains in MNI space, and distances to the surfaces around them."""

    t1: NDArray[np.uint8]
    """(197, 233, 189) T1-weighted; white matter about 222, grey 165, fluid 69, outside 0."""
    gm: NDArray[np.uint8]
    """(197, 233, 189) share of grey matter, 255 is all."""
    wm: NDArray[np.uint8]
    """(197, 233, 189) share of white matter, 255 is all."""
    hull_mm: NDArray[np.float32]
    """(99, 117, 95) signed distance to the brain's hull, negative inside."""
    skin_mm: NDArray[np.float32]
    """(99, 117, 95) signed distance to the skin, negative inside."""
    lesion_sites: NDArray[np.int16]
    """(k, 3) x, y, z in mm where a lesion may have its centre: deep in a hemisphere."""


def template_folder() -> Path:
    """Folder of nilearn's template files.

    Raises:
        SegtrtError: nilearn is not installed.
    """
    spec = importlib.util.find_spec("nilearn")
    if spec is None or spec.origin is None:
        raise SegtrtError(
            "the ICBM 152 templates come with the package nilearn, which is not installed; run "
            "`pip install nilearn` and try again"
        )
    return Path(spec.origin).parent / "datasets" / "data"


@cache
def load_templates() -> Templates:
    """Read the templates and derive the head around them; takes some seconds, then is kept.

    Raises:
        SegtrtError: nilearn is not installed, or its template files are not the ones expected.
    """
    folder = template_folder()
    t1, gm, wm = (_read_volume(folder / TEMPLATE_FILES[name]) for name in ("t1", "gm", "wm"))
    hull = _hull_distance(t1[::COARSE_MM, ::COARSE_MM, ::COARSE_MM] > 0)
    return Templates(t1, gm, wm, hull, _skin_distance(hull), _lesion_sites(wm, hull))


def _read_volume(path: Path) -> NDArray[np.uint8]:
    import nibabel

    again = "install nilearn 0.13.1 with `pip install nilearn==0.13.1`"
    if not path.is_file():
        raise SegtrtError(f"template {path} is missing from the installed nilearn; {again}")
    values = np.asarray(nibabel.Nifti1Image.from_filename(path).dataobj)
    if values.shape != (197, 233, 189) or values.dtype != np.uint8:
        raise SegtrtError(
            f"template {path} has {values.dtype} {values.shape}, expected uint8 (197, 233, 189); "
            f"{again}"
        )
    return values


def _signed_distance(inside: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Distance in mm to the edge of `inside`, negative within it, freed of the voxels' steps."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    outer = distance_transform_edt(~inside, sampling=COARSE_MM)
    inner = distance_transform_edt(inside, sampling=COARSE_MM)
    return np.asarray(gaussian_filter(outer - inner, 1.0), np.float32)


def _hull_distance(brain: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Signed distance to the brain closed over its sulci and cisterns."""
    from scipy.ndimage import distance_transform_edt, gaussian_filter

    margin = int(_CLOSING_MM) // COARSE_MM + 2
    padded = np.pad(brain, margin)
    grown = distance_transform_edt(~padded, sampling=COARSE_MM) <= _CLOSING_MM
    closed = distance_transform_edt(grown, sampling=COARSE_MM) > _CLOSING_MM
    smooth = gaussian_filter(closed.astype(np.float64), 1.5) > 0.5
    core = (slice(margin, -margin),) * 3
    return _signed_distance((smooth | padded)[core])


def _skin_distance(hull: NDArray[np.float32]) -> NDArray[np.float32]:
    """Signed distance to the skin: the hull with skull and scalp, joined to a face and neck."""
    from scipy.ndimage import gaussian_filter

    x, y, z = (
        (np.arange(size) * COARSE_MM + origin).reshape(shape)
        for size, origin, shape in zip(
            hull.shape, ORIGIN_MM, ((-1, 1, 1), (1, -1, 1), (1, 1, -1)), strict=True
        )
    )
    below = np.clip(-30 - z, 0, None)
    jaw = (x / (75 - 0.15 * below)) ** 2 + ((y + 9 + 0.1 * below) / (95 - 0.2 * below)) ** 2 < 1
    jaw &= z < -12
    nose = (x / 11) ** 2 + ((y - 86) / 14) ** 2 + ((z + 44) / 26) ** 2 < 1
    head = (hull < _SCALP_MM) | jaw | nose
    return _signed_distance(gaussian_filter(head.astype(np.float64), 2.0) > 0.5)


def _lesion_sites(wm: NDArray[np.uint8], hull: NDArray[np.float32]) -> NDArray[np.int16]:
    """Points of white matter away from the midline, the brain's edge and the brain stem."""
    white = wm[::COARSE_MM, ::COARSE_MM, ::COARSE_MM] > 200
    points = np.argwhere(white & (hull < -6)) * COARSE_MM + np.array(ORIGIN_MM)
    lateral = np.abs(points[:, 0]) > 16
    height = (points[:, 2] > -18) & (points[:, 2] < 58)
    front = points[:, 1] > -88
    return np.asarray(points[lateral & height & front], np.int16)
