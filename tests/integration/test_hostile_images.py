"""Every hostile data set planned and listed by Snakemake: one line each, nothing lost silently."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fast_snakemake import FastSnakemake
from hostile_images import CASES, Case

MANIFEST = "results/dataset/manifest.json"
QUICK = ("looping_link", "cut_png")
"""One that a plan sees, and one that only reading tells; `make test-all` takes them all."""

UNLIKE = {
    "grey_image": (r"pat_b_8.tif has 1 channel and 2 axes, expected 3 channels and 2 axes",),
    "rgba_image": (r"pat_b_8.tif has 4 channels and 2 axes, expected 3 channels and 2 axes",),
}
"""What is right by itself, but unlike the rest of its data set."""


@pytest.fixture(scope="module")
def snakemake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastSnakemake]:
    with FastSnakemake(tmp_path_factory.mktemp("said") / "said.txt") as server:
        yield server


def attempt(
    snakemake: FastSnakemake, folder: Path, case: Case, on_bad_subject: str, *options: str
) -> tuple[int, str]:
    """Plan or make the manifest; no word of a traceback."""
    settings = {
        "dataset": {
            "source": "path",
            "path": "data",
            "images": case.layout.images,
            "masks": case.layout.masks,
            "channels": None if case.layout.channels is None else list(case.layout.channels),
            "calibration_fraction": 0,
            "on_bad_subject": on_bad_subject,
        },
        "engines": {"precisions": ["fp32"]},
    }
    (folder / "settings.yaml").write_text(json.dumps(settings))
    snakefile = Path(__file__).resolve().parents[2] / "Snakefile"
    status, said = snakemake.attempt(
        folder,
        *(MANIFEST, "-c1", "--configfile", "settings.yaml", "--snakefile", str(snakefile)),
        *options,
    )
    assert "Traceback" not in said, said
    return status, said


def reported(said: str, patterns: tuple[str, ...]) -> bool:
    """Whether all that is to be said stands in the text, of which three are named at most."""
    found = [bool(re.search(p.removeprefix("^").removesuffix("$"), said)) for p in patterns]
    return sum(found) >= min(len(patterns), 3)


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in QUICK else [pytest.mark.slow]) for name in CASES],
)
def test_plan_and_run(name: str, snakemake: FastSnakemake, tmp_path: Path) -> None:
    case = CASES[name]
    (tmp_path / "data").mkdir()
    case.make(tmp_path / "data")
    planned, plan = attempt(snakemake, tmp_path, case, "fail", "-n")
    assert not (tmp_path / "results").exists(), "a plan writes nothing"
    strict, said = attempt(snakemake, tmp_path, case, "fail")
    if case.refused is not None:
        assert planned != 0
        assert strict != 0
        assert re.search(case.refused, plan), plan
        assert re.search(case.refused, said), said
        return
    assert planned == 0, plan
    assert reported(plan, case.problems), plan
    faults = (*case.problems, *case.unreadable, *UNLIKE.get(name, ()))
    assert (strict != 0) == bool(faults), said
    assert reported(said, faults), said
    lenient, said = attempt(snakemake, tmp_path, case, "skip")
    if lenient:
        assert "no subject of" in said, said
        return
    manifest = json.loads((tmp_path / MANIFEST).read_text())
    skipped = [f"{one['name']}: {one['reason']}" for one in manifest["skipped"]]
    assert bool(skipped) == bool(faults)
    assert reported("\n".join(skipped), faults), skipped
    assert manifest["ignored"]["files"] == case.ignored
    assert manifest["ignored"]["left_behind"] == case.left_behind
