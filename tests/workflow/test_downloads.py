"""A download is never lost, whatever fails or changes, and a user's folder is never touched."""

import json
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from snakemake_runs import run_snakemake

MANIFEST = "results/dataset/manifest.json"
STUB = """
from . import exceptions

def dataset_download(handle):
    raise ConnectionError("no route to host")
"""
ERRORS = ("Backend", "Credential", "DataCorruption", "NotFound", "Unauthenticated")


@pytest.fixture
def zip_path(project_root: Path, tmp_path: Path) -> Path:
    """Two subjects of the demo, as Kaggle's zip holds its patients."""
    path = tmp_path / "archive.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("DEMO_0001", "DEMO_0002"):
            for file in sorted((project_root / "data/demo/kaggle_3m" / name).glob("*.tif")):
                archive.write(file, f"kaggle_3m/{name}/{file.name}")
    return path


@pytest.fixture
def without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """kagglehub as it is on a machine without a network."""
    package = tmp_path / "stub/kagglehub"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(STUB)
    classes = "".join(f"class {name}Error(Exception): pass\n" for name in ERRORS)
    (package / "exceptions.py").write_text(classes)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "stub"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The working directory."""
    path = tmp_path / "run"
    path.mkdir()
    return path


def run(
    folder: Path, project_root: Path, archive: Path | None, *options: str
) -> subprocess.CompletedProcess[str]:
    path = f"path: {archive}, " if archive else ""
    return run_snakemake(
        folder,
        MANIFEST,
        *options,
        "--config",
        f"dataset={{source: kaggle, {path}shards: 1}}",
        snakefile=project_root / "Snakefile",
    )


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every image with its content and inode: the same inode was not written again."""
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_ino)
        for path in folder.rglob("*.tif")
    }


@pytest.mark.usefixtures("without_network")
def test_a_users_own_images_stay(folder: Path, project_root: Path, zip_path: Path) -> None:
    own = folder / "data/kaggle_3m/patient"
    shutil.copytree(project_root / "data/demo/kaggle_3m/DEMO_0003", own)
    before = contents(folder)
    for archive, options in ((zip_path, []), (None, ["--forceall"])):
        done = run(folder, project_root, archive, *options)
        assert done.returncode != 0
        output = [line for line in done.stderr.splitlines() if line.startswith("segtrt: ")]
        assert any("data/kaggle_3m holds files that were not fetched" in line for line in output)
        assert contents(folder) == before


@pytest.mark.usefixtures("without_network")
def test_a_download_outlives_failures_changes_and_lost_results(
    folder: Path, project_root: Path, zip_path: Path
) -> None:
    done = run(folder, project_root, zip_path)
    assert done.returncode == 0, done.stderr
    data = folder / "data/kaggle_3m"
    fetched = contents(data)
    with zipfile.ZipFile(zip_path) as archive:
        assert {name: content for name, (content, _) in fetched.items()} == {
            entry.removeprefix("kaggle_3m/"): archive.read(entry) for entry in archive.namelist()
        }
    manifest = (folder / MANIFEST).read_bytes()

    # No network, and half a zip.
    done = run(folder, project_root, None)
    assert done.returncode != 0
    assert "could not be downloaded from Kaggle (ConnectionError" in done.stderr
    assert contents(data) == fetched
    half = zip_path.with_name("half.zip")
    half.write_bytes(zip_path.read_bytes()[:-100])
    done = run(folder, project_root, half)
    assert done.returncode != 0
    assert "is damaged or not a zip file" in done.stderr
    assert contents(data) == fetched

    # Made again for another reason: other code, asked for, or everything else lost.
    (folder / MANIFEST).unlink()
    assert run(folder, project_root, zip_path).returncode == 0
    assert contents(data) == fetched
    record = folder / "results/keys/fetch_dataset/all.json"
    other = json.loads(record.read_text())
    other["parts"]["code"], other["key"] = "0" * 64, "0" * 64
    record.write_text(json.dumps(other))
    done = run(folder, project_root, zip_path)
    assert done.returncode == 0, done.stderr
    assert "rule fetch_dataset" in done.stdout + done.stderr
    assert contents(data) == fetched
    assert run(folder, project_root, zip_path, "--forceall").returncode == 0
    assert contents(data) == fetched
    shutil.rmtree(folder / "results")
    assert run(folder, project_root, zip_path).returncode == 0
    assert contents(data) == fetched
    assert (folder / MANIFEST).read_bytes() == manifest
    assert "Nothing to be done" in run(folder, project_root, zip_path, "-n").stdout

    # A folder that is lost is fetched again when it is needed.
    shutil.rmtree(data)
    (folder / MANIFEST).unlink()
    done = run(folder, project_root, zip_path)
    assert done.returncode == 0, done.stderr
    assert contents(data).keys() == fetched.keys()
    assert (folder / MANIFEST).read_bytes() == manifest

    # A changed image is reported, not overwritten.
    image = next(data.rglob("*_1.tif"))
    image.write_bytes(b"changed")
    done = run(folder, project_root, zip_path, "--forceall")
    assert done.returncode != 0
    assert "changed since it was fetched" in done.stderr
    assert image.read_bytes() == b"changed"
