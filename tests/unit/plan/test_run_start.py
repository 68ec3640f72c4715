"""What a run does before its first job."""

from pathlib import Path

import pytest
from real_failures import kill, start_python, wait_for
from segtrt.errors import SegtrtError
from segtrt.plan.run_lock import alone, job_lock
from segtrt.plan.run_start import start_run

KILLED = """
import sys, time
from pathlib import Path
from segtrt.files import replacing
with replacing(Path(sys.argv[1])) as partial:
    partial.write_bytes(bytes(3 * 2**20))
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture(autouse=True)
def _no_cache(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEGTRT_CACHE", "off")


def leave(path: Path) -> None:
    """Kill a process that writes `path`."""
    process = start_python(KILLED, path)
    wait_for(process, "writing")
    kill(process)


def test_a_start_removes_what_was_left_and_says_it_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SEGTRT_CACHE", str(tmp_path / "cache"))
    leave(tmp_path / "results/probabilities/openvino/b1_fp32/shard_00.safetensors")
    leave(tmp_path / "cache/tensorrt/a.timing_cache")
    whole = tmp_path / "results/probabilities/openvino/b1_fp32/shard_01.safetensors"
    whole.write_bytes(bytes(2**20))
    assert start_run(tmp_path, ["run_engine"], [whole, tmp_path / "none"]) == [
        "removed 3 leftovers of killed jobs, 7.0 MiB freed"
    ]
    assert [p for p in (tmp_path / "results").rglob("*") if p.is_file()] == []
    assert start_run(tmp_path, ["run_engine"]) == []


def test_a_module_removes_what_lies_below_its_prefix_and_joins_once(tmp_path: Path) -> None:
    own, other = tmp_path / "sub/results/onnx/a", tmp_path / "results/onnx/a"
    for path in (own, other):
        leave(path)
    unused = [tmp_path / name for name in ("one", "two")]
    for path in unused:
        path.write_bytes(b"")
    said = start_run(tmp_path, ["run_engine"], unused[:1], "sub/")
    assert said == ["removed 2 leftovers of killed jobs, 3.0 MiB freed"]
    assert not list(own.parent.iterdir()) and len(list(other.parent.iterdir())) == 1
    # The run's own lock is no other run at work.
    assert start_run(tmp_path, ["run_engine"], unused[1:], "else/") == [
        "removed 1 leftover of a killed job, 0 bytes freed"
    ]


def test_beside_another_run_unused_files_stay(tmp_path: Path) -> None:
    whole = tmp_path / "shard"
    whole.write_bytes(b"x")
    with job_lock(tmp_path):
        assert start_run(tmp_path, ["run_engine"], [whole]) == []
    assert whole.exists()


def test_after_a_start_nothing_can_be_cleaned_but_by_a_run_that_cleans(tmp_path: Path) -> None:
    for rule in ("clean_engines", "other_clean_results"):
        assert start_run(tmp_path, [rule]) == []
        with alone(tmp_path):
            pass
    start_run(tmp_path, ["clean_engines", "build_engine"])
    with pytest.raises(SegtrtError, match="clean in a run of its own"), alone(tmp_path):
        pass


def test_a_folder_in_which_no_lock_can_be_made_is_reported_in_one_line(tmp_path: Path) -> None:
    (tmp_path / ".snakemake").write_text("")
    with pytest.raises(SegtrtError, match=f"{tmp_path}/.snakemake: File exists"):
        start_run(tmp_path, ["build_engine"])
