"""NIfTI, MetaImage, NRRD and single DICOM files, by SimpleITK."""

import gzip
import re
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from segtrt.data.formats.image import Geometry, Image
from segtrt.data.formats.kinds import COMPANIONS, HEAD_BYTES, Format, suffix_of
from segtrt.errors import SegtrtError

if TYPE_CHECKING:
    import SimpleITK

READERS = {
    Format.NIFTI: "NiftiImageIO",
    Format.META: "MetaImageIO",
    Format.NRRD: "NrrdImageIO",
    Format.DICOM: "GDCMImageIO",
}
"""The reader of SimpleITK's for each format."""

_CHUNK_BYTES = 1 << 20
_DETACHED = re.compile(rb"^(?:ElementDataFile\s*=|data ?file:)\s*(.+?)\s*$", re.MULTILINE | re.I)


def read_volume(path: Path, form: Format) -> Image:
    """Read a volume, or an image, with its place in space.

    A fourth axis (time, sequences) and vectors of components are channels.

    Raises:
        SegtrtError: it is damaged or cut short, its pixels are no numbers, its axes shear, or its
            data lie in a file that is not beside it under its name.
    """
    _check_whole(path, form)
    return to_image(execute(path, READERS[form]), path)


def read_geometry(path: Path, form: Format) -> tuple[tuple[int, ...], Geometry]:
    """Size and place of a volume, in the array's order, from its header alone."""
    reader = _reader(path, READERS[form])
    try:
        reader.ReadImageInformation()
    except RuntimeError as error:
        raise _failure(path, error) from None
    axes = min(reader.GetDimension(), 3)
    geometry = _geometry(
        reader.GetSpacing(), reader.GetOrigin(), reader.GetDirection(), reader.GetDimension()
    )
    return tuple(reader.GetSize()[:axes][::-1]), geometry


def read_pixels(path: Path, reader: str) -> NDArray[Any]:
    """Pixels of a picture, (rows, columns[, channels]), by one of SimpleITK's readers."""
    import SimpleITK

    array: NDArray[Any] = SimpleITK.GetArrayFromImage(execute(path, reader))
    return array


def execute(path: Path, reader: str) -> "SimpleITK.Image":
    """Read a file by one of SimpleITK's readers.

    Raises:
        SegtrtError: it cannot be read.
    """
    try:
        image: SimpleITK.Image = _reader(path, reader).Execute()
        return image
    except RuntimeError as error:
        raise _failure(path, error) from None


def to_image(image: "SimpleITK.Image", path: Path) -> Image:
    """What SimpleITK read as an `Image`.

    Raises:
        SegtrtError: its pixels are no numbers, or it has too many axes.
    """
    import SimpleITK

    if "complex" in image.GetPixelIDTypeAsString():
        raise SegtrtError(f"{path} has complex pixels, expected real numbers; convert it")
    array = SimpleITK.GetArrayFromImage(image)
    axes = image.GetDimension()
    components = image.GetNumberOfComponentsPerPixel()
    if axes not in (2, 3, 4) or (axes == 4 and components > 1):
        raise SegtrtError(
            f"{path} has {axes} axes and {components} components a pixel, expected an image, a "
            "volume or a series of volumes; split it"
        )
    if components > 1:
        array = np.moveaxis(array, -1, 0)
    elif axes < 4:
        array = array[np.newaxis]
    geometry = _geometry(image.GetSpacing(), image.GetOrigin(), image.GetDirection(), axes)
    return Image(np.ascontiguousarray(array), geometry)


def from_labels(labels: NDArray[Any], geometry: Geometry) -> "SimpleITK.Image":
    """A SimpleITK image of a mask, (*size), that lies where `geometry` says."""
    import SimpleITK

    image = SimpleITK.GetImageFromArray(labels)
    image.SetSpacing(geometry.spacing[::-1])
    image.SetOrigin(geometry.origin)
    image.SetDirection(geometry.direction)
    return image


