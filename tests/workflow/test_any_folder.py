"""Folders, files and interpreters of any name."""

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import yaml
from oracle.bench import copy_checkout
from PIL import Image
from safetensors.numpy import load_file
from tiny_run import (
    ROOT,
    SLICES,
    SUBJECT,
    Runner,
    copy_slices,
    make_interpreter,
    planned,
    reproducible,
    settings,
)

ODD = " {x} {a-b} 'é' \"ü\" {{}} %s #1;& "
"""Blanks at its ends, braces that are a wildcard and some that are none, quotes, non-ASCII."""
ODDER = f"{ODD}$HOME [1]*?\\ "
"""With what Snakemake itself cannot have in a checkout's path: it looks for profiles by pattern."""
TENSORS = "results/tensors/shard_00.safetensors"


@dataclass
class Place:
    """A checkout and what it works on, each in a folder of its own."""

    runner: Runner
    config: Path
    weights: Path
    compared: Path

    def configure(self, groups: Mapping[str, object]) -> None:
        """Write the settings; what they name stands relative to the working folder."""
        written = yaml.safe_dump({**yaml.safe_load(self.config.read_text("utf-8")), **groups})
        self.config.write_text(written, encoding="utf-8")


def make_place(base: Path, odd: str, odder: str, python: Path | None = None) -> Place:
    checkout = copy_checkout(base / f"{odd}checkout{odd}")
    folder = base / f"{odder}work{odder}"
    folder.mkdir()
    data = copy_slices(base / f"{odder}data{odder}")
    weights = base / f"{odder}weights{odder}.safetensors"
    shutil.copy(ROOT / "data/demo/weights.safetensors", weights)
    config = base / "config.yaml"
    relative = [os.path.relpath(path, folder) for path in (data, weights)]
    config.write_text(yaml.safe_dump(settings(*relative)), encoding="utf-8")
    options = ("-c2", "--snakefile", str(checkout / "Snakefile"), "--configfile", str(config))
    runner = Runner(folder, options, base / f"{odder}cache{odder}")
    if python:
        runner.python = python
    return Place(runner, config, weights, base / f"{odder}earlier{odder}.json")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Place:
    base = tmp_path_factory.mktemp("odd")
    return make_place(base, ODD, ODDER, make_interpreter(base / "an 'odd' folder/venv"))


def test_jobs_run_whatever_the_names_are(odd: Place) -> None:
    odd.runner.run(TENSORS, "results/model/weights.safetensors")
    tensors = load_file(odd.runner.folder / TENSORS)
    for place, number in enumerate(SLICES):
        name = f"{SUBJECT}/{SUBJECT}_{number}_mask.tif"
        mask = np.asarray(Image.open(ROOT / "data/demo/kaggle_3m" / name)) > 0
        assert mask.any()
        np.testing.assert_array_equal(tensors[f"truth/{place}"], mask)
    kept = load_file(odd.runner.folder / "results/model/weights.safetensors")
    given = load_file(odd.weights)
    assert all(np.array_equal(kept[name], given[name]) for name in kept)
    assert planned(odd.runner.run(TENSORS, "-n")) == set()
    assert "every artefact is as its job made it" in odd.runner.run("verify")


@pytest.mark.slow
def test_a_whole_run_gives_what_it_gives_elsewhere(odd: Place, tmp_path: Path) -> None:
    plain = make_place(tmp_path / "plain", "", "")
    for place in (plain, odd):
        place.runner.run()
    assert reproducible(odd.runner.folder) == reproducible(plain.runner.folder)
    assert list(Path(odd.runner.cache).glob("store-*/*/*"))
    shutil.copy(odd.runner.folder / "results/summary.json", odd.compared)
    odd.configure({"report": {"compare_with": str(odd.compared)}})
    assert planned(odd.runner.run("-n")) == {"note_changes", "summarise", "write_report", "all"}
    odd.runner.run()
    assert planned(odd.runner.run("-n")) == set()
    odd.runner.run("--report", "snakemake-report.html")
    page = (odd.runner.folder / "snakemake-report.html").read_text("utf-8")
    assert "Latency of one batch on this engine" in page and "Every figure of the report" in page
    assert "removed 1 engine" in odd.runner.run("clean_engines")
    assert "removed results/" in odd.runner.run("clean_results")


def test_a_message_names_a_path_as_it_is(odd: Place) -> None:
    path = " two  blanks, and one at each end "
    done = odd.runner.try_to("-n", "--config", f"model={{weights: {path!r}}}")
    assert done.returncode == 1
    assert f"model.weights is {path!r}, but there is no such file" in done.stdout


@pytest.mark.parametrize(
    ("options", "lines"), [((), 0), (("--workflow-profile", "none", "-c1"), 1)]
)
def test_rerun_triggers_other_than_the_profiles_are_mentioned(
    tmp_path: Path, options: tuple[str, ...], lines: int
) -> None:
    runner = Runner(tmp_path, ("--snakefile", str(ROOT / "Snakefile")))
    said = runner.run("-n", *options)
    line = "as Snakemake's rerun triggers code, input, params, software-env are on; end the command"
    assert said.count(f"{line} with --rerun-triggers mtime") == lines
