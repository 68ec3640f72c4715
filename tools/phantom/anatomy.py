"""One subject's anatomy: the templates, bent at random, with a lesion, on a grid of slices."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from phantom.fields import Array, Grid, random_field, smoothstep
from phantom.templates import COARSE_MM, ORIGIN_MM, Templates

_CENTRE_MM = (0.0, -17.0, 0.0)
"""Point of the templates that subjects turn around: the middle of the brain."""
_LEAST_PIXELS = 300
"""A lesion whose mask has fewer pixels in all is made larger."""


@dataclass(frozen=True)
class Head:
    """A head on a grid; every array is (slices, rows, columns) float64 unless it says otherwise."""

    t1: Array
    """T1-weighted template, white matter about 1."""
    gm: Array
    """Share of grey matter, 0 to 1."""
    wm: Array
    """Share of white matter, 0 to 1."""
    hull_mm: Array
    """Signed distance to the brain's hull, negative inside."""
    skin_mm: Array
    """Signed distance to the skin, negative inside."""
    place_mm: tuple[Array, Array, Array]
    """x, y, z of every pixel in MNI space."""


@dataclass(frozen=True)
class Lesion:
    """A lesion on the same grid."""

    share: Array
    """(slices, rows, columns) share of lesion in each pixel, 0 to 1."""
    depth: Array
    """(slices, rows, columns) 0 at its centre, 1 at its edge, more outside."""
    mask: NDArray[np.bool_]
    """(slices, rows, columns) one connected piece."""


def _sample(volume: NDArray[np.generic], place: list[Array], step: float, outside: float) -> Array:
    """Linear interpolation of a template at MNI positions in mm."""
    from scipy.ndimage import map_coordinates

    index = [(p - origin) / step for p, origin in zip(place, ORIGIN_MM, strict=True)]
    values: Array = map_coordinates(
        volume, index, output=np.float64, order=1, mode="constant", cval=outside
    )
    return values


def _rotation(tilt: float, roll: float, turn: float) -> Array:
    """Rotation about x, then y, then z, in radians."""
    (ca, sa), (cb, sb), (cc, sc) = ((np.cos(v), np.sin(v)) for v in (tilt, roll, turn))
    about_x = np.array([[1, 0, 0], [0, ca, -sa], [0, sa, ca]])
    about_y = np.array([[cb, 0, sb], [0, 1, 0], [-sb, 0, cb]])
    about_z = np.array([[cc, -sc, 0], [sc, cc, 0], [0, 0, 1]])
    rotation: Array = about_z @ about_y @ about_x
    return rotation


def place_head(rng: np.random.Generator, grid: Grid) -> tuple[list[Array], list[Array]]:
    """MNI position (x, y, z, in mm) of every pixel of a randomly turned, scaled and bent head.

    Returns:
        the positions for the skin, bent gently, and for the brain, whose folds are bent further.
    """
    turned = _rotation(*np.radians(rng.uniform([-9, -3, -7], [5, 3, 7])))
    size = rng.uniform(0.93, 1.05) * rng.uniform(0.96, 1.04, 3)
    size[0] *= rng.choice([-1.0, 1.0])
    matrix = turned / size[:, None]
    shift = np.array(_CENTRE_MM) + rng.uniform([-4, -4, -3], [4, 4, 3])
    axes = (grid.x[None, None, :], grid.y[None, :, None], grid.z[:, None, None])
    coarse, fine = rng.uniform(3.0, 4.5), rng.uniform(1.2, 1.9)
    skin = [
        sum(matrix[i, j] * axes[j] for j in range(3))
        + (shift[i] + coarse * random_field(rng, grid, 70))
        for i in range(3)
    ]
    return skin, [p + fine * random_field(rng, grid, 22) for p in skin]


def _sample_head(templates: Templates, place: list[Array], skin_mm: Array) -> Head:
    return Head(
        t1=_sample(templates.t1, place, 1, 0) / 222,
        gm=_sample(templates.gm, place, 1, 0) / 255,
        wm=_sample(templates.wm, place, 1, 0) / 255,
        hull_mm=_sample(templates.hull_mm, place, COARSE_MM, 99),
        skin_mm=skin_mm,
        place_mm=(place[0], place[1], place[2]),
    )


def grow_lesion(rng: np.random.Generator, templates: Templates, grid: Grid) -> tuple[Head, Lesion]:
    """Place a head at random and put one lesion into it that pushes its surroundings outwards.

    Returns:
        the head around the lesion, and the lesion. Its mask is never empty, and leaves slices
        below and above it free of lesion where slices are far enough apart or many.
    """
    skin_place, place = place_head(rng, grid)
    skin_mm = _sample(templates.skin_mm, skin_place, COARSE_MM, 99)
    semi_axes = np.clip(rng.uniform(14, 33) * rng.uniform(0.75, 1.3, 3), 12, 36)
    turned = _rotation(*rng.uniform(-0.8, 0.8, 3))
    site = templates.lesion_sites[rng.integers(len(templates.lesion_sites))].astype(np.float64)
    site[2] = _nearest_height(site, grid, place)
    push = rng.uniform(0.05, 0.25)
    softness = rng.uniform(0.08, 0.2)
    lobes = 0.13 * random_field(rng, grid, 14) + 0.06 * random_field(rng, grid, 6)

    away = [p - s for p, s in zip(place, site, strict=True)]
    across = np.clip(-away[0] * np.sign(site[0]) - abs(site[0]), 0, None)
    while True:
        reach = [sum(turned[i, j] * away[j] for j in range(3)) / semi_axes[i] for i in range(3)]
        distance = np.sqrt(sum(part**2 for part in reach))
        pull = 1 - push * np.exp(-((distance / 1.6) ** 2))
        pushed = [s + a * pull for s, a in zip(site, away, strict=True)]
        head = _sample_head(templates, pushed, skin_mm)
        # Gliomas follow white matter, halt at the ventricles and seldom cross the falx.
        fluid = np.clip(1 - head.gm - head.wm, 0, 1)
        depth = distance + lobes + 0.12 * head.gm + 0.5 * fluid + across / 12
        share = smoothstep(depth, 1 + softness, 1 - softness)
        share *= smoothstep(fluid, 0.95, 0.45) * smoothstep(head.t1, 0.15, 0.4)
        mask = _largest_piece(share > 0.5)
        if mask.sum() >= _LEAST_PIXELS:
            return head, Lesion(share * _near(mask), depth, mask)
        semi_axes *= 1.25


def _nearest_height(site: Array, grid: Grid, place: list[Array]) -> float:
    """Height (MNI z, mm) at `site` of the slice that passes nearest to it."""
    sideways = (place[0] - site[0]) ** 2 + (place[1] - site[1]) ** 2
    closest = sideways.reshape(len(grid.z), -1).argmin(axis=1)
    heights = place[2].reshape(len(grid.z), -1)[np.arange(len(grid.z)), closest]
    return float(heights[np.abs(heights - site[2]).argmin()])


def _largest_piece(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected piece, its holes within each slice filled."""
    from scipy.ndimage import binary_fill_holes, label

    labels, count = label(mask, structure=np.ones((3, 3, 3)))
    if count == 0:
        return mask
    largest = labels == 1 + np.bincount(labels.ravel())[1:].argmax()
    return np.stack([binary_fill_holes(one) if one.any() else one for one in largest])


def _near(mask: NDArray[np.bool_]) -> Array:
    """1 within two pixels of the mask in its slice, 0 elsewhere."""
    from scipy.ndimage import binary_dilation

    disc = np.ones((1, 3, 3), bool)
    return np.asarray(binary_dilation(mask, disc, iterations=2), np.float64)
