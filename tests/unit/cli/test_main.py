"""The command line itself: help, mistakes, start-up."""

from pathlib import Path

import pytest
from command_line import run_python, segtrt
from segtrt.cli.main import main, make_parser

HEAVY = ("numpy", "torch", "onnx", "onnxruntime", "openvino", "yaml", "jsonschema", "jinja2")


@pytest.mark.parametrize(
    "words", [["--help"], ["report", "-h"], ["run", "-h"], ["inspect", "-h"], ["pick", "-h"]]
)
def test_help_says_what_there_is(words, capsys):
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert out.startswith("usage: segtrt") and err == ""


def test_version(capsys):
    from importlib.metadata import version

    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"segtrt {version('segtrt')}\n"


def test_help_imports_nothing_heavy():
    code = (
        "import sys; from segtrt.cli.main import main; main(['run', '--help']); "
        f"sys.exit(sorted(set({HEAVY}) & set(sys.modules)) or None)"
    )
    done = run_python(code, capture_output=True)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "required: COMMAND; see segtrt --help"),
        (["walk"], "invalid choice: 'walk'"),
        (["run"], "required: ENGINE, INPUT; see segtrt run --help"),
        (["run", "e", "i", "--batch", "0"], "--batch: '0' is not a whole number of 1 or more"),
        (["run", "e", "i", "--iterations", "-1"], "--iterations: '-1' is not a whole number of 0"),
        (["run", "e", "i", "--atol", "nan"], "--atol: 'nan' is not a number of 0 or more"),
        (["run", "e", "i", "--mode", "fast"], "invalid choice: 'fast'"),
        (["run", "e", "i", "--thread", "2"], "unrecognized arguments: --thread 2"),
        (["run", "no/engine", "i"], "engine no/engine does not exist"),
        (["inspect", "no\x1b/engine"], "engine no\\x1b/engine does not exist"),
        (["pick", "no/summary.json"], "summary no/summary.json does not exist"),
        (["pick", "--slices", "many"], "--slices: 'many' is not a whole number of 1 or more"),
    ],
)
def test_a_mistake_is_reported_in_one_line(words, message, capsys):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("segtrt: ") and err.count("\n") == 1 and message in err


def test_a_folder_for_a_file_is_reported_in_one_line(tmp_path: Path, capsys):
    assert main(["pick", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"segtrt: {tmp_path}: Is a directory\n"


def test_what_the_system_refuses_is_reported_in_one_line(tmp_path: Path, capsys):
    path = tmp_path / ("x" * 300) / "summary.json"
    assert main(["pick", str(path)]) == 2
    assert capsys.readouterr().err == f"segtrt: {path}: File name too long; use a shorter name\n"


def test_interrupt_leaves_no_traceback(monkeypatch, capsys):
    def interrupted(*_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("segtrt.cli.pick.pick", interrupted)
    assert main(["pick"]) == 130
    assert capsys.readouterr().err == ""


def test_names_that_the_terminal_cannot_show_are_escaped():
    done = segtrt("inspect", "很", capture_output=True, env={"PYTHONIOENCODING": "ascii"})
    assert done.returncode == 2
    assert done.stderr.startswith("segtrt: engine \\u5f88 does not exist")


def test_every_option_is_documented(project_root: Path):
    text = (project_root / "docs/command_line.md").read_text(encoding="utf-8")
    commands = make_parser()._subparsers._group_actions[0].choices
    options = [
        (name, option)
        for name, command in commands.items()
        for action in command._actions
        for option in action.option_strings
        if option.startswith("--") and option != "--help"
    ]
    assert len(options) > 12
    missing = [(name, option) for name, option in options if f"`{option}" not in text]
    assert not missing
    assert all(f"## segtrt {name}" in text for name in commands)
