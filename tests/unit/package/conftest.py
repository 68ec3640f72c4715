"""A package for all tests of packages; each changes a copy."""

import copy
import shutil
from pathlib import Path

import pytest
from example_package import Sources, write_sources


@pytest.fixture(scope="session")
def known_sources(tmp_path_factory: pytest.TempPathFactory) -> Sources:
    """Made once; not to be changed."""
    return write_sources(tmp_path_factory.mktemp("sources"))


@pytest.fixture
def sources(known_sources: Sources) -> Sources:
    """What a package is made from; its summary may be changed."""
    return Sources(known_sources.files, copy.deepcopy(known_sources.summary))


@pytest.fixture(scope="session")
def known_package(
    known_sources: Sources, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """Folder and zip of a package, not to be changed."""
    folder = known_sources.make(tmp_path_factory.mktemp("known"))
    return folder, folder.with_suffix(".zip")


@pytest.fixture
def package(known_package: tuple[Path, Path], tmp_path: Path) -> Path:
    """A copy of the package's folder, to be changed."""
    return Path(shutil.copytree(known_package[0], tmp_path / "package"))