def _geometry(
    spacing: tuple[float, ...], origin: tuple[float, ...], direction: tuple[float, ...], axes: int
) -> Geometry:
    kept = min(axes, 3)
    matrix = np.reshape(direction, (axes, axes))[:kept, :kept]
    return Geometry(
        tuple(spacing[:kept][::-1]), tuple(origin[:kept]), tuple(float(x) for x in matrix.flat)
    )


def _reader(path: Path, reader: str) -> "SimpleITK.ImageFileReader":
    import SimpleITK

    SimpleITK.ProcessObject.SetGlobalWarningDisplay(False)
    made = SimpleITK.ImageFileReader()
    made.SetImageIO(reader)
    made.SetFileName(str(path))
    return made


def _failure(path: Path, error: RuntimeError) -> SegtrtError:
    text = " ".join(str(error).split())
    if "orthonormal" in text:
        return SegtrtError(
            f"{path} has axes that are not at right angles, expected a plain grid; resample it"
        )
    reason = re.split(r"ITK ERROR: |Reason: ", text)[-1][-200:]
    return SegtrtError(
        f"{path} is damaged, cut short or of a kind that SimpleITK does not read ({reason}); put "
        "the file back from its source or convert it"
    )


def _check_whole(path: Path, form: Format) -> None:
    """Refuse what SimpleITK would read in part without a word."""
    if form is Format.NIFTI:
        _check_nifti(path)
    elif suffix_of(path.name) in COMPANIONS:
        _check_companion(path)


def _check_nifti(path: Path) -> None:
    """Compare a NIfTI file's length, unpacked, with what its header promises."""
    try:
        with path.open("rb") as raw:
            packed = raw.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as handle:
            header = handle.read(HEAD_BYTES)
            length = len(header)
            if packed:  # reads to the end, and so checks the sum as well
                while chunk := handle.read(_CHUNK_BYTES):
                    length += len(chunk)
            else:
                length = path.stat().st_size
        if header[4:8] == b"n+2\0":
            raise SegtrtError(f"{path} is NIfTI-2, expected NIfTI-1; convert it")
        expected = _nifti_bytes(header)
    except (EOFError, gzip.BadGzipFile, zlib.error, IndexError, ValueError) as error:
        raise SegtrtError(
            f"{path} is damaged or cut short ({error}); put the file back from its source"
        ) from None
    if length < expected:
        raise SegtrtError(
            f"{path} is cut short ({length} bytes of {expected}, unpacked); put the file back from "
            "its source"
        )


def _nifti_bytes(header: bytes) -> int:
    """Length of a NIfTI-1 file by its header (nifti.nimh.nih.gov, nifti1.h)."""
    order = "<" if header[:4] == b"\x5c\x01\0\0" else ">"
    sizes = np.frombuffer(header, f"{order}i2", 8, 40).astype(int)
    bits = int(np.frombuffer(header, f"{order}i2", 1, 72)[0])
    offset = int(np.frombuffer(header, f"{order}f4", 1, 108)[0])
    if not 1 <= sizes[0] <= 7 or (sizes[1 : sizes[0] + 1] < 1).any():
        raise ValueError("its header is not valid")
    return offset + int(np.prod(sizes[1 : sizes[0] + 1])) * bits // 8


def _check_companion(path: Path) -> None:
    """Refuse a header whose data are not in the file of its name, which alone is watched."""
    match = _DETACHED.search(path.read_bytes())
    named = match[1].decode("utf-8", "surrogateescape") if match else ""
    suffix = suffix_of(path.name)
    stem = path.name[: -len(suffix)]
    expected = [stem + other for other in COMPANIONS[suffix]]
    if named not in (*expected, "LOCAL"):
        raise SegtrtError(
            f"{path} has its data in {named or 'no file'!r}, expected {' or '.join(expected)} "
            "beside it; rename the data and correct the header"
        )
