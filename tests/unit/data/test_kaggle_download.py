"""The Kaggle data set brought here, from kagglehub's cache and from a zip file."""

import json
import zipfile
from pathlib import Path

import pytest
import requests
from segtrt.data.kaggle import HANDLE
from segtrt.data.kaggle_download import fetch_kaggle
from segtrt.errors import SegtrtError


@pytest.fixture
def kaggle_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """kagglehub's cache as its download leaves it, with both copies of the tree."""
    folder = tmp_path / "cache" / "versions" / "2"
    for tree in ("kaggle_3m", "lgg-mri-segmentation/kaggle_3m"):
        for name in ("S1", "S2"):
            (folder / tree / name).mkdir(parents=True)
            (folder / tree / name / f"{name}_1.tif").write_bytes(tree.encode())
            (folder / tree / name / f"{name}_1_mask.tif").write_bytes(b"mask")
        (folder / tree / "data.csv").write_bytes(b"table")

    def dataset_download(handle: str) -> str:
        assert handle == HANDLE
        return str(folder)

    monkeypatch.setattr("kagglehub.dataset_download", dataset_download)
    return folder


def files_in(folder: Path) -> list[str]:
    """The files that were fetched; what tells of it is hidden."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("[!.]*") if path.is_file())


PLACED = ["S1/S1_1.tif", "S1/S1_1_mask.tif", "S2/S2_1.tif", "S2/S2_1_mask.tif", "data.csv"]


def test_tree_is_copied(kaggle_cache: Path, tmp_path: Path) -> None:
    target, receipt = tmp_path / "data/kaggle_3m", tmp_path / "results/source.json"
    fetch_kaggle(target, None, receipt)
    assert files_in(target) == PLACED
    for name in PLACED:
        source = kaggle_cache / "kaggle_3m" / name
        assert (target / name).read_bytes() == source.read_bytes()
        assert (target / name).stat().st_nlink == source.stat().st_nlink == 1
    reported = json.loads(receipt.read_text())
    assert reported["source"] == HANDLE
    assert reported["files"] == len(PLACED)
    assert (target / ".fetched").read_bytes() == receipt.read_bytes()


def test_a_cache_without_slices_is_refused(kaggle_cache: Path, tmp_path: Path) -> None:
    for path in kaggle_cache.rglob("*.tif"):
        path.unlink()
    with pytest.raises(SegtrtError, match="has no slices; delete it and run again"):
        fetch_kaggle(tmp_path / "out", None, tmp_path / "receipt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cache"]


@pytest.mark.parametrize("kind", ["network", "credentials", "value"])
def test_out_of_reach(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    from kagglehub.exceptions import UnauthenticatedError

    error = {
        "network": requests.ConnectionError("no route\nto host"),
        "credentials": UnauthenticatedError(),
        "value": ValueError("odd answer"),
    }[kind]

    def dataset_download(_: str) -> str:
        raise error

    monkeypatch.setattr("kagglehub.dataset_download", dataset_download)
    with pytest.raises(SegtrtError) as caught:
        fetch_kaggle(tmp_path / "out", None, tmp_path / "receipt")
    message = str(caught.value)
    assert type(error).__name__ in message
    assert "by hand and set dataset.path to it" in message
    assert "\n" not in message
    assert not list(tmp_path.iterdir())


def test_from_a_zip(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as archive:
        archive.writestr("kaggle_3m/S1/S1_1.tif", b"image")
    fetch_kaggle(tmp_path / "out", tmp_path / "archive.zip", tmp_path / "receipt")
    assert files_in(tmp_path / "out") == ["S1/S1_1.tif"]
    with pytest.raises(SegtrtError, match="does not exist"):
        fetch_kaggle(tmp_path / "other", tmp_path / "none.zip", tmp_path / "receipt")
    assert not (tmp_path / "other").exists()
