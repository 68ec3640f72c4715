"""`segtrt predict` killed at random moments: nothing half-written, and taken up where it was."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from image_folders import ZSCORE, Case, write_png, write_volume
from proven_engine import Made, contents, spec_of
from segtrt.files import PARTIAL_SUFFIX

LIBRARY = Path(__file__).resolve().parents[3] / "workflow/scripts"
WAIT_SECONDS = 120
MANY = {
    "pictures": Case(
        "{subject}/{item}.png",
        {f"{subject}/{n}.png": (64, 64, 3) for subject in "abcd" for n in range(10)},
        write_png,
        spec_of(3),
        ZSCORE,
        largest_component=True,
    ),
    "volumes": Case(
        "{item}.mhd",
        {f"{n}.mhd": (12, 32, 32) for n in range(40)},
        write_volume,
        spec_of(1, 3),
        ZSCORE,
    ),
}


def start(made: Made, out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "segtrt", "predict", made.engine, made.root, "--out", out],
        cwd=LIBRARY,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def whole(out: Path) -> set[str]:
    """Names of what bears a final name."""
    # Unlike globbing, walking passes over what vanishes meanwhile.
    found = {
        Path(folder, name).relative_to(out).as_posix()
        for folder, _, names in os.walk(out)
        for name in names
    }
    return {name for name in found if PARTIAL_SUFFIX not in name} - {"predictions.json"}


def kill_at(process: subprocess.Popen[str], out: Path, count: int) -> None:
    """Kill a process as soon as there are so many files, or let it end before."""
    end = time.monotonic() + WAIT_SECONDS
    while process.poll() is None and len(whole(out)) < count:
        assert time.monotonic() < end, "it writes nothing"
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def kill_and_resume(case: str, folder: Path, counts: Sequence[int]) -> None:
    """Kill a run when there are so many more files, again and again, then let one end."""
    made = MANY[case].make(folder)
    expected, out = made.masks(), folder / "masks"
    out.mkdir()
    for more in counts:
        before = whole(out)
        kill_at(start(made, out), out, len(before) + more)
        after = whole(out)
        assert before <= after
        assert {name: (out / name).read_bytes() for name in after}.items() <= expected.items()
        if len(after) == len(expected):
            for name in sorted(after)[len(after) // 2 :]:
                (out / name).unlink()
    last = start(made, out)
    _, error = last.communicate(timeout=WAIT_SECONDS)
    assert (last.returncode, error) == (0, "")
    assert contents(out) == expected, "leftovers or other masks"


def test_killed_three_times(tmp_path: Path) -> None:
    kill_and_resume("pictures", tmp_path, [1, 5, 12])


@pytest.mark.slow
@pytest.mark.parametrize("case", list(MANY))
def test_killed_twenty_times(case: str, tmp_path: Path) -> None:
    rng = random.Random(os.environ.get("SEGTRT_SEED", "0"))
    kill_and_resume(case, tmp_path, [rng.randint(1, 30) for _ in range(20)])
