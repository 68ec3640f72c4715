"""The interpreter, Snakemake's options and the host workflow, as far as the workflow minds them."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from segtrt.errors import SegtrtError
from segtrt.plan.fingerprint import PACKAGE
from segtrt.plan.surroundings import (
    keep_to_own_locks,
    mention_triggers,
    prefix_of,
    refuse_other_library,
    share_interpreter,
)
from snakemake.api import SnakemakeApi  # the whole of Snakemake: its parts import one another
from snakemake.path_modifier import PathModifier

assert SnakemakeApi


@pytest.fixture(autouse=True)
def _own_process_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", sys.executable)
    monkeypatch.setenv("PATH", "/usr/bin:/bin")


@pytest.mark.parametrize("name", ["a b", "it's", '"q"', "$HOME", "{x}", " ü "])
def test_an_interpreter_of_any_path_can_be_started_without_quotes(
    tmp_path: Path, name: str
) -> None:
    folder = tmp_path / name
    folder.mkdir()
    script = folder / "python"
    script.write_text("#!/bin/sh\necho started\n")
    script.chmod(0o755)
    sys.executable = str(script)
    share_interpreter()
    said = subprocess.run(
        f"{sys.executable} x", shell=True, text=True, stdout=subprocess.PIPE, check=True
    )
    assert said.stdout == "started\n"


def test_an_ordinary_interpreter_stays_as_it_is() -> None:
    sys.executable = "/usr/bin/python3"
    share_interpreter()
    assert (sys.executable, os.environ["PATH"]) == ("/usr/bin/python3", "/usr/bin:/bin")


@pytest.mark.parametrize("path", ["/a b:c/python", "/a b/py thon"])
def test_an_interpreter_that_has_no_name_of_its_own_is_refused(path: str) -> None:
    sys.executable = path
    with pytest.raises(SegtrtError, match=f"cannot start jobs with the Python '{path}'"):
        share_interpreter()
    assert sys.executable == path


def test_the_library_of_another_checkout_is_refused(tmp_path: Path) -> None:
    refuse_other_library(PACKAGE.parents[2])
    (tmp_path / "link").symlink_to(PACKAGE.parents[2])
    refuse_other_library(tmp_path / "link")
    with pytest.raises(SegtrtError, match=f"the workflow in {tmp_path} cannot use the library in"):
        refuse_other_library(tmp_path)


def modifier(*prefixes: str | None, replaced: dict[str, str] | None = None) -> SimpleNamespace:
    """Snakemake's own, for modules in modules; the outermost comes first."""
    workflow = SimpleNamespace(
        storage_settings=SimpleNamespace(default_storage_provider=None, default_storage_prefix="")
    )
    paths = PathModifier(replaced, None, workflow)
    for prefix in prefixes:
        paths = PathModifier(None, prefix, workflow, paths)
    return SimpleNamespace(path_modifier=paths)


@pytest.mark.parametrize(
    ("prefixes", "expected"),
    [
        ((), ""),
        ((None,), ""),
        (("sub",), "sub/"),
        (("sub/",), "sub/"),
        (("sub/deep",), "sub/deep/"),
        (("outer", "inner"), "outer/inner/"),
        (("outer", None), "outer/"),
        (("outer", "/absolute"), "/absolute/"),
    ],
)
def test_the_prefix_is_what_snakemake_puts_before_paths(
    prefixes: tuple[str | None, ...], expected: str
) -> None:
    found = modifier(*prefixes)
    assert prefix_of(found) == expected
    path = found.path_modifier.modify("results/report.html")
    assert path == f"{expected}results/report.html"


@pytest.mark.parametrize(
    ("prefix", "advice"),
    [("./sub", "write it as 'sub'"), ("a//b", "write it as 'a/b'"), (".", "leave it out")],
)
def test_a_prefix_that_snakemake_does_not_recognise_is_refused(prefix: str, advice: str) -> None:
    with pytest.raises(SegtrtError, match=f"prefix is '{prefix}/'; {advice}$"):
        prefix_of(modifier(prefix))


def test_replaced_prefixes_are_refused() -> None:
    with pytest.raises(SegtrtError, match="give it prefix instead"):
        prefix_of(modifier("sub", replaced={"results/": "elsewhere/"}))


def test_needless_triggers_are_mentioned_once(capsys: pytest.CaptureFixture[str]) -> None:
    mention_triggers.cache_clear()
    mention_triggers(frozenset({"mtime"}), False)
    mention_triggers(frozenset({"mtime", "params", "input"}), True)
    assert capsys.readouterr().err == ""
    for _ in range(2):
        mention_triggers(frozenset({"mtime", "params", "input"}), False)
    said = capsys.readouterr().err
    assert said.startswith("segtrt: jobs may run needlessly, as Snakemake's rerun triggers input, ")
    assert said.count("\n") == 1 and "--rerun-triggers mtime" in said


def test_locks_are_looked_for_in_the_working_folder_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from snakemake.persistence import file

    monkeypatch.setattr(file, "listfiles", file.listfiles)
    known = file.listfiles
    keep_to_own_locks(tmp_path)
    assert file.listfiles is known
    folder = tmp_path / "{x}-{not-a-name}"
    for place in (folder, tmp_path / "y-{not-a-name}"):
        (place / ".snakemake/locks").mkdir(parents=True)
        (place / ".snakemake/locks/0.input.lock").write_text("")
    monkeypatch.chdir(folder)
    for _ in range(2):
        keep_to_own_locks(Path())
    found = file.listfiles(f"{folder}/.snakemake/locks/{{n,[0-9]+}}.input.lock")
    assert [name for name, _ in found] == [".snakemake/locks/0.input.lock"]
