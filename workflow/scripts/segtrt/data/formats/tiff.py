"""TIFF: one image, or pages that make a stack; three libraries share what none reads alone.

Pillow reads plain images of 8 bits with every compression that libtiff knows; tifffile every type
and order of samples, but few compressions; SimpleITK 16 bits and floats in compressions that
tifffile lacks.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segtrt.data.formats.image import Image, upright
from segtrt.data.formats.pictures import channels_first, pillow
from segtrt.errors import SegtrtError

if TYPE_CHECKING:
    from tifffile import TiffPage, TiffPageSeries

_BITS, _PHOTOMETRIC, _DESCRIPTION, _ORIENTATION, _SUB_IFDS = (
    258, 262, 270, 274, 330,
)  # fmt: skip
_NATIVE = frozenset(("NONE", "ADOBE_DEFLATE", "DEFLATE", "PACKBITS", "LZMA"))
"""Compressions that tifffile decodes by itself."""

_ELSEWHERE = frozenset(("LZW", "JPEG", "CCITTRLE", "CCITTFAX3", "CCITTFAX4", "ZSTD"))
"""Those that Pillow decodes, and SimpleITK the first of them."""

_PHOTOMETRICS = ("MINISWHITE", "MINISBLACK", "RGB", "PALETTE", "MASK", "YCBCR")

_PACKAGES = ("imagecodecs", "compression")
"""What tifffile asks for where it cannot decode."""


def read_tiff(path: Path, *, indices: bool = False) -> Image:
    """Read a TIFF file, turned as its orientation tag says.

    Pages of one size and type are the slices of a stack; smaller copies for viewers are ignored.

    Args:
        path: the file.
        indices: give a palette's indices, as masks have them, instead of its colours.

    Raises:
        SegtrtError: it is damaged or cut short, holds different images, or its samples or its
            compression cannot be read here; the message says which.
    """
    plain = _read_plain(path)
    if plain is not None:
        return Image(channels_first(plain))
    from tifffile import TiffFile

    # Broken files end in nearly any error of tifffile's; all of them mean that it is damaged.
    try:
        with TiffFile(path, _multifile=False) as file:
            return _read_series(path, _only_series(path, file.series), indices)
    except (SegtrtError, MemoryError):
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        if any(f"'{package}" in reason for package in _PACKAGES):
            raise SegtrtError(
                f"{path} cannot be read here ({reason}); save it uncompressed with 8, 16 or 32 bits"
            ) from None
        raise _damaged(path, reason) from None


def _read_plain(path: Path) -> NDArray[np.uint8] | None:
    """One upright image of 8 bits, grey or RGB, (rows, columns[, 3]); None if it is anything else.

    Most files are of this kind, and Pillow is several times as fast as tifffile.
    """
    try:
        with pillow().open(path, formats=["TIFF"]) as picture:
            tags = picture.tag_v2
            depth = tuple(tags.get(_BITS, (1,)))
            description = str(tags.get(_DESCRIPTION, ""))
            if (
                (picture.mode, depth) not in (("L", (8,)), ("RGB", (8, 8, 8)))
                or tags.next  # where the next image's tags begin
                or tags.get(_ORIENTATION, 1) != 1
                or _SUB_IFDS in tags
                or description.startswith(("ImageJ=", '{"shape"', "<?xml"))
            ):
                return None
            array: NDArray[np.uint8] = np.array(picture)
            return array
    except Exception:  # whatever is wrong is reported by the reader that comes next
        return None


def _only_series(path: Path, series: "list[TiffPageSeries]") -> "TiffPageSeries":
    full = [each for each in series if not each.keyframe.is_reduced]
    if len(full) == 1:
        return full[0]
    what = "no image" if not full else f"{len(full)} images of different sizes or types"
    raise SegtrtError(f"{path} holds {what}, expected one, or pages of one kind; split it")


def _read_series(path: Path, series: "TiffPageSeries", indices: bool) -> Image:
    page = series.keyframe
    if not page.imagewidth or not page.imagelength:
        raise _damaged(path, "its first page has no size")
    photometric = "MINISBLACK"
    if _PHOTOMETRIC in page.tags:
        photometric = getattr(page.photometric, "name", str(page.photometric))
    if photometric not in _PHOTOMETRICS:
        raise SegtrtError(f"{path} has {photometric} pixels, expected grey or RGB; convert it")
    _check_whole(path, series)
    compression = getattr(page.compression, "name", str(page.compression))
    if compression in _NATIVE and page.predictor != 3 and photometric != "YCBCR":
        turned = False
        array = series.asarray()
    else:
        turned = True
        try:
            array = _decode_elsewhere(path, series, f"{compression} compression")
        except Exception:
            if compression in (*_NATIVE, *_ELSEWHERE):
                raise
            raise SegtrtError(
                f"{path} has {compression} compression, which cannot be read here; save it with "
                "deflate or uncompressed"
            ) from None
    if array.dtype.kind not in "buif":
        raise SegtrtError(f"{path} has samples of type {array.dtype}, expected numbers; convert it")
    if photometric == "MINISWHITE" and not (turned and array.dtype in (np.uint8, np.bool_)):
        array = _inverted(path, array, int(page.bitspersample))
    elif photometric == "PALETTE" and not indices and page.colormap is not None:
        array = np.moveaxis((page.colormap >> 8).astype(np.uint8)[:, array], 0, -1)
        return _arranged(path, array, f"{series.axes}S", _orientation(page), turned)
    if array.dtype == np.bool_:
        array = (array != 0).astype(np.uint8)  # Pillow's true is 255
    return _arranged(path, array, series.axes, _orientation(page), turned)


def _arranged(path: Path, array: NDArray[Any], axes: str, orientation: int, turned: bool) -> Image:
    """Axes by tifffile's letters as (channels, [slices,] rows, columns)."""
    keep = [place for place, length in enumerate(array.shape) if length > 1 or axes[place] in "YX"]
    array = array.reshape([array.shape[place] for place in keep])
    letters = "".join(axes[place] for place in keep)
    channels = [place for place, letter in enumerate(letters) if letter in "SC"]
    slices = [place for place, letter in enumerate(letters) if letter not in "SCYX"]
    if len(channels) > 1 or len(slices) > 1 or "Y" not in letters or "X" not in letters:
        raise SegtrtError(
            f"{path} has the axes {letters} of lengths {array.shape}, expected rows and columns "
            "with at most one of channels and one of slices; split it"
        )
    order = [*channels, *slices, letters.index("Y"), letters.index("X")]
    array = array.transpose(order)
    if not channels:
        array = array[np.newaxis]
    return Image(
        np.ascontiguousarray(array if turned else upright(array, orientation)),
        orientation=orientation,
    )


