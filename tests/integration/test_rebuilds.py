"""Engines built again by the whole workflow: figures, what reruns, and that no store answers."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
from own_images import QUICK, graph_network, pictures
from report_page import Page
from segtrt.data.prepared import Prepared
from segtrt.quality.answers import Answers
from snakemake_runs import job_counts, run_snakemake

pytestmark = pytest.mark.slow

ENGINES = ("onnxruntime/b2_fp32", "openvino/b2_fp32")


def settings(folder: Path, rebuilds: int) -> dict[str, Any]:
    """A network that is a graph, on five pictures."""
    pictures(folder, masks=True)
    return {
        "dataset": {
            "path": "scans",
            "images": "images/{item}.png",
            "masks": "masks/{item}.png",
            "labels": {10: "nerve", 20: "vessel", 30: "bone"},
        },
        "tensors": {"normalisation": "scale"},
        "model": graph_network(folder / "net.onnx", 3, channels=3),
        "engines": {
            "runtimes": ["onnxruntime", "openvino"],
            "batch_sizes": [2],
            "precisions": ["fp32"],
            "rebuilds": rebuilds,
        },
        "inference": QUICK,
    }


class Run:
    """A folder in which the workflow is run."""

    def __init__(self, folder: Path, project_root: Path) -> None:
        self.folder, self._project = folder, project_root

    def snakemake(self, rebuilds: int, *arguments: str) -> dict[str, int]:
        """Run the workflow; returns its jobs by rule."""
        chosen = json.dumps(settings(self.folder, rebuilds))
        (self.folder / "settings.yaml").write_text(chosen)
        done = run_snakemake(
            self.folder,
            *("results/report.html", "--configfile", "settings.yaml", *arguments),
            snakefile=self._project / "Snakefile",
            store=self.folder / "store",
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return job_counts(done.stdout + done.stderr)

    def read(self, path: str) -> Any:
        return json.loads((self.folder / "results" / path).read_text())


@pytest.fixture(scope="module")
def run(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Two rebuilds of each engine."""
    made = Run(tmp_path_factory.mktemp("rebuilds"), project_root)
    counts = made.snakemake(2)
    assert (counts["rebuild_engine"], counts["score_rebuild"]) == (4, 4)
    return made


def test_figures_are_those_of_the_labels(run: Run) -> None:
    """CPU runtimes repeat themselves: other bytes at most, the same answers."""
    summary = {one["name"]: one for one in run.read("summary.json")["engines"]}
    assert set(summary) == set(ENGINES)
    for name, engine in summary.items():
        entry = engine["rebuilds"]
        assert (entry["asked"], entry["built"]) == (2, 2)
        assert entry["equal_patches"] == entry["patches"] == 2 * engine["errors"]["patches"] > 0
        assert entry["flipped_fraction"] == entry["relative_l2"] == {"low": 0, "high": 0}
        assert entry["metric_loss"]["low"] == entry["metric_loss"]["high"]
        assert entry["metric_loss"]["low"] == pytest.approx(engine["quality"]["loss"])
        assert 0 < entry["latency_ms"]["low"] <= entry["latency_ms"]["high"]
        for number, build in enumerate(entry["builds"], 1):
            found = run.read(f"rebuilds/{name}/{number}/rebuild.json")
            assert found["proven_sha256"] == engine["engine_sha256"]
            assert build["engine_sha256"] == found["built"]["engine_sha256"]
            same = build["engine_sha256"] == engine["engine_sha256"]
            assert build["same_bytes"] == same
            labels = run.folder / f"results/rebuilds/{name}/{number}/shard_00.safetensors"
            tensors = run.folder / "results/tensors/shard_00.safetensors"
            with Answers(labels) as answers, Prepared(tensors) as shard:
                assert len(answers.non_finite) == len(shard.items) == 5
                assert answers.labels(0, shard.items[0]).any()
    assert summary["openvino/b2_fp32"]["rebuilds"]["same_bytes"] == 2


def test_no_engine_is_kept_and_the_store_has_none_of_it(run: Run) -> None:
    left = {path.name for path in (run.folder / "results/rebuilds").rglob("*") if path.is_file()}
    assert left == {"rebuild.json", "scores.json", "shard_00.safetensors"}
    known = [json.loads(path.read_text()) for path in (run.folder / "store").rglob("entry.json")]
    assert known
    keys = {path.parent.name for path in (run.folder / "store").rglob("entry.json")}
    records = (run.folder / "results/keys/rebuild_engine").rglob("*.json")
    contents = {json.loads(path.read_text())["content_key"] for path in records}
    assert len(contents) == 4
    assert not contents & keys


def test_report_and_table_have_the_spread(run: Run) -> None:
    page = (run.folder / "results/report.html").read_text()
    assert "How far a rebuilt engine strays" in page
    assert Page(page).rows
    with (run.folder / "results/summary.csv").open() as handle:
        rows = list(csv.DictReader(handle))
    assert [row["rebuilds.built"] for row in rows] == ["2", "2"]
    assert all(float(row["rebuilds.latency_ms.high"]) > 0 for row in rows)


def test_one_more_is_all_that_runs(run: Run) -> None:
    assert "total" not in run.snakemake(2, "-n")
    counts = run.snakemake(3, "-n")
    made = {"rebuild_engine": 2, "score_rebuild": 2, "summarise": 1, "write_report": 1}
    assert {rule: counts.get(rule, 0) for rule in made} == made
    assert set(counts) - set(made) <= {"total", "note_changes", "all"}


def test_a_rebuild_that_is_lost_is_really_made_again(run: Run) -> None:
    before = run.read("rebuilds/openvino/b2_fp32/1/rebuild.json")
    (run.folder / "results/rebuilds/openvino/b2_fp32/1/rebuild.json").unlink()
    counts = run.snakemake(2)
    assert counts["rebuild_engine"] == counts["score_rebuild"] == 1
    after = run.read("rebuilds/openvino/b2_fp32/1/rebuild.json")
    assert after["built"]["engine_sha256"] == before["built"]["engine_sha256"]
    assert after["built"]["build_ms"] != before["built"]["build_ms"]
