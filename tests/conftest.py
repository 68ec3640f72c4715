"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def project_root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def kaggle_folder() -> Path:
    """Real patients in the Kaggle layout; they are not part of the repository."""
    folder = Path(os.environ.get("SEGTRT_KAGGLE_DIR", ROOT.parent / "shared/data/kaggle_3m"))
    if not folder.is_dir():
        pytest.skip(f"no real patients at {folder}; set SEGTRT_KAGGLE_DIR")
    return folder
