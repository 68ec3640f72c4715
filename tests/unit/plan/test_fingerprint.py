"""Fingerprints of code: what changes them, and what does not."""

from pathlib import Path

import pytest
from segtrt.plan.fingerprint import BOOKKEEPING, PACKAGE, code_fingerprint, import_closure

SOURCE = '''
"""A module."""

LIMIT = 3
"""An attribute."""


def halve(value: float) -> float:
    """Half of it."""
    from pack.deep import scale

    # a comment
    return scale(value) / 2
'''


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package `pack`: `top` imports `deep` in a function, `deep` imports `base`."""
    folder = tmp_path / "pack"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "top.py").write_text(SOURCE)
    (folder / "deep.py").write_text(
        "from pack import base\n\ndef scale(x):\n    return base.ONE * x\n"
    )
    (folder / "base.py").write_text("ONE = 1\n")
    (folder / "aside.py").write_text("import pack.base\n")
    return folder


def printed(package: Path, root: str | Path = "pack.top") -> str:
    return code_fingerprint([root], package)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("    # a comment\n", ""),
        ('"""A module."""', '"""Other words."""'),
        ('    """Half of it."""\n', ""),
        ('"""An attribute."""', ""),
        ("scale(value) / 2", "(\n        scale( value )\n        / 2  # half\n    )"),
        ("LIMIT = 3", "LIMIT=3"),
    ],
)
def test_looks_do_not_count(package: Path, old: str, new: str) -> None:
    before = printed(package)
    assert old in SOURCE
    (package / "top.py").write_text(SOURCE.replace(old, new))
    assert printed(package) == before


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ("LIMIT = 3", "LIMIT = 3.0"),
        ("LIMIT = 3", "LIMIT = '3'"),
        ("LIMIT = 3", "LIMIT = None"),
        ("/ 2", "// 2"),
        ("-> float", "-> int"),
        ("value: float", "value: float = 1"),
        ("return scale(value)", "return value, scale(value)"),
    ],
)
def test_meaning_counts(package: Path, old: str, new: str) -> None:
    before = printed(package)
    assert old in SOURCE
    (package / "top.py").write_text(SOURCE.replace(old, new))
    assert printed(package) != before


def test_a_text_that_is_no_docstring_counts(package: Path) -> None:
    (package / "top.py").write_text('def name():\n    return "one"\n')
    before = printed(package)
    (package / "top.py").write_text('def name():\n    return "two"\n')
    assert printed(package) != before


def test_imports_inside_functions_are_followed_to_any_depth(package: Path) -> None:
    assert list(import_closure(["pack.top"], package)) == ["pack.base", "pack.deep", "pack.top"]
    before = printed(package)
    (package / "base.py").write_text("ONE = 2\n")
    assert printed(package) != before


def test_a_module_that_is_not_imported_does_not_count(package: Path) -> None:
    before = printed(package)
    (package / "aside.py").write_text("import pack.base\n\nprint(1)\n")
    (package / "__init__.py").write_text("VERSION = 2\n")
    assert printed(package) == before


@pytest.mark.parametrize(
    "line", ["from . import base", "from .base import ONE", "from pack.base import ONE"]
)
def test_relative_imports_and_members_are_followed(package: Path, line: str) -> None:
    (package / "top.py").write_text(f"{line}\n")
    assert list(import_closure(["pack.top"], package)) == ["pack.base", "pack.top"]


def test_a_relative_import_from_above_is_followed(package: Path) -> None:
    inner = package / "inner"
    inner.mkdir()
    (inner / "__init__.py").touch()
    (inner / "leaf.py").write_text("from ..base import ONE\nfrom .other import x\n")
    (inner / "other.py").write_text("x = 1\n")
    assert list(import_closure(["pack.inner.leaf"], package)) == [
        "pack.base",
        "pack.inner.leaf",
        "pack.inner.other",
    ]


def test_a_file_without_a_statement_decides_nothing(package: Path) -> None:
    before = printed(package, "pack.aside")
    assert list(import_closure(["pack.aside"], package)) == ["pack.aside", "pack.base"]
    (package / "base.py").write_text("")
    empty = printed(package, "pack.aside")
    assert list(import_closure(["pack.aside"], package)) == ["pack.aside"] and empty != before
    (package / "base.py").write_text('# a comment\n"""A docstring."""\n')
    assert printed(package, "pack.aside") == empty


def test_a_script_counts_by_its_name_not_its_folder(package: Path, tmp_path: Path) -> None:
    prints = []
    for folder in ("here", "there"):
        script = tmp_path / folder / "work.py"
        script.parent.mkdir()
        script.write_text("import pack.deep\n")
        prints.append(printed(package, script))
    assert prints[0] == prints[1]
    script.write_text("import pack.aside\n")
    assert printed(package, script) != prints[1]


def test_bookkeeping_is_left_out() -> None:
    found = set(import_closure([PACKAGE.parent / "build_engine.py"]))
    assert "build_engine.py" in found and "segtrt.engines.build" in found
    assert not found & BOOKKEEPING
    assert all(
        (PACKAGE / f"{name.partition('.')[2].replace('.', '/')}.py").is_file()
        for name in BOOKKEEPING
    )