def _orientation(page: "TiffPage") -> int:
    value = int(page.tags.valueof(_ORIENTATION, 1))
    return value if 1 <= value <= 8 else 1


def _inverted(path: Path, array: NDArray[Any], bits: int) -> NDArray[Any]:
    """Where 0 is white, black becomes 0."""
    if array.dtype == np.bool_:
        return ~array
    if array.dtype.kind == "u":
        inverted: NDArray[Any] = np.subtract(array.dtype.type(2**bits - 1), array)
        return inverted
    raise SegtrtError(
        f"{path} says that its 0 is white (MINISWHITE) and has samples of type {array.dtype}; "
        "invert it and save it with 0 as black"
    )


def _check_whole(path: Path, series: "TiffPageSeries") -> None:
    """Refuse a file that ends before its pixels do, which tifffile would read as zeros."""
    length = path.stat().st_size
    end = 0
    if series.dataoffset is not None:
        end = series.dataoffset + series.nbytes
    for page in series.pages:
        if page is None:
            continue
        counts = page.databytecounts
        if not counts or not all(counts):
            raise _damaged(path, "it has parts without pixels")
        end = max(end, *(o + n for o, n in zip(page.dataoffsets, counts, strict=True)))
        if page.compression == 1 and sum(counts) < _page_bytes(series.keyframe):
            raise _damaged(
                path, f"a page has {sum(counts)} bytes of {_page_bytes(series.keyframe)}"
            )
    if end > length:
        raise _damaged(path, f"it has {length} bytes, its pixels end at {end}")


def _page_bytes(page: "TiffPage") -> int:
    """The bytes of an uncompressed page's pixels, every row filled up to a whole byte."""
    if page.photometric == 6:  # YCbCr, whose colours may have fewer samples
        return 0
    planes, samples = 1, page.samplesperpixel
    if page.planarconfig == 2:
        planes, samples = samples, 1
    return planes * page.imagelength * ((page.imagewidth * samples * page.bitspersample + 7) // 8)


def _decode_elsewhere(path: Path, series: "TiffPageSeries", what: str) -> NDArray[Any]:
    """Pixels by Pillow or SimpleITK, turned as the orientation tag says, axes as `series` has them.

    What they give is taken only if it has the type and shape that tifffile says.
    """
    page = series.keyframe
    by_pillow = page.dtype in (np.uint8, np.bool_) or (
        page.samplesperpixel == 1 and page.dtype in (np.uint16, np.int32, np.float32)
    )
    plainly = _orientation(page) == 1 and page.photometric in (1, 2)
    planes = None
    if by_pillow:
        planes = _by_pillow(path, [each.index for each in series.pages if each is not None])
    elif len(series.pages) == 1 and plainly:
        from segtrt.data.formats.volumes import read_pixels

        planes = [read_pixels(path, "TIFFImageIO")]
    expected = (page.imagelength, page.imagewidth)
    if _orientation(page) >= 5:
        expected = expected[::-1]
    if planes is None or any(
        plane.dtype != page.dtype or plane.shape[:2] != expected for plane in planes
    ):
        raise SegtrtError(
            f"{path} has {page.samplesperpixel} x {page.bitspersample} bits in {what}, which "
            "cannot be read here; save it uncompressed"
        )
    stack = np.stack(planes) if len(planes) > 1 else planes[0]
    if page.axes.startswith(
        "S"
    ):  # planes of samples, as the file has them, where readers gave them last
        stack = np.moveaxis(stack, -1, -3)
    return stack


def _by_pillow(path: Path, pages: list[int]) -> list[NDArray[Any]]:
    with pillow().open(path, formats=["TIFF"]) as picture:
        planes = []
        for page in pages:
            picture.seek(page)
            planes.append(np.array(picture))
        return planes


def _damaged(path: Path, reason: str) -> SegtrtError:
    return SegtrtError(
        f"{path} is damaged or cut short ({reason}); put the file back from its source"
    )
