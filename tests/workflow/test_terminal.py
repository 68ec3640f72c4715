"""What a user sees: on a terminal one screen, elsewhere what Snakemake always says."""

import re
import sys
from pathlib import Path

import pytest
from record_first_run import on_terminal
from snakemake_runs import run_snakemake
from tiny_run import copy_slices

MANIFEST = "results/dataset/manifest.json"


def run_on_terminal(folder: Path, *arguments: str, project: Path) -> tuple[int, list[str]]:
    """Run Snakemake with a terminal for a screen; its exit code and the lines that stay."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    command += ["--snakefile", str(project / "Snakefile"), "--directory", str(folder)]
    recording = on_terminal(command, folder, {"SEGTRT_CACHE": "off"})
    return recording.code, [line for line in recording.screen() if line.strip()]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy_slices(tmp_path / "data")
    return tmp_path


def config(path: str) -> list[str]:
    dataset = f"dataset={{path: {path}, calibration_fraction: 0}}"
    return ["--config", dataset, "engines={precisions: [fp32]}"]


def test_a_run_is_a_line_for_each_stage(folder: Path, project_root: Path) -> None:
    code, lines = run_on_terminal(folder, MANIFEST, *config("data"), project=project_root)
    assert code == 0, lines
    story = [line for line in lines if not line.startswith(("Using work", "Config file"))]
    first = ["1 job to run", "  images    list_slices", "  why       not made yet"]
    assert story[:3] == first
    assert re.fullmatch(r"  images    1 job done  +\d+ s", story[3])
    assert story[4].startswith("Complete log(s): ")
    assert len(story) == 5
    # All that Snakemake says is in its log file.
    log = Path(story[4].partition(": ")[2]).read_text("utf-8")
    assert "rule list_slices:" in log
    assert "Job stats:" in log
    _, again = run_on_terminal(folder, MANIFEST, *config("data"), project=project_root)
    assert again[-1].startswith("Nothing to be done")


def test_a_failure_is_a_line_and_where_the_rest_is(folder: Path, project_root: Path) -> None:
    next((folder / "data").rglob("*_9.tif")).write_bytes(b"no image")
    code, lines = run_on_terminal(folder, MANIFEST, *config("data"), project=project_root)
    assert code != 0
    (place,) = [at for at, line in enumerate(lines) if line.startswith("FAILED list_slices: ")]
    assert "_9.tif" in lines[place]
    assert lines[place + 1] == "  the rest: results/logs/list_slices.log"
    assert any(line.startswith("Exiting because a job execution failed") for line in lines)


@pytest.mark.slow
@pytest.mark.parametrize("option", ["--verbose", "--printshellcmds"])
def test_who_asks_for_more_gets_snakemakes_own(
    folder: Path, project_root: Path, option: str
) -> None:
    code, lines = run_on_terminal(folder, MANIFEST, option, *config("data"), project=project_root)
    assert code == 0, lines
    assert "localrule list_slices:" in lines


def test_without_a_terminal_nothing_changes_but_a_dry_run_begins_with_what_it_comes_to(
    folder: Path, project_root: Path
) -> None:
    snakefile = project_root / "Snakefile"
    dry = run_snakemake(folder, MANIFEST, "-n", *config("data"), snakefile=snakefile)
    said = dry.stderr.splitlines()
    place = said.index("1 job to run")
    assert said[place + 1 : place + 3] == ["  images    list_slices", "  why       not made yet"]
    assert "rule list_slices:" in dry.stdout.splitlines()
    done = run_snakemake(folder, MANIFEST, *config("data"), snakefile=snakefile)
    said = done.stderr.splitlines()
    assert "localrule list_slices:" in said
    assert "1 job to run" not in said
