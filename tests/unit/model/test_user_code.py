"""What decides a user's own code."""

import json
from importlib.metadata import version

import pytest
from segtrt.errors import SegtrtError
from segtrt.model.source import Kind, describe
from segtrt.model.user_code import code_of_file
from tiny_networks import THREE_LINES


def decides(network, base, **arguments):
    return json.dumps(describe(network, arguments, base).decides, sort_keys=True)


def test_imports_within_functions_and_of_each_other_are_followed_once(tmp_path):
    (tmp_path / "a.py").write_text("def f():\n    import b\n    import os, json\n")
    (tmp_path / "b.py").write_text("import a\nfrom there import is_no_such_package\n")
    assert list(code_of_file(tmp_path / "a.py")["files"]) == ["a.py", "b.py"]
    assert code_of_file(tmp_path / "a.py")["packages"] == {}


def test_a_file_is_decided_by_its_code_and_what_lies_beside_it(tmp_path):
    (tmp_path / "net.py").write_text("from parts import blocks\nimport numpy\n" + THREE_LINES)
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts/__init__.py").write_text("")
    (tmp_path / "parts/blocks.py").write_text("from . import deeper\nWIDTH = 8\n")
    (tmp_path / "parts/deeper.py").write_text("DEPTH = 2\n")
    (tmp_path / "unused.py").write_text("A = 1\n")
    source = describe("net.py:network", {"classes": 4}, tmp_path)
    assert (source.kind, source.factory) == (Kind.FILE, "network")
    assert source.path == tmp_path / "net.py"
    code = source.decides["code"]
    assert list(code["files"]) == [
        *("net.py", "parts/__init__.py", "parts/blocks.py", "parts/deeper.py")
    ]
    assert code["packages"]["numpy"] == version("numpy")
    assert code["packages"]["torch"] == version("torch")
    before = decides("net.py:network", tmp_path, classes=4)
    assert str(tmp_path) not in before
    (tmp_path / "unused.py").write_text("A = 2\n")
    (tmp_path / "net.py").write_text(
        "# a remark\n" + (tmp_path / "net.py").read_text().replace("user's own", "stranger's")
    )
    assert decides("net.py:network", tmp_path, classes=4) == before
    assert decides("net.py:network", tmp_path, classes=5) != before
    (tmp_path / "parts/deeper.py").write_text("DEPTH = 3\n")
    assert decides("net.py:network", tmp_path, classes=4) != before


def test_a_file_that_is_not_python(tmp_path):
    (tmp_path / "net.py").write_text("def network(:\n")
    with pytest.raises(SegtrtError, match=r"net\.py is not valid Python"):
        describe("net.py:network", {}, tmp_path)


def test_an_installed_module_is_decided_by_versions(tmp_path):
    source = describe("skimage.filters:gaussian", {}, tmp_path)
    assert (source.kind, source.module, source.factory) == (
        *(Kind.MODULE, "skimage.filters", "gaussian"),
    )
    packages = source.decides["code"]["packages"]
    # Its own, and what it needs.
    assert packages["scikit-image"] == version("scikit-image")
    assert packages["scipy"] == version("scipy")
    assert "pytest" not in packages


def test_a_module_beside_the_configuration_goes_first(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/__init__.py").write_text("")
    (tmp_path / "mine/nets.py").write_text(THREE_LINES)
    before = decides("mine.nets:network", tmp_path)
    assert "mine/nets.py" in before
    (tmp_path / "mine/nets.py").write_text(THREE_LINES.replace("8", "9"))
    assert decides("mine.nets:network", tmp_path) != before
