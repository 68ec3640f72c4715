"""Functions that the settings name."""

import hashlib
import os
import py_compile
import shutil
from pathlib import Path

import pytest
from segtrt.errors import SegtrtError
from segtrt.user_function import Origin, load_function, names_function


def test_a_function_in_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own/way.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.chdir(tmp_path)
    assert load_function("own/way.py:double", "a.setting")(21) == 42
    assert load_function(f"{tmp_path}/own/way.py:double", "a.setting")(4) == 8


def test_a_function_in_a_module_of_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_own_way.py").write_text("def triple(x):\n    return 3 * x\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", ["/nowhere"])
    assert load_function("my_own_way:triple", "a.setting")(2) == 6
    assert load_function("math:sqrt", "a.setting")(9) == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("no_such_module_here:f", "cannot be imported (ModuleNotFoundError"),
        ("no/such.py:f", "there is no file no/such.py"),
        ("math:no_such", "no_such does not exist in math"),
        ("math:pi", "pi is no function in math"),
        (":f", "expected module:function"),
        ("math:", "expected module:function"),
    ],
)
def test_what_is_wrong_is_reported_in_one_line(text: str, message: str) -> None:
    with pytest.raises(SegtrtError) as caught:
        load_function(text, "tensors.normalisation")
    assert str(caught.value).startswith(f"tensors.normalisation is {text}")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_fails_names_itself(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")
    with pytest.raises(SegtrtError, match=r"broken\.py cannot be imported \(ZeroDivisionError"):
        load_function(f"{tmp_path}/broken.py:f", "validation.metric")


def test_a_path_may_begin_elsewhere(tmp_path: Path) -> None:
    text = "def double(x):\n    return 2 * x\n"
    (tmp_path / "way.py").write_text(text)
    origin = Origin(tmp_path, hashlib.sha256(text.encode()).hexdigest())
    assert load_function("way.py:double", "a.setting", origin)(21) == 42
    with pytest.raises(SegtrtError, match=rf"there is no file gone\.py in {tmp_path}"):
        load_function("gone.py:double", "a.setting", origin)


def test_what_came_along_is_compared_as_it_is_run(tmp_path: Path) -> None:
    """However often it is loaded, and whenever it was changed: the text that is run is the one."""
    text = "def double(x):\n    return 2 * x\n"
    path, mark = tmp_path / "way.py", tmp_path / "it was run"
    path.write_text(text)
    origin = Origin(tmp_path, hashlib.sha256(text.encode()).hexdigest())
    load_function("way.py:double", "a.setting", origin)
    path.write_text(f"open({str(mark)!r}, 'w')\n{text}")
    with pytest.raises(
        SegtrtError, match=r"way\.py was changed since it was proven; it is not run"
    ):
        load_function("way.py:double", "a.setting", origin)
    assert not mark.exists()


def test_it_is_the_text_that_is_run_and_no_bytecode(tmp_path: Path) -> None:
    """Bytecode lies beside a file under no hash, and is taken for it if size and time are right."""
    path = tmp_path / "way.py"
    path.write_text("def way():\n    return 1\n")
    compiled = Path(py_compile.compile(str(path), doraise=True))
    times = path.stat()
    path.write_text("def way():\n    return 2\n")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert load_function(f"{path}:way", "a.setting")() == 2
    shutil.rmtree(compiled.parent)
    os.utime(path)
    assert load_function(f"{path}:way", "a.setting")() == 2
    assert [one.name for one in tmp_path.iterdir()] == ["way.py"], "nothing is written beside it"


def test_only_a_colon_names_a_function() -> None:
    assert names_function("a:b")
    assert not names_function("zscore")
