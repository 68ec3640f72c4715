"""`segtrt report`: a file, a command, and that command run."""

import json
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from command_line import segtrt
from PIL import Image
from segtrt.cli import report as command
from segtrt.cli.main import main
from segtrt.config.resolve import resolve_config

NETWORK = ["net.onnx", "scans", "--normalisation", "scale"]


@pytest.fixture
def ran(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """In a folder with images; what would be run."""
    monkeypatch.chdir(tmp_path)
    Path("scans").mkdir()
    for name in "ab":
        Image.fromarray(np.zeros((8, 8), np.uint8)).save(f"scans/{name}.png")
    became: list[list[str]] = []
    monkeypatch.setattr("os.execv", lambda path, words: became.append([path, *words]))
    return became


def test_it_writes_the_settings_says_the_command_and_runs_it(
    ran: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", *NETWORK]) == 0
    text = Path("config.yaml").read_text()
    assert text.startswith("# Written by segtrt report")
    settings = resolve_config(yaml.safe_load(text))
    assert settings.model.network == "net.onnx"
    assert (settings.dataset.path, settings.dataset.images) == ("scans", "{subject}.png")
    snakemake = ["results/report.html", "--snakefile", str(command.SNAKEFILE)]
    snakemake += ["--configfile", "config.yaml"]
    assert ran == [[sys.executable, sys.executable, "-m", "snakemake", *snakemake]]
    assert capsys.readouterr().err.splitlines() == [
        "segtrt: config.yaml written",
        f"segtrt: $ snakemake {' '.join(snakemake)}",
    ]
    assert command.SNAKEFILE.is_file()


def test_alone_it_goes_on_with_the_settings_that_are_here(ran: list[list[str]]) -> None:
    assert main(["report", *NETWORK, "--cores", "2", "-n"]) == 0
    written = Path("config.yaml").read_bytes()
    assert main(["report", "--cores", "3"]) == 0
    assert Path("config.yaml").read_bytes() == written
    assert ran[0][-3:] == ["--cores", "2", "--dry-run"]
    assert ran[1][-2:] == ["--cores", "3"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "there is no config.yaml here to go on with; name a network and images"),
        (["net.onnx"], "network net.onnx is given, but no images are"),
        (["net.onnx", "scans"], "add --normalisation 'scale'"),
        ([*NETWORK, "--argument", "x"], "--argument x is not NAME=VALUE"),
    ],
)
def test_a_mistake_is_one_line_and_writes_nothing(
    ran: list[list[str]], capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert main(["report", *words]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert not Path("config.yaml").exists()
    assert ran == []


def test_settings_that_are_here_are_not_written_over(
    ran: list[list[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("config.yaml").write_text("mine")
    assert main(["report", *NETWORK]) == 2
    assert "config.yaml is here already" in capsys.readouterr().err
    assert Path("config.yaml").read_text() == "mine"
    assert ran == []


def test_its_exit_code_is_snakemakes(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(json.dumps({"model": {"nonsense": 1}}))
    done = segtrt("report", "-n", cwd=tmp_path, capture_output=True)
    assert done.returncode == 1
    assert "model.nonsense" in done.stdout
