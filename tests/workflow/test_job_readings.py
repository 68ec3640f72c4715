"""A job of a batch system reads the workflow again: the same job as was planned, at little cost."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from finished_run import finish_run
from looked_at import below, looked_at
from real_plan import real_workflow
from segtrt.plan.node import Node

FILES_OF_A_SUBJECT = 4


def make_images(root: Path, subjects: int) -> Path:
    """So many subjects of two slices; planning reads names and bytes alone."""
    for number in range(subjects):
        folder = root / f"S{number:02d}"
        folder.mkdir(parents=True)
        for item in (1, 2):
            for kind in ("", "_mask"):
                (folder / f"{folder.name}_{item}{kind}.tif").write_text(f"{number} {item} {kind}")
    return root


def settings(folder: Path, **dataset: Any) -> dict[str, Any]:
    weights = folder / "weights.safetensors"
    weights.write_text("weights")
    return {
        "dataset": {"source": "path", "path": str(folder / "images"), "shards": 3, **dataset},
        "tensors": {"samples": [{"subject": "S00", "slice": 1}]},
        "model": {"weights": str(weights)},
        "engines": {
            "runtimes": ["onnxruntime", "openvino"],
            "batch_sizes": [1],
            "precisions": ["fp32", "int8"],
            "rebuilds": 1,
        },
    }


class Finished:
    """A finished run, and how its jobs read the workflow."""

    def __init__(self, folder: Path, subjects: int, **dataset: Any) -> None:
        folder.mkdir()
        self.images = make_images(folder / "images", subjects)
        self.folder = folder / "run"
        self.folder.mkdir()
        self.config = settings(folder, **dataset)
        self.nodes = finish_run(self.folder, self.config)

    def read(self, node: Node) -> tuple[dict[str, Any], set[str]]:
        """What a job's own reading makes of it, and the paths that it looks at."""
        with looked_at() as seen, real_workflow(self.folder, self.config, in_job=True) as names:
            wildcards = {"at": "", **node.identity}
            params = names["PLAN"].node(node.rule, wildcards).as_params()
            if node.rule in ("list_slices", "encode_slices", "time_preparation"):
                names["image_folder"](SimpleNamespace(**wildcards))
        return params, seen

    def first(self, rule: str) -> Node:
        return next(node for node in self.nodes if node.rule == rule)


@pytest.fixture(scope="module", params=["fail", "skip"])
def finished(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("finished") / "run"
    return Finished(folder, 6, calibration_fraction=0.4, on_bad_subject=request.param)


def test_each_job_finds_itself_as_it_was_planned(finished: Finished) -> None:
    """Key, parts, inputs to check: all of it, for a job of every rule and for every shard."""
    seen = set()
    for node in finished.nodes:
        if (node.rule, node.identity.get("shard")) in seen:
            continue
        seen.add((node.rule, node.identity.get("shard")))
        params, _ = finished.read(node)
        assert params == node.as_params(), node.label
    assert {rule for rule, _ in seen} == {node.rule for node in finished.nodes}


def test_no_job_but_the_listing_looks_at_an_image(finished: Finished) -> None:
    for rule in sorted({node.rule for node in finished.nodes}):
        _, seen = finished.read(finished.first(rule))
        files = {name for name in below(seen, finished.images) if name.endswith(".tif")}
        assert len(files) == (6 * FILES_OF_A_SUBJECT if rule == "list_slices" else 0), rule
        if rule not in ("list_slices", "encode_slices", "time_preparation"):
            assert not below(seen, finished.images), rule


@pytest.mark.parametrize(
    "rule",
    [
        *("build_engine", "run_engine", "time_engine", "score_engine", "validate_engine"),
        *("rebuild_engine", "score_rebuild"),
    ],
)
def test_what_an_engines_job_looks_at_does_not_depend_on_the_images(
    tmp_path: Path, rule: str
) -> None:
    looks = []
    for subjects in (3, 12):
        run = Finished(tmp_path / f"of_{subjects}", subjects)
        _, seen = run.read(run.first(rule))
        looks.append({name for name in below(seen, run.folder) if name.startswith("results/")})
        assert not below(seen, run.images)
    assert looks[0] == looks[1]
    assert any(name.startswith("results/keys/") for name in looks[0])


def test_without_a_record_of_the_listing_a_job_looks_for_itself(tmp_path: Path) -> None:
    run = Finished(tmp_path / "lost", 3)
    node = run.first("encode_slices")
    (run.folder / run.first("list_slices").record).unlink()
    params, seen = run.read(node)
    assert params == node.as_params()
    assert len([name for name in below(seen, run.images) if name.endswith(".tif")]) == 12
