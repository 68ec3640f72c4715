"""The Kaggle data set's zip file, unpacked safely: one copy of its tree, whole or not at all."""

import re
import shutil
import stat
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from segtrt.data.kaggle import COPY, TREE
from segtrt.errors import SegtrtError, name_some
from segtrt.files import replacing_folder
from segtrt.progress import track

_TEXTS = ("data.csv", "README.md")
_ADVICE = "download it again and set dataset.path to it"


@contextmanager
def filling_folder(folder: Path) -> Iterator[Path]:
    """Yield an empty folder beside `folder`; it becomes `folder` if the block succeeds.

    A block that fails leaves nothing behind.

    Raises:
        SegtrtError: there is something at `folder` already, other than an empty folder.
    """
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise SegtrtError(
            f"{folder} exists already, expected nothing or an empty folder; remove it first"
        )
    with replacing_folder(folder) as partial:
        yield partial


def extract_zip(zip_path: Path, folder: Path) -> None:
    """Unpack the data set's zip file so that `folder` holds the subjects' folders.

    The published archive holds the tree twice; `kaggle_3m/` is taken before
    `lgg-mri-segmentation/kaggle_3m/`. Only the subjects' TIFF files, `data.csv` and `README.md` are
    unpacked.

    Raises:
        SegtrtError: the zip file is missing, damaged, encrypted or not a zip; an entry would land
            outside the folder; it has no slices, or several trees of them; the disk is too full;
            `folder` is not empty.
    """
    if not zip_path.is_file():
        what = "is not a file" if zip_path.exists() else "does not exist"
        raise SegtrtError(
            f"zip file {zip_path} {what}; set dataset.path to the data set's zip file, or to null "
            "to download it"
        )
    try:
        with zipfile.ZipFile(zip_path) as archive:
            chosen = _choose(zip_path, archive.infolist())
            needed = sum(info.file_size for info in chosen.values())
            with filling_folder(folder) as partial:
                free = shutil.disk_usage(partial).free
                if needed > free:
                    raise SegtrtError(
                        f"{folder} needs {needed / 2**20:.0f} MiB, its disk has "
                        f"{free / 2**20:.0f} MiB free; make room"
                    )
                files = track(chosen.items(), "unpacking", len(chosen), "files")
                for name, info in files:
                    target = partial / name
                    target.parent.mkdir(exist_ok=True)
                    with archive.open(info) as source, target.open("xb") as handle:
                        shutil.copyfileobj(source, handle)
    except (zipfile.BadZipFile, zlib.error, EOFError) as error:
        raise SegtrtError(f"{zip_path} is damaged or not a zip file ({error}); {_ADVICE}") from None
    except RuntimeError as error:
        # zipfile's way to say that an entry is encrypted or of an unknown compression method.
        raise SegtrtError(f"{zip_path} cannot be unpacked ({error}); {_ADVICE}") from None
    except OSError as error:
        raise SegtrtError(
            f"{zip_path} cannot be unpacked into {folder} ({error.strerror}); make room or check "
            "permissions"
        ) from None


def _choose(zip_path: Path, entries: Sequence[zipfile.ZipInfo]) -> dict[str, zipfile.ZipInfo]:
    """The entries of one tree, keyed by their path within it, sorted."""
    trees: dict[str, dict[str, zipfile.ZipInfo]] = defaultdict(dict)
    has_slices = set()
    for info in entries:
        parts = _safe_parts(zip_path, info)
        if info.is_dir() or any(part.startswith(".") for part in parts):
            continue
        *above, name = parts
        if name.lower().endswith((".tif", ".tiff")) and above:
            root, inside = "/".join(above[:-1]), f"{above[-1]}/{name}"
            if re.fullmatch(re.escape(above[-1]) + r"_[0-9]+\.tif", name):
                has_slices.add(root)
        elif name in _TEXTS:
            root, inside = "/".join(above), name
        else:
            continue
        if inside in trees[root]:
            raise SegtrtError(f"{zip_path} has {info.filename} twice; {_ADVICE}")
        trees[root][inside] = info
    if not has_slices:
        raise SegtrtError(
            f"{zip_path} has no slices, expected {TREE}/<folder>/<folder>_<n>.tif; set "
            "dataset.path to the zip file of mateuszbuda/lgg-mri-segmentation"
        )
    known = [TREE, f"{COPY}/{TREE}"]
    if len(has_slices) > 1 and not has_slices <= set(known):
        raise SegtrtError(
            f"{zip_path} has several trees ({name_some(sorted(has_slices), 5)}), expected that of "
            "mateuszbuda/lgg-mri-segmentation; unpack it by hand, and set dataset.source to path "
            "and dataset.path to one of them"
        )
    best = TREE if TREE in has_slices else min(has_slices)
    return dict(sorted(trees[best].items()))


def _safe_parts(zip_path: Path, info: zipfile.ZipInfo) -> list[str]:
    """The parts of an entry's path; refuses one that would land outside the folder."""
    name = info.filename.replace("\\", "/")
    parts = name.rstrip("/").split("/")
    if (
        name.startswith("/")
        or re.match(r"[A-Za-z]:", name)
        or not all(part not in ("", ".", "..") for part in parts)
        or stat.S_ISLNK(info.external_attr >> 16)
    ):
        raise SegtrtError(
            f"{zip_path} has the entry {info.filename!r}, expected plain files within the zip's "
            f"own folder; do not trust this file, {_ADVICE}"
        )
    return parts
