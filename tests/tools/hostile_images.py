"""Small data sets that break readers, each with the outcome that is right.

Run as a script to look at them: `python tests/tools/hostile_images.py FOLDER`.
"""

import gzip
import os
import struct
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
from PIL import Image
from segtrt.data.layout import KAGGLE, Layout

ROWS, COLUMNS = 20, 24
SLICES = (6, 7, 8, 10)
FLAT = Layout("images/{item}.png", "masks/{item}.png")
VOLUMES = Layout("ct/{subject}.nii.gz", "seg/{subject}.nii.gz")
_LATIN1 = os.fsdecode(b"m\xfcller")
CHANNELS = Layout("imagesTr/{subject}_{channel}.png", "labelsTr/{subject}.png")


@dataclass(frozen=True)
class Case:
    """A data set and what listing and reading it must give."""

    make: Callable[[Path], None]
    """Makes it in an empty folder."""
    layout: Layout = KAGGLE
    sound: int = 8
    """Items that are listed and can be read."""
    problems: tuple[str, ...] = ()
    """Regular expressions, one for each problem of the listing, in its order; each is searched in
    `subject: reason`."""
    unreadable: tuple[str, ...] = ()
    """One for each item that is listed but refused on reading, in their order."""
    refused: str | None = None
    """For a data set that is refused whole."""
    ignored: int = 0
    """Files that no pattern matches."""
    left_behind: int = 0


def colours(seed: int) -> np.ndarray[Any, Any]:
    """(20, 24, 3) uint8, random."""
    return np.random.default_rng(seed).integers(0, 256, (ROWS, COLUMNS, 3), np.uint8)


def blob(seed: int, value: int = 255) -> np.ndarray[Any, Any]:
    """(20, 24) uint8, 0 or `value`."""
    return np.where(colours(seed)[..., 0] > 180, value, 0).astype(np.uint8)


def subject(root: Path, name: str, slices: tuple[int, ...] = SLICES, number: Any = str) -> Path:
    """A subject in the Kaggle layout."""
    folder = root / name
    folder.mkdir(parents=True, exist_ok=True)
    for n in slices:
        Image.fromarray(colours(n)).save(folder / f"{name}_{number(n)}.tif")
        Image.fromarray(blob(n)).save(folder / f"{name}_{number(n)}_mask.tif")
    return folder


def two(root: Path, *names: str, **options: Any) -> None:
    """Subjects, `pat_a` and `pat_b` unless named."""
    for name in names or ("pat_a", "pat_b"):
        subject(root, name, **options)


def after(change: Callable[[Path], object]) -> Callable[[Path], None]:
    """Two subjects, then a change to them."""

    def make(root: Path) -> None:
        two(root)
        change(root)

    return make


def instead(name: str, write: Callable[[Path], object]) -> Callable[[Path], None]:
    """Two subjects, with one file of `pat_b` written otherwise."""

    def change(root: Path) -> None:
        path = root / "pat_b" / name
        path.unlink()
        write(path)

    return after(change)


def image(write: Callable[[Path, Any], object]) -> Callable[[Path], None]:
    """Two subjects, with the image of slice 8 of `pat_b` written otherwise."""
    return instead("pat_b_8.tif", lambda path: write(path, colours(8)))


def mask(write: Callable[[Path, Any], object]) -> Callable[[Path], None]:
    """Two subjects, with the mask of slice 8 of `pat_b` written otherwise."""
    return instead("pat_b_8_mask.tif", lambda path: write(path, blob(8)))


