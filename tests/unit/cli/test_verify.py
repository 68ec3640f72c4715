"""`segtrt verify`: one line and an exit code, or JSON."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from command_line import segtrt
from example_package import write_sources
from segtrt.cli.main import main


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sources(tmp_path_factory.mktemp("sources")).make(tmp_path_factory.mktemp("made"))


def test_a_package_that_is_verified(package: Path, capsys: Any) -> None:
    assert main(["verify", str(package)]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("verified: small (onnxruntime/b2_fp32) answers 3 golden samples")
    assert main(["verify", "--json", "--threads", "1", f"{package}.zip"]) == 0
    output = json.loads(capsys.readouterr().out)
    assert output["verified"] is True
    assert output["threads"] == 1


def test_a_package_that_is_not(package: Path, tmp_path: Path, capsys: Any) -> None:
    bad = tmp_path / "bad\x1b.zip"
    bad.write_bytes(package.with_suffix(".zip").read_bytes()[:-1])
    assert main(["verify", str(bad)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("not verified: ")
    assert "bad\\x1b.zip" in line
    assert main(["verify", "--json", str(bad)]) == 1
    assert json.loads(capsys.readouterr().out)["verified"] is False


def test_a_mistake(tmp_path: Path, capsys: Any) -> None:
    assert main(["verify", str(tmp_path / "gone.zip")]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert "gone.zip does not exist" in err
    assert main(["verify"]) == 2


def test_a_full_temporary_folder_is_one_line(package: Path, tmp_path: Path) -> None:
    done = segtrt(
        "verify",
        f"{package}.zip",
        capture_output=True,
        env={"TMPDIR": str(tmp_path), "HOME": str(tmp_path)},
        preexec_fn=_small_files,
    )
    assert done.returncode == 1
    (line,) = done.stdout.splitlines()
    assert line.startswith("not verified: ")
    assert str(tmp_path) in line


def _small_files() -> None:
    """Let this process write no file of more than 4 KiB."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_it_imports_no_torch(package: Path) -> None:
    code = (
        "import sys; from segtrt.cli.main import main; code = main(['verify', sys.argv[1]]); "
        "print([n for n in ('torch', 'snakemake', 'onnx', 'yaml') if n in sys.modules]); "
        "sys.exit(code)"
    )
    from command_line import run_python

    done = run_python(code, package, capture_output=True, env={"PATH": os.environ["PATH"]})
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "[]"
