"""Engines built again on a GPU: real builds, held against the proven engine, within tolerances."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from segtrt.config.resolve import resolve_config
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildSettings, Runtime
from snakemake_runs import run_snakemake

BATCH, REBUILDS = 4, 3
PRECISIONS = (Precision.FP32, Precision.FP16)


@pytest.fixture(scope="module")
def results(runtime: Runtime, project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose engines are each built three times more."""
    folder = tmp_path_factory.mktemp("rebuilds")
    done = run_snakemake(
        folder,
        "results/report.html",
        "--config",
        "dataset={subjects: [DEMO_0001, DEMO_0002]}",
        f"engines={{runtimes: [{runtime.name}], batch_sizes: [{BATCH}], "
        f"precisions: [{', '.join(PRECISIONS)}], on_unsupported: skip, rebuilds: {REBUILDS}}}",
        "inference={iterations: 5, max_seconds: 0.2, warmup_max_seconds: 0.1}",
        snakefile=project_root / "Snakefile",
        store=folder / "store",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "results"


def engine(results: Path, runtime: Runtime, precision: Precision) -> dict[str, Any]:
    """An engine's entry in the summary; the test is skipped where the GPU has no such engine."""
    if reason := runtime.unsupported(BuildSettings(batch_size=BATCH, precision=precision)):
        pytest.skip(reason)
    name = f"{runtime.name}/b{BATCH}_{precision}"
    engines = json.loads((results / "summary.json").read_text(encoding="utf-8"))["engines"]
    found: dict[str, Any] = next(one for one in engines if one["name"] == name)
    return found


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_build_is_real_and_is_an_engine_of_its_precision(
    results: Path, runtime: Runtime, precision: Precision
) -> None:
    own = engine(results, runtime, precision)
    entry = own["rebuilds"]
    assert (entry["asked"], entry["built"], len(entry["builds"])) == (REBUILDS, REBUILDS, REBUILDS)
    file = results / f"engines/{own['name']}/engine.bin"
    assert own["engine_sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    limits = resolve_config({}).validation.tolerances[precision]
    for build in entry["builds"]:
        assert build["reason"] == ""
        assert build["same_bytes"] == (build["engine_sha256"] == own["engine_sha256"])
        # No build is instantaneous, as one that a store or a cache answers for would be.
        assert build["build_ms"] > 20
        assert build["latency_ms"] > 0 and build["proven_latency_ms"] > 0
        assert build["patches"] == own["errors"]["patches"] > 0
        assert 0 <= build["equal_patches"] <= build["patches"]
        assert build["non_finite"] == 0
        # Another choice of kernels rounds in another way; it is no other network.
        assert build["flipped_fraction"] <= 10 * limits["flipped_fraction"]
        assert abs(build["metric_loss"]) <= limits["metric_loss"]
        if build["equal_patches"] == build["patches"]:
            assert build["relative_l2"] == 0
    assert len({build["build_ms"] for build in entry["builds"]}) == REBUILDS


def test_neither_engines_nor_kernels_are_left(results: Path) -> None:
    left = {path.name for path in (results / "rebuilds").rglob("*") if path.is_file()}
    assert left == {"rebuild.json", "scores.json", "shard_00.safetensors"}
    assert not list((results / "rebuilds").rglob("*.part"))


def test_the_report_has_the_spread(results: Path) -> None:
    page = (results / "report.html").read_text(encoding="utf-8")
    assert "How far a rebuilt engine strays" in page
