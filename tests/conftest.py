"""Fixtures shared by all tests."""

import locale
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).resolve().parent.parent

# A submission is judged on the same examples every time; elsewhere new ones are looked for. How
# long one takes says nothing: the first imports packages.
settings.register_profile("ci", derandomize=True, deadline=None)
settings.register_profile("any", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "any")


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


@pytest.fixture(autouse=True)
def locale_stays() -> Iterator[None]:
    """Fail a test after which the process has another locale: texts of later ones go wrong."""
    before = locale.setlocale(locale.LC_ALL)
    yield
    after = locale.setlocale(locale.LC_ALL)
    locale.setlocale(locale.LC_ALL, before)
    assert after == before
