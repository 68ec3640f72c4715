"""The Kaggle data set brought here, from Kaggle or from its zip file."""

import shutil
import zipfile
from pathlib import Path

from segtrt.data.archive import extract_zip
from segtrt.data.fetched_folder import fetch_into, write_receipt
from segtrt.data.kaggle import HANDLE
from segtrt.data.layout import KAGGLE
from segtrt.data.listing import list_items
from segtrt.data.roots import find_root
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file
from segtrt.progress import track


def fetch_kaggle(target_folder: Path, zip_path: Path | None, receipt: Path) -> None:
    """Bring the Kaggle data set to `target_folder`, so that it holds the subjects' folders.

    Nothing is fetched if it is there already. A failure leaves the folder as it was, and so does
    one that holds files of somebody else (`segtrt.data.fetched_folder`).

    Args:
        target_folder: the folder to make.
        zip_path: the data set's zip file, or None to download it with kagglehub, into kagglehub's
            own cache; its files are then copied.
        receipt: the file to make: what was fetched, and a hash over its files. A copy lies in the
            folder as `segtrt.data.fetched_folder.STAMP`.

    Raises:
        SegtrtError: the zip file is at fault (`extract_zip`), Kaggle cannot be reached, or the
            folder is not the workflow's own.
    """
    if zip_path is None:
        fetched = fetch_into(target_folder, HANDLE, _copy_from_kaggle)
    else:
        # A zip that is gone is reported by `extract_zip`.
        digest = sha256_file(zip_path) if zip_path.is_file() else ""
        fetched = fetch_into(
            target_folder, f"zip {digest}", lambda folder: extract_zip(zip_path, folder)
        )
    write_receipt(fetched, target_folder, receipt)


def _copy_from_kaggle(folder: Path) -> None:
    root = find_root(_download_from_kaggle(), KAGGLE)
    try:
        listing = list_items(root, KAGGLE)
    except SegtrtError:
        listing = None
    if listing is None or not listing.items:
        raise SegtrtError(
            f"{root}, where kagglehub put {HANDLE}, has no slices; delete it and run again"
        )
    names = list(listing.counts)
    files = {name: sorted((root / name).glob("[!.]*.tif")) for name in names}
    # Copies: through a link, whoever changes a file here would change kagglehub's cache.
    for name in track(names, "placing the data set", len(names), "subjects"):
        (folder / name).mkdir()
        for path in files[name]:
            shutil.copyfile(path, folder / name / path.name)
    for name in ("data.csv", "README.md"):
        if (root / name).is_file():
            shutil.copyfile(root / name, folder / name)


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
        zipfile.BadZipFile,
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
