"""The user's own normalisation: which file goes along, and that no other is ever run."""

from pathlib import Path

import pytest
from segtrt.data.own_code import CODE, carried, check_code, copy_code, own_file
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file

SOURCE = "def own(image):\n    return image.astype('float32')\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the workflow runs in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("text", ["slice", "zscore", "numpy:abs", "json.decoder:scanstring", ":"])
def test_what_is_built_in_or_installed_stays_where_it_is(here: Path, text: str) -> None:
    assert own_file(text) is None
    assert list(here.iterdir()) == []


def test_a_file_goes_along_wherever_it_is(here: Path) -> None:
    assert own_file("sub/norm.py:own") == Path("sub/norm.py")
    assert own_file(f"{here}/absent.py:own") == here / "absent.py"


def test_a_module_of_one_file_in_this_folder_goes_along(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (here / "my_norm.py").write_text(SOURCE)
    assert own_file("my_norm:own") == Path("my_norm.py")
    # Also where Python itself would find it here.
    monkeypatch.syspath_prepend(str(here))
    assert own_file("my_norm:own") == Path("my_norm.py")


def test_a_module_that_needs_another_one_does_not(here: Path) -> None:
    (here / "my_norm.py").write_text(f"import my_helper\n{SOURCE}")
    (here / "my_helper.py").write_text("")
    assert own_file("my_norm:own") is None


def test_an_installed_module_is_not_taken_from_this_folder(here: Path) -> None:
    """It is the installed one that is imported."""
    (here / "numpy.py").write_text(SOURCE)
    assert own_file("numpy:own") is None


def test_the_copy_has_the_same_bytes_and_one_name(here: Path) -> None:
    (here / "a strange näme.py").write_text(SOURCE)
    setting = f"{here}/a strange näme.py:own"
    copy_code(setting, here / "model" / CODE)
    assert (here / "model/code/normalisation.py").read_text() == SOURCE
    assert carried(setting) == "code/normalisation.py:own"


def test_a_file_that_is_not_there_is_named(here: Path) -> None:
    with pytest.raises(SegtrtError, match=r"tensors.normalisation is x.py:own, but there is no"):
        copy_code("x.py:own", here / CODE)
    assert list(here.iterdir()) == []


def test_changed_missing_and_linked_code_is_refused(here: Path) -> None:
    (here / "norm.py").write_text(SOURCE)
    copy_code("norm.py:own", here / CODE)
    sha256 = sha256_file(here / "norm.py")
    check_code(here, sha256, "make it again")
    (here / CODE).write_text(SOURCE + "# a word more\n")
    with pytest.raises(SegtrtError, match="was changed since it was proven; it is not run; make"):
        check_code(here, sha256, "make it again")
    (here / CODE).unlink()
    with pytest.raises(SegtrtError, match="is missing; make it again"):
        check_code(here, sha256, "make it again")
    (here / CODE).symlink_to(here / "norm.py")
    with pytest.raises(SegtrtError, match="is missing; make it again"):
        check_code(here, sha256, "make it again")
