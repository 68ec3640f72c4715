"""The whole small workflow where no file system is shared: every file goes through an S3."""

import http.server
import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from snakemake_runs import job_counts, run_snakemake

pytestmark = pytest.mark.slow

BUCKET, FOLDER = "segtrt-tests", "one"
KEYS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "SNAKEMAKE_STORAGE_S3_ACCESS_KEY": "test",
    "SNAKEMAKE_STORAGE_S3_SECRET_KEY": "test",
}


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[str, Any]]:
    """Address of an S3 on this machine, and a client of it with an empty bucket."""
    boto3 = pytest.importorskip("boto3")
    moto = pytest.importorskip("moto.server")
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    server = moto.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    client = boto3.client("s3", endpoint_url=address)
    client.create_bucket(Bucket=BUCKET)
    yield address, client
    server.stop()


@pytest.fixture
def demo_by_url(project_root: Path) -> Iterator[str]:
    """Address of the demo's folder: no file of a local path reaches a machine elsewhere."""
    folder = str(project_root / "data/demo")
    handler = partial(http.server.SimpleHTTPRequestHandler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_results_lie_in_s3_and_are_found_there_again(
    s3: tuple[str, Any], demo_by_url: str, project_root: Path, tmp_path: Path
) -> None:
    address, client = s3

    def snakemake(*arguments: str, **settings: str) -> str:
        config = {
            "engines": "{runtimes: [openvino], batch_sizes: [4], precisions: [fp32]}",
            "dataset": f"{{source: path, path: {project_root / 'data/demo/kaggle_3m'}, "
            "subjects: [DEMO_0001, DEMO_0002]}",
            "tensors": "{samples: [{subject: DEMO_0001, slice: 8}]}",
            "inference": "{iterations: 5, max_seconds: 0.2, warmup_max_seconds: 0}",
            "model": f"{{weights: '{demo_by_url}/weights.safetensors'}}",
            **settings,
        }
        done = run_snakemake(
            tmp_path,
            "results/report.html",
            "-c2",
            *arguments,
            *("--workflow-profile", "none", "--shared-fs-usage", "none"),
            # As profiles/kubernetes has it.
            *("--rerun-triggers", "mtime", "params", "input"),
            *("--default-storage-provider", "s3"),
            *("--default-storage-prefix", f"s3://{BUCKET}/{FOLDER}"),
            *("--storage-s3-endpoint-url", address),
            *("--config", *(f"{key}={value}" for key, value in config.items())),
            snakefile=project_root / "Snakefile",
        )
        output = done.stdout + done.stderr
        assert done.returncode == 0, output
        return output

    snakemake()
    listed = client.list_objects_v2(Bucket=BUCKET)["Contents"]
    kept = {entry["Key"].removeprefix(f"{FOLDER}/") for entry in listed}
    assert {
        "results/report.html",
        "results/summary.json",
        "results/engines/openvino/b4_fp32/engine.bin",
        "results/predictions/openvino/b4_fp32/DEMO_0002/DEMO_0002_16_mask.tif",
    } <= kept
    assert not [name for name in kept if name.startswith("results/probabilities")]
    for name in ("report.html", "engines/openvino/b4_fp32/engine.bin"):
        assert not (tmp_path / "results" / name).exists()
    content = client.get_object(Bucket=BUCKET, Key=f"{FOLDER}/results/summary.json")["Body"].read()
    [engine] = json.loads(content)["engines"]
    assert engine["verdict"] == "pass"

    assert "Nothing to be done" in snakemake("-n")
    other = snakemake("-n", validation="{decide: {threshold: 0.4}}")
    assert set(job_counts(other)) == {
        # Labels are made as answers come, the reference's and those of PyTorch's other ways too.
        *("run_reference", "score_reference", "time_reference", "describe_segmentation"),
        *("run_engine", "score_engine", "validate_engine", "summarise", "write_report"),
    }
