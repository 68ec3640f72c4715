"""A run whose settings hold secrets and a home folder: neither is in anything that it writes."""

import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import yaml
from tiny_run import Runner, copy_slices, settings

pytestmark = pytest.mark.slow

OWN = """
import numpy as np

def normalise(image):
    return (image / 255).astype(np.float32)

def overlap(prediction, truth, spacing):
    total = prediction.sum() + truth.sum()
    return 2 * (prediction & truth).sum() / total if total else 1.0
"""


class _Silent(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing on the screen of the tests."""


@pytest.fixture
def server(project_root: Path) -> Iterator[str]:
    """Address of a server of the demo's folder."""
    handler = partial(_Silent, directory=str(project_root / "data/demo"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def test_secrets_and_home_folders_are_in_no_file(
    tmp_path: Path, project_root: Path, server: str
) -> None:
    home = tmp_path / "home_of_alice"
    data = copy_slices(home / "scans")
    (home / "own.py").write_text(OWN)
    run = tmp_path / "run"
    run.mkdir()
    config = settings(data, f"http://alice:hush@{server}/weights.safetensors?token=s3cret")
    config["tensors"]["normalisation"] = f"{home}/own.py:normalise"
    config["validation"] = {"metric": f"{home}/own.py:overlap"}
    (run / "config.yaml").write_text(yaml.safe_dump(config))
    runner = Runner(run, ("--snakefile", str(project_root / "Snakefile")), tmp_path / "cache")
    said = runner.run("results/report.html", "--configfile", "config.yaml")
    assert "hush" not in said
    assert "s3cret" not in said

    files = [path for path in run.rglob("*") if path.is_file() and path.name != "config.yaml"]
    assert {path.name for path in files} >= {"report.html", "summary.json"}
    holders = {
        (word, path.relative_to(run).as_posix())
        for path in [*files, *(path for path in (tmp_path / "cache").rglob("*") if path.is_file())]
        for word in ("hush", "s3cret")
        if word.encode() in path.read_bytes()
    }
    assert holders == set()
    results = run / "results"
    passed_on = [path for path in files if path.is_relative_to(results)]
    passed_on = [path for path in passed_on if not path.is_relative_to(results / "logs")]
    # Of this place alone: it knows images by where they lie. Files just written are not in it yet.
    passed_on = [path for path in passed_on if path != results / "keys/hashes.txt"]
    names = {path.relative_to(results).as_posix() for path in passed_on}
    assert {"model/segmentation.json", "model/code/normalisation.py", "summary.csv"} <= names
    assert len(passed_on) > 30
    assert [path for path in passed_on if b"home_of_alice" in path.read_bytes()] == []
    assert b"own.py:overlap" in (run / "results/summary.json").read_bytes()

    where = f"publish={{tracking_uri: 'sqlite:///{home}/runs.db?token=s3cret'}}"
    said = runner.run("publish", "--configfile", "config.yaml", "--config", where)
    assert "at sqlite:///runs.db: " in said
    published = [run / "results/published.json", *(run / "results/keys/publish").rglob("*.json")]
    assert len(published) == 2
    for path in (*published, *(path for path in (run / "mlruns").rglob("*") if path.is_file())):
        text = path.read_bytes()
        assert not [word for word in (b"hush", b"s3cret", b"home_of_alice") if word in text], path

    # The files at another place: not a job is out of date.
    moved = tmp_path / "elsewhere"
    home.rename(moved)
    text = (run / "config.yaml").read_text().replace(str(home), str(moved))
    (run / "config.yaml").write_text(text.replace("alice:hush@", "bob:other@"))
    again = runner.run("results/report.html", "-n", "--configfile", "config.yaml")
    assert "Nothing to be done" in again
