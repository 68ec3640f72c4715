"""Outlines of masks as SVG paths: small enough to keep for every slice of every engine."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

SCALE = 2
"""Path units per pixel, so that all points are whole numbers: 256 pixels span 512 units."""

_TOLERANCE_PIXELS = 0.6
_MAX_CHARACTERS = 6000


def outline(mask: NDArray[Any]) -> str:
    """The outline of a mask as the `d` of an SVG path, in units of half a pixel; empty if none.

    The outline runs through the middle between foreground and background pixels (marching
    squares) and is simplified by at most 0.6 pixels. A speckled mask keeps its longest pieces, up
    to 6,000 characters.

    Args:
        mask: (height, width); any non-zero value is foreground.
    """
    from skimage.measure import find_contours

    if not mask.any():
        return ""
    padded = np.pad(mask != 0, 1).astype(np.uint8)
    contours = sorted(
        find_contours(padded, 0.5),  # type: ignore[no-untyped-call]
        key=len,
        reverse=True,
    )
    pieces: list[str] = []
    room = _MAX_CHARACTERS
    for contour in contours:
        points = simplify(contour, _TOLERANCE_PIXELS)
        if len(points) < 4:  # a single pixel collapses under the tolerance
            points = contour
        # Row r of the padded mask is centred at r - 1 + 1/2 of the image.
        piece = _path(np.rint((points[:-1] - 0.5) * SCALE).astype(int))
        room -= len(piece)
        if room < 0:
            break
        pieces.append(piece)
    return "".join(pieces)


def simplify(points: NDArray[np.float64], tolerance: float) -> NDArray[np.float64]:
    """Leave out points of a closed line that the rest passes within `tolerance`.

    The algorithm is Douglas and Peucker's (Cartographica 10 (1973) 112-122). scikit-image has it
    too, but its module takes half a second to import.

    Args:
        points: (n, 2), first and last equal.
        tolerance: in the points' units.

    Returns:
        Some of the points in their order, first and last kept.
    """
    far = int(np.argmax(np.hypot(*(points - points[0]).T)))
    keep = {0, far, len(points) - 1}
    spans = [(0, far), (far, len(points) - 1)]
    while spans:
        begin, end = spans.pop()
        if end - begin < 2:
            continue
        along = points[end] - points[begin]
        away = points[begin + 1 : end] - points[begin]
        length = np.hypot(*along)
        distance = (
            np.abs(along[0] * away[:, 1] - along[1] * away[:, 0]) / length
            if length
            else np.hypot(*away.T)
        )
        most = int(np.argmax(distance))
        if distance[most] > tolerance:
            middle = begin + 1 + most
            keep.add(middle)
            spans += [(begin, middle), (middle, end)]
    return points[sorted(keep)]


def _path(points: NDArray[np.int_]) -> str:
    """A closed path through (row, column) points, with relative steps."""
    row, column = points[0]
    steps = "".join(
        f"{x}{y}" if x.startswith("-") and y.startswith("-") else _pair(x, y)
        for y, x in np.diff(points, axis=0).astype(str)
    )
    return f"M{column} {row}l{steps}z"


def _pair(x: str, y: str) -> str:
    return f" {x}{y}" if y.startswith("-") else f" {x} {y}"