def placed(path: Path, content: bytes = b"x") -> None:
    """A file with its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def made_folder(path: Path) -> None:
    """A folder with its parents."""
    path.mkdir(parents=True)


def renamed(root: Path, change: Callable[[Path], Path]) -> None:
    """Rename every file of `pat_b`."""
    for path in list((root / "pat_b").iterdir()):
        path.rename(change(path))


def converted(root: Path, suffix: str, *numbers: int) -> None:
    """Some slices of `pat_b` in another format."""
    for number in numbers:
        for tail in ("", "_mask"):
            path = root / f"pat_b/pat_b_{number}{tail}.tif"
            Image.open(path).save(path.with_suffix(suffix))
            path.unlink()


def latin1_folder(root: Path) -> None:
    """A subject whose name is Latin-1."""
    two(root)
    folder = (root / "pat_b").rename(root / _LATIN1)
    for path in list(folder.iterdir()):
        path.rename(folder / path.name.replace("pat_b", _LATIN1))


def flat(root: Path, count: int = 3, folders: tuple[str, str] = ("images", "masks")) -> None:
    """Pictures 1.png, 2.png, ... in one folder and their masks in another."""
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
    for n in range(1, count + 1):
        Image.fromarray(colours(n)).save(root / folders[0] / f"{n}.png")
        Image.fromarray(blob(n)).save(root / folders[1] / f"{n}.png")


def flat_after(change: Callable[[Path], object]) -> Callable[[Path], None]:
    """`flat`, then a change."""

    def make(root: Path) -> None:
        flat(root)
        change(root)

    return make


def channels(root: Path) -> None:
    """Two subjects of two channels."""
    for folder in ("imagesTr", "labelsTr"):
        (root / folder).mkdir()
    for name in ("p1", "p2"):
        for n in range(2):
            Image.fromarray(colours(n)[..., 0]).save(root / f"imagesTr/{name}_000{n}.png")
        Image.fromarray(blob(1)).save(root / f"labelsTr/{name}.png")


def channels_after(change: Callable[[Path], object]) -> Callable[[Path], None]:
    """`channels`, then a change."""

    def make(root: Path) -> None:
        channels(root)
        change(root)

    return make


def volume(path: Path, array: Any, spacing: tuple[float, ...] = (1.0, 1.0, 2.0)) -> None:
    """A volume, (slices, rows, columns)."""
    import SimpleITK

    path.parent.mkdir(parents=True, exist_ok=True)
    made = SimpleITK.GetImageFromArray(array)
    made.SetSpacing(spacing[: made.GetDimension()])
    SimpleITK.WriteImage(made, str(path))


def volumes(root: Path) -> None:
    """Two volumes with masks."""
    for n, name in enumerate(("v1", "v2")):
        scan = np.random.default_rng(n).integers(-900, 900, (5, 6, 7)).astype(np.int16)
        volume(root / f"ct/{name}.nii.gz", scan)
        volume(root / f"seg/{name}.nii.gz", np.where(scan > 500, 255, 0).astype(np.uint8))


def volumes_after(change: Callable[[Path], object]) -> Callable[[Path], None]:
    """`volumes`, then a change."""

    def make(root: Path) -> None:
        volumes(root)
        change(root)

    return make


def cut(path: Path, size: int) -> None:
    """Shorten a file by `size` bytes."""
    path.write_bytes(path.read_bytes()[:-size])


def turned(path: Path, array: Any, orientation: int) -> None:
    """A TIFF with an orientation tag; `array` is how it is stored."""
    tifffile.imwrite(path, array, extratags=[(274, "H", 1, orientation, True)], metadata=None)


def pyramid(path: Path, array: Any) -> None:
    """An image with a smaller copy of itself within."""
    with tifffile.TiffWriter(path) as writer:
        writer.write(array, photometric="rgb", subifds=1)
        writer.write(array[::2, ::2], photometric="rgb", subfiletype=1)


def gone(path: Path) -> None:
    """A link that leads nowhere."""
    path.symlink_to(path.parent / ".git/annex/objects/gone.tif")


def nested_pair(root: Path) -> None:
    """The copies of one tree in the published archive."""
    two(root / "kaggle_3m")
    two(root / "lgg-mri-segmentation/kaggle_3m")


_BAD_BIGTIFF = (
    b"II+\0" + struct.pack("<HHQ", 8, 0, 16) + struct.pack("<Q", 1)
    + struct.pack("<HHQQ", 270, 2, 64, 0x97006B0097009797)
)  # fmt: skip
_NFD = unicodedata.normalize("NFD", "müller")

tiff = tifffile.imwrite

LISTING: dict[str, Case] = {
    "good": Case(two),
    "dangling_link": Case(
        instead("pat_b_7_mask.tif", gone), sound=7, problems=(r"^pat_b: .*7_mask.tif is a link",)
    ),
    "looping_link": Case(
        instead("pat_b_7.tif", lambda p: p.symlink_to(p.name)),
        sound=7,
        problems=(r"pat_b_7.tif is a link that leads nowhere",),
    ),
    "dangling_subject": Case(
        after(lambda r: gone(r / "pat_c")), problems=(r"^pat_c: pat_c is a link",)
    ),
    "linked_subject": Case(
        after(lambda r: (r / "x").symlink_to("pat_a")), problems=(r"^x: x has",), ignored=8
    ),
    "folder_like_an_image": Case(
        after(lambda r: made_folder(r / "pat_b/pat_b_11.tif")),
        problems=(r"pat_b_11.tif is a folder",),
    ),
    "pipe_like_an_image": Case(
        after(lambda r: os.mkfifo(r / "pat_b/pat_b_11.tif")), problems=(r"_11.tif is a pipe",)
    ),
    "pipe_like_a_subject": Case(after(lambda r: os.mkfifo(r / "pat_c")), ignored=1),
    "empty_file": Case(
        instead("pat_b_7.tif", lambda p: p.write_bytes(b"")),
        sound=7,
        problems=(r"pat_b_7.tif is empty \(0 bytes\)",),
    ),
    "no_mask": Case(
        after(lambda r: (r / "pat_b/pat_b_7_mask.tif").unlink()),
        sound=7,
        problems=(r"pat_b/pat_b_7.tif has no mask, expected pat_b/pat_b_7_mask.tif",),
    ),
    "no_image": Case(
        after(lambda r: (r / "pat_b/pat_b_7.tif").unlink()),
        sound=7,
        problems=(r"pat_b_7_mask.tif has no image, expected pat_b/pat_b_7.tif",),
    ),
    "empty_subject": Case(
        after(lambda r: made_folder(r / "pat_c")), problems=(r"^pat_c: pat_c has no files",)
    ),
    "macosx": Case(after(lambda r: placed(r / "__MACOSX/pat_a/._pat_a_6.tif")), left_behind=1),
    "synology": Case(after(lambda r: placed(r / "@eaDir/x.jpg@SynoEAStream")), left_behind=1),
    "recycle": Case(after(lambda r: made_folder(r / "#recycle")), left_behind=1),
    "windows_bin": Case(after(lambda r: placed(r / "$RECYCLE.BIN/desktop.ini")), left_behind=1),
    "lost_found": Case(after(lambda r: made_folder(r / "lost+found")), left_behind=1),
    "volume_information": Case(
        after(lambda r: placed(r / "System Volume Information/IndexerVolumeGuid")), left_behind=1
    ),
    "junk_in_a_subject": Case(
        after(
            lambda r: [
                made_folder(r / "pat_a/@eaDir/pat_a_6.tif"),
                *(placed(r / "pat_a" / n) for n in (".DS_Store", "Thumbs.db", "._pat_a_6.tif")),
            ]
        ),
        left_behind=4,
    ),
    "latin1_subject": Case(
        latin1_folder, sound=4, problems=(r"^m\\xfcller: the name m\\xfcller is not UTF-8",)
    ),
    "latin1_file": Case(
        after(
            lambda r: Path(os.fsdecode(os.fsencode(r / "pat_b") + b"/pat_b_\xfc.tif")).write_bytes(
                b"x"
            )
        ),
        problems=(r"the name pat_b/pat_b_\\xfc.tif is not UTF-8",),
    ),
    "decomposed_name": Case(lambda r: two(r, "pat_a", _NFD)),
    "two_forms_of_a_subject": Case(
        lambda r: two(r, "müller", _NFD), sound=4, problems=(r"^müller: .*NFC and NFD|NFD and NFC",)
    ),
    "image_and_mask_in_two_forms": Case(
        after(
            lambda r: [
                subject(r, "ü", (6,)),
                (r / "ü/ü_6_mask.tif").rename(
                    r / "ü" / unicodedata.normalize("NFD", "ü_6_mask.tif")
                ),
            ]
        ),
        sound=9,
    ),
    "two_forms_of_a_file": Case(
        flat_after(
            lambda r: [
                placed(r / "images" / f"{n}.png") for n in ("ü", unicodedata.normalize("NFD", "ü"))
            ]
        ),
        layout=FLAT,
        sound=3,
        problems=(r"^ü: .* there twice",),
    ),
    "digits": Case(lambda r: two(r, "0001", "0002")),
    "dates": Case(lambda r: two(r, "2019-05-02", "2019-05-03")),
    "odd_names": Case(lambda r: two(r, "a b'c\"{x}", "<img src=x onerror=alert(1)>&amp;")),
    "line_break_in_a_name": Case(lambda r: two(r, "pat_a", "two\nlines")),
    "two_blanks": Case(lambda r: two(r, "pat_a", "two  blanks")),
    "long_name": Case(lambda r: two(r, "pat_a", "p" * 235)),
    "leading_zeros": Case(lambda r: two(r, number=lambda n: f"{n:03d}")),
    "huge_numbers": Case(lambda r: two(r, number=lambda n: str(10**30 + n))),
    "same_number": Case(
        after(lambda r: subject(r, "pat_b", (6,), lambda n: f"0{n}")),
        sound=9,
        problems=(r"pat_b_06.tif and pat_b/pat_b_6.tif bear the same number",),
    ),
    "case_twins": Case(lambda r: two(r, "Pat", "pat")),
    "upper_case": Case(
        after(lambda r: renamed(r, lambda p: p.with_suffix(".TIF"))),
        sound=4,
        problems=(r"^pat_b: .*\.TIF has another suffix",) * 4,
        ignored=8,
    ),
    "tiff_suffix": Case(
        after(lambda r: renamed(r, lambda p: p.with_suffix(".tiff"))),
        sound=4,
        problems=(r"^pat_b: .*\.tiff has another suffix",) * 4,
        ignored=8,
    ),
    "subject_of_png": Case(
        after(lambda r: converted(r, ".png", *SLICES)),
        sound=4,
        problems=(r"^pat_b: .*\.png has another suffix",) * 4,
        ignored=8,
    ),
    "some_png": Case(
        after(lambda r: converted(r, ".png", 8)),
        sound=7,
        problems=(r"pat_b_8.png has another suffix than dataset.images expects",),
        ignored=2,
    ),
    "mask_of_png": Case(
        after(lambda r: (r / "pat_b/pat_b_8_mask.tif").rename(r / "pat_b/pat_b_8_mask.png")),
        sound=7,
        problems=(r"pat_b_8.tif has no mask.*; pat_b/pat_b_8_mask.png has another suffix",),
        ignored=1,
    ),
    "previews": Case(after(lambda r: placed(r / "pat_b/pat_b_8.png")), ignored=1),
    "notes": Case(
        after(lambda r: [placed(r / "README.md"), placed(r / "pat_a/notes.txt")]), ignored=2
    ),
    "split_folders": Case(
        after(lambda r: [subject(r / "train", "pat_c"), subject(r / "test", "pat_d")]),
        problems=(r"^test: test holds a data tree", r"^train: train holds a data tree"),
        ignored=16,
    ),
    "backup_deeper": Case(
        after(lambda r: subject(r / "old/kaggle_3m", "pat_z")),
        problems=(r"^old: old/kaggle_3m holds a data tree",),
        ignored=8,
    ),
    "backup_of_the_name": Case(
        after(lambda r: subject(r / "kaggle_3m", "pat_z")),
        problems=(r"^kaggle_3m: kaggle_3m holds a data tree",),
        ignored=8,
    ),
    "backup_in_a_subject": Case(
        after(lambda r: subject(r / "pat_a/old", "pat_z")),
        problems=(r"^pat_a: pat_a/old holds a data tree",),
        ignored=8,
    ),
    "root_within": Case(lambda r: two(r / "kaggle_3m")),
    "root_deeper": Case(lambda r: two(r / "lgg/kaggle_3m")),
    "published_copies": Case(nested_pair),
    "two_roots": Case(
        lambda r: [two(r / "a/kaggle_3m"), two(r / "b/kaggle_3m")],
        refused=r"holds 2 data trees \(a/kaggle_3m, b/kaggle_3m\)",
    ),
    "one_subjects_folder": Case(
        lambda r: [placed(r / f"{r.name}_6{tail}.tif") for tail in ("", "_mask")],
        refused=r"it looks like one subject's folder",
    ),
    "nothing": Case(lambda _: None, refused=r"has no file that dataset.images"),
    "nothing_of_the_form": Case(
        lambda r: placed(r / "scan.dcm"), refused=r"it holds scan.dcm; set dataset.path"
    ),
    "flat": Case(flat, FLAT, 3),
    "flat_backup": Case(
        flat_after(lambda r: flat(r / "old")), FLAT, 3, (r"^old: old holds a data tree",), ignored=6
    ),
    "flat_other_format": Case(
        flat_after(lambda r: placed(r / "images/4.jpg")),
        FLAT,
        3,
        (r"^4: images/4.jpg has another suffix",),
        ignored=1,
    ),
    "flat_mask_alone": Case(
        flat_after(lambda r: placed(r / "masks/4.png")), FLAT, 3, (r"^4: masks/4.png has no image",)
    ),
    "flat_no_masks_folder": Case(
        flat_after(lambda r: [p.unlink() for p in (r / "masks").iterdir()]),
        FLAT,
        0,
        (r"^1: images/1.png has no mask", r"^2: ", r"^3: "),
    ),
    "masks_beside": Case(
        lambda r: flat(r, folders=("images", "images/labels")),
        Layout("images/{item}.png", "images/labels/{item}.png"),
        3,
    ),
    "channels": Case(channels, CHANNELS, 2),
    "channel_missing": Case(
        channels_after(lambda r: (r / "imagesTr/p2_0001.png").unlink()),
        CHANNELS,
        1,
        (r"^p2: .* lacks the channel 0001, expected imagesTr/p2_0001.png",),
    ),
    "channel_unasked": Case(
        channels_after(lambda r: placed(r / "imagesTr/p2_0002.png")),
        Layout(CHANNELS.images, CHANNELS.masks, ("0000", "0001")),
        2,
        ignored=1,
    ),
    "short_volume": Case(after(lambda r: subject(r, "pat_c", (6, 7))), sound=10),
    "one_subject": Case(lambda r: two(r, "pat_a"), sound=4),
}
"""What names alone decide."""

PIXELS: dict[str, Case] = {
    "grey_image": Case(image(lambda p, a: Image.fromarray(a[..., 1]).save(p))),
    "rgba_image": Case(image(lambda p, a: Image.fromarray(a).convert("RGBA").save(p))),
    "palette_image": Case(image(lambda p, a: Image.fromarray(a).quantize(16).save(p))),
    "uint16_image": Case(image(lambda p, a: tiff(p, a.astype(np.uint16) * 257, photometric="rgb"))),
    "float_image": Case(image(lambda p, a: tiff(p, a.astype(np.float32) / 255, photometric="rgb"))),
    "tiled": Case(image(lambda p, a: tiff(p, a, photometric="rgb", tile=(16, 16)))),
    "bigtiff": Case(image(lambda p, a: tiff(p, a, photometric="rgb", bigtiff=True))),
    "big_endian": Case(image(lambda p, a: tiff(p, a, photometric="rgb", byteorder=">"))),
    "planar": Case(
        image(
            lambda p, a: tiff(p, a.transpose(2, 0, 1), photometric="rgb", planarconfig="separate")
        )
    ),
    "pyramid": Case(image(pyramid)),
    "jpeg_renamed": Case(image(lambda p, a: Image.fromarray(a).save(p, "JPEG"))),
    "png_renamed": Case(image(lambda p, a: Image.fromarray(a).save(p, "PNG"))),
    "predictor": Case(
        image(lambda p, a: Image.fromarray(a).save(p, compression="tiff_lzw", tiffinfo={317: 2}))
    ),
    **{
        f"compressed_{name}": Case(
            image(lambda p, a, name=name: Image.fromarray(a).save(p, compression=name))
        )
        for name in ("tiff_lzw", "tiff_adobe_deflate", "packbits", "jpeg", "zstd", "lzma")
    },
    "stack_for_an_image": Case(
        image(lambda p, a: tiff(p, np.stack([a, a]), photometric="rgb")),
        sound=7,
        unreadable=(r"pat_b_8_mask.tif is of size 20 x 24, .*8.tif of 2 x 20 x 24",),
    ),
    "imagej_stack": Case(
        mask(lambda p, a: tiff(p, np.stack([a] * 5), imagej=True)),
        sound=7,
        unreadable=(r"has 5 channels, expected a mask of one",),
    ),
    "truncated_stack": Case(
        mask(lambda p, a: tiff(p, np.stack([a] * 5), truncate=True, photometric="minisblack")),
        sound=7,
        unreadable=(r"is of size 5 x 20 x 24",),
    ),
    "pages_of_two_sizes": Case(
        image(
            lambda p, a: Image.fromarray(a).save(
                p, save_all=True, append_images=[Image.fromarray(a[:9])]
            )
        ),
        sound=7,
        unreadable=(r"holds 2 images of different sizes",),
    ),
    "cmyk": Case(
        image(lambda p, a: Image.fromarray(a).convert("CMYK").save(p)),
        sound=7,
        unreadable=(r"has SEPARATED pixels, expected grey or RGB",),
    ),
    "mask_bool": Case(
        mask(lambda p, a: Image.fromarray(a).convert("1").save(p)),
        sound=7,
        unreadable=(r"has the value 1 in \d+ pixels, expected 0, 255 only",),
    ),
    "mask_of_ones": Case(
        mask(lambda p, a: Image.fromarray(a // 255).save(p)),
        sound=7,
        unreadable=(r"has the value 1 in",),
    ),
    "mask_254": Case(
        mask(lambda p, a: Image.fromarray(a - (a > 0)).save(p)),
        sound=7,
        unreadable=(r"has the value 254 in",),
    ),
    "mask_rgb": Case(
        mask(lambda p, a: Image.fromarray(np.stack([a] * 3, -1)).save(p)),
        sound=7,
        unreadable=(r"has 3 channels, expected a mask of one",),
    ),
    "mask_blurred": Case(
        mask(lambda p, a: Image.fromarray(a).resize((30, 25), 2).resize((24, 20), 2).save(p)),
        sound=7,
        unreadable=(r"has the values 5, .* and \d+ more in \d+ pixels",),
    ),
    "mask_float": Case(mask(lambda p, a: tiff(p, a.astype(np.float32)))),
    "mask_not_a_number": Case(
        mask(lambda p, a: tiff(p, np.where(a > 0, np.nan, 0).astype(np.float32))),
        sound=7,
        unreadable=(r"has the value nan in",),
    ),
    "mask_white_is_zero": Case(mask(lambda p, a: tiff(p, 255 - a, photometric="miniswhite"))),
    "mask_smaller": Case(
        mask(lambda p, a: Image.fromarray(a[:, :20]).save(p)),
        sound=7,
        unreadable=(r"mask.tif is of size 20 x 20, pat_b/pat_b_8.tif of 20 x 24",),
    ),
    "turned_both": Case(
        after(
            lambda r: [
                turned(r / "pat_b/pat_b_8.tif", colours(8), 6),
                turned(r / "pat_b/pat_b_8_mask.tif", blob(8), 6),
            ]
        )
    ),
    "turned_image_upright_mask": Case(
        image(lambda p, a: turned(p, np.rot90(a).copy(), 6)),
    ),
    "turned_image_stored_mask": Case(
        image(lambda p, a: turned(p, a, 6)),
        sound=7,
        unreadable=(
            r"is of size 20 x 24, .* of 24 x 20.*orientation tag is 1, .* 6: save both up",
        ),
    ),
    "upside_down_image": Case(
        image(lambda p, a: turned(p, a, 3)),
        sound=7,
        unreadable=(r"may be turned against each other, expected the same orientation tag",),
    ),
    "web_page": Case(
        instead("pat_b_8.tif", lambda p: p.write_bytes(b"<!DOCTYPE html><html>Sign in</html>")),
        sound=7,
        unreadable=(r"is a web page, not an image",),
    ),
    "lfs_pointer": Case(
        instead(
            "pat_b_8.tif",
            lambda p: p.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        ),
        sound=7,
        unreadable=(r"is a Git LFS pointer.*git lfs pull",),
    ),
    "annex_pointer": Case(
        instead("pat_b_8.tif", lambda p: p.write_bytes(b"/annex/objects/SHA256E-s1--0.tif\n")),
        sound=7,
        unreadable=(r"is a git-annex pointer",),
    ),
    "zeros": Case(
        instead("pat_b_8.tif", lambda p: p.write_bytes(bytes(1000))),
        sound=7,
        unreadable=(r"begins with nothing but zeros",),
    ),
    "text": Case(
        instead("pat_b_8.tif", lambda p: p.write_bytes(b"hello")),
        sound=7,
        unreadable=(r"is not TIFF, as .tif says",),
    ),
    "cut_tiff": Case(
        after(lambda r: cut(r / "pat_b/pat_b_8.tif", 700)),
        sound=7,
        unreadable=(r"pat_b_8.tif is damaged or cut short",),
    ),
    "cut_uint16": Case(
        image(lambda p, a: [tiff(p, a.astype(np.uint16), photometric="rgb"), cut(p, 300)]),
        sound=7,
        unreadable=(r"is damaged or cut short",),
    ),
    "cut_to_the_header": Case(
        after(lambda r: (r / "pat_b/pat_b_8.tif").write_bytes(b"II*\0")),
        sound=7,
        unreadable=(r"is damaged or cut short",),
    ),
    "bigtiff_offset": Case(
        instead("pat_b_8.tif", lambda p: p.write_bytes(_BAD_BIGTIFF)),
        sound=7,
        unreadable=(r"is damaged or cut short|holds no image",),
    ),
    "cut_png": Case(
        flat_after(lambda r: cut(r / "images/2.png", 300)),
        FLAT,
        2,
        unreadable=(r"2.png is damaged or cut short",),
    ),
    "animated_png": Case(
        flat_after(
            lambda r: Image.fromarray(colours(1)).save(
                r / "images/2.png", save_all=True, append_images=[Image.fromarray(colours(2))]
            )
        ),
        FLAT,
        2,
        unreadable=(r"holds several images \(APNG\)",),
    ),
    "channel_in_colour": Case(
        channels_after(lambda r: Image.fromarray(colours(1)).save(r / "imagesTr/p2_0001.png")),
        CHANNELS,
        1,
        unreadable=(r"p2_0001.png holds 3 channels, expected one",),
    ),
    "channel_smaller": Case(
        channels_after(
            lambda r: Image.fromarray(colours(1)[:9, :, 0]).save(r / "imagesTr/p2_0001.png")
        ),
        CHANNELS,
        1,
        unreadable=(r"p2_0001.png is of size 9 x 24, imagesTr/p2_0000.png of 20 x 24",),
    ),
    "volumes": Case(volumes, VOLUMES, 2),
    "cut_nifti_gz": Case(
        volumes_after(lambda r: cut(r / "ct/v2.nii.gz", 40)),
        VOLUMES,
        1,
        unreadable=(r"v2.nii.gz is damaged or cut short",),
    ),
    "cut_before_packing": Case(
        volumes_after(
            lambda r: (r / "ct/v2.nii.gz").write_bytes(
                gzip.compress(gzip.decompress((r / "ct/v2.nii.gz").read_bytes())[:-40])
            )
        ),
        VOLUMES,
        1,
        unreadable=(r"v2.nii.gz is cut short \(732 bytes of 772, unpacked\)",),
    ),
    "mask_elsewhere": Case(
        volumes_after(
            lambda r: volume(r / "seg/v2.nii.gz", np.zeros((5, 6, 7), np.uint8), (1.0, 1.0, 3.0))
        ),
        VOLUMES,
        1,
        unreadable=(
            r"does not lie over ct/v2.nii.gz: spacing \(3, 1, 1\) mm instead of \(2, 1, 1\)",
        ),
    ),
}
"""What the files' contents decide."""

CASES = {**LISTING, **PIXELS}


def main(folder: Path) -> None:
    """Make every data set."""
    for name, case in CASES.items():
        (folder / name).mkdir(parents=True)
        case.make(folder / name)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
