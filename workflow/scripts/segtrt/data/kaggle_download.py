"""The Kaggle data set brought here, from Kaggle or from its zip file."""

import os
import shutil
from pathlib import Path

from segtrt.data.archive import extract_zip, filling_folder
from segtrt.data.kaggle_layout import HANDLE, find_root, list_subjects
from segtrt.errors import SegtrtError
from segtrt.progress import track


def fetch_kaggle(target_folder: Path, zip_path: Path | None) -> None:
    """Bring the Kaggle data set to `target_folder`, so that it holds the subjects' folders.

    Args:
        target_folder: the folder to make.
        zip_path: the data set's zip file, or None to download it with kagglehub, into kagglehub's
            own cache; its files are then linked, or copied where links cannot be made.

    Raises:
        SegtrtError: the zip file is at fault (`extract_zip`), or Kaggle cannot be reached.
    """
    if zip_path is not None:
        extract_zip(zip_path, target_folder)
        return
    root = find_root(_download_from_kaggle())
    with filling_folder(target_folder) as partial:
        names = list_subjects(root)
        for name in track(names, "placing the data set", len(names), "subjects"):
            (partial / name).mkdir()
            for path in sorted((root / name).glob("[!.]*.tif")):
                _link(path, partial / name / path.name)
        for name in ("data.csv", "README.md"):
            if (root / name).is_file():
                _link(root / name, partial / name)


def _download_from_kaggle() -> Path:
    """The folder in kagglehub's cache that holds the data set."""
    by_hand = (
        f"download the zip file from kaggle.com/datasets/{HANDLE} by hand and set "
        "dataset.path to it"
    )
    try:
        import kagglehub  # type: ignore[import-untyped]
        from kagglehub import exceptions
    except ImportError:
        raise SegtrtError(f"kagglehub is not installed; install it, or {by_hand}") from None
    try:
        return Path(kagglehub.dataset_download(HANDLE))
    except (
        OSError,  # requests' errors too
        ValueError,
        exceptions.BackendError,
        exceptions.CredentialError,
        exceptions.DataCorruptionError,
        exceptions.NotFoundError,
        exceptions.UnauthenticatedError,
    ) as error:
        raise SegtrtError(
            f"{HANDLE} could not be downloaded from Kaggle ({type(error).__name__}: "
            f"{error}); check the network and the credentials in ~/.kaggle, or {by_hand}"
        ) from None


def _link(source: Path, target: Path) -> None:
    """Hard-link `source` as `target`, or copy it if the file system has no such links."""
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
