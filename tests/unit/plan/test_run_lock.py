"""The lock between runs and cleaning, with real processes."""

import errno
from pathlib import Path

import pytest
from real_failures import kill, start_python, wait_for
from segtrt import files
from segtrt.errors import SegtrtError
from segtrt.plan import run_lock
from segtrt.plan.run_lock import LOCK, alone, job_lock, join

RUN = """
import sys, time
from pathlib import Path
from segtrt.plan.run_lock import join
print(join(Path(sys.argv[1])), flush=True)
time.sleep(60)
"""
JOB = """
import sys, time
from pathlib import Path
from segtrt.plan.run_lock import job_lock
print("waiting", flush=True)
with job_lock(Path(sys.argv[1])):
    print("working", flush=True)
    time.sleep(60)
"""


def refusal(folder: Path) -> str:
    """What cleaning says."""
    with pytest.raises(SegtrtError) as caught, alone(folder):
        pytest.fail("cleaned under a run")
    return str(caught.value)


def test_cleaning_is_refused_under_a_run_and_possible_once_it_was_killed(tmp_path: Path) -> None:
    with alone(tmp_path) as notes:
        assert notes == []
    run, second = start_python(RUN, tmp_path), None
    try:
        wait_for(run, "True")
        reported = refusal(tmp_path)
        assert f"a run is going on in {tmp_path} (process {run.pid});" in reported
        second = start_python(RUN, tmp_path)
        wait_for(second, "False")
        first, last = sorted((run.pid, second.pid))
        assert f"(process {first}, {last})" in refusal(tmp_path)
        kill(run)
        assert f"(process {second.pid})" in refusal(tmp_path)
    finally:
        kill(run)
        if second:
            kill(second)
    with alone(tmp_path) as notes:
        assert notes == []


def test_a_job_that_outlives_its_run_keeps_cleaning_away(tmp_path: Path) -> None:
    job = start_python(JOB, tmp_path)
    try:
        wait_for(job, "waiting")
        wait_for(job, "working")
        assert f"(process {job.pid})" in refusal(tmp_path)
    finally:
        kill(job)
    with alone(tmp_path):
        pass


def test_a_job_waits_for_cleaning_and_a_run_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_lock, "_PAUSE_S", 0)
    with alone(tmp_path):
        job = start_python(JOB, tmp_path)
        try:
            wait_for(job, "waiting")
            with pytest.raises(SegtrtError, match=f"{tmp_path} is being cleaned .process"):
                join(tmp_path)
        except BaseException:
            kill(job)
            raise
    try:
        wait_for(job, "working")
    finally:
        kill(job)


def test_other_folders_and_the_end_of_a_block_matter_not(tmp_path: Path) -> None:
    with job_lock(tmp_path / "a"), job_lock(tmp_path / "a"), alone(tmp_path / "b"):
        assert "a run is going on" in refusal(tmp_path / "a")
    with alone(tmp_path / "a"):
        pass
    assert (tmp_path / "a" / LOCK).read_bytes() == b""


def test_without_locks_the_user_is_asked_to_see_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(files.fcntl, "flock", flock)
    with job_lock(tmp_path), alone(tmp_path) as notes:
        assert notes == [
            f"{tmp_path}: no locks on its file system; be sure that no run is going on"
        ]
    assert join(tmp_path) is False
