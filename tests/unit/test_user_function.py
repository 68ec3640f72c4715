"""Functions that the settings name."""

from pathlib import Path

import pytest
from segtrt.errors import SegtrtError
from segtrt.user_function import load_function, names_function


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


def test_only_a_colon_names_a_function() -> None:
    assert names_function("a:b")
    assert not names_function("zscore")
