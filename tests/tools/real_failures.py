"""Failures that the system makes itself: full disks, protected files, killed processes."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

LIBRARY = Path(__file__).resolve().parents[2] / "workflow/scripts"


def start_python(code: str, *arguments: object) -> subprocess.Popen[str]:
    """Run code that uses the library in a process of its own; its output can be read."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": str(LIBRARY)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def python_on_a_small_disk(code: str, mount: Path, kib: int) -> subprocess.CompletedProcess[str]:
    """Run code that uses the library where `mount`, an empty folder, is a disk of `kib` KiB."""
    if not shutil.which("unshare"):
        pytest.skip("mounts need unshare")
    script = f'mount -t tmpfs -o size={kib}k none "$2" && exec "$0" -c "$1" "$2"'
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", script, sys.executable, code, str(mount)],
        env={**os.environ, "PYTHONPATH": str(LIBRARY)},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode and ("mount" in done.stderr or "unshare" in done.stderr):
        pytest.skip("mounts are not allowed here")
    return done


@contextmanager
def undeletable(path: Path) -> Iterator[None]:
    """Protect a file, or a folder's list of names, from everybody, also from root (`chattr +i`)."""
    if (
        not shutil.which("chattr")
        or subprocess.run(["chattr", "+i", path], capture_output=True, check=False).returncode
    ):
        pytest.skip("files cannot be protected here")
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", path], check=True)


def wait_for(process: subprocess.Popen[str], line: str) -> None:
    """Wait until a process has printed `line`."""
    assert process.stdout is not None
    got = process.stdout.readline().strip()
    assert got == line, (got, process.stderr.read() if process.poll() is not None else "")


def kill(process: subprocess.Popen[str]) -> None:
    """End a process as `kill -9` does."""
    process.kill()
    process.wait(10)
