"""Record what a terminal shows of the first run, for docs/first_run.md.

    python tools/record_first_run.py

It takes the checkout's files to an empty folder, runs the main job there on a terminal of its own,
and writes what was on the screen at a few moments between the document's markers. Times are those
of the machine at hand, which the document names; paths are relative to the checkout. It takes some
minutes.
"""

import argparse
import fcntl
import os
import pty
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workflow/scripts"))

from segtrt.errors import SegtrtError
from segtrt.files import read_json
from segtrt.terminal.stages import STAGES
from write_docs import ROOT, between

DOCUMENT = ROOT / "docs/first_run.md"
TARGET = "results/report.html"
COLUMNS, ROWS = 100, 24
MIDWAY = "runs"
"""The stage with whose first job the second moment comes."""

_CLEAR = "\r\033[K"
_COLOUR = re.compile(r"\033\[[\d;]*m")


@dataclass(frozen=True)
class Recording:
    """All that a program wrote to its terminal."""

    pieces: Sequence[str]
    """As they came."""
    code: int
    """What the program ended with."""

    def screen(self, pieces: int | None = None) -> list[str]:
        """The lines on the screen after so many pieces; None takes all."""
        text = _COLOUR.sub("", "".join(self.pieces[:pieces])).replace("\r\n", "\n")
        return [line.rsplit(_CLEAR, 1)[-1] for line in text.split("\n")]

    def first(self, stage: str) -> list[str]:
        """The screen when the changing last line first speaks of a stage.

        Raises:
            SegtrtError: it never did.
        """
        for count in range(1, len(self.pieces) + 1):
            lines = self.screen(count)
            if re.match(rf" .*\b{stage} \d+/\d+.* \| ", lines[-1]):
                return lines
        raise SegtrtError(f"the terminal never showed the stage {stage}")


def on_terminal(
    command: Sequence[str], folder: Path, variables: Mapping[str, str] | None = None
) -> Recording:
    """Run a program on a terminal of its own.

    Args:
        command: the program and its arguments.
        folder: where to.
        variables: of its environment, beside those of this process.
    """
    terminal, screen = pty.openpty()
    fcntl.ioctl(screen, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    environment = {**os.environ, "TERM": "xterm", **(variables or {})}
    for size in ("COLUMNS", "LINES"):
        environment.pop(size, None)
    pieces = []
    with subprocess.Popen(
        command, cwd=folder, env=environment, stdin=screen, stdout=screen, stderr=screen
    ) as process:
        os.close(screen)
        while True:
            try:
                piece = os.read(terminal, 1 << 16)
            except OSError:  # Linux's way to say that the other side is closed
                break
            if not piece:
                break
            pieces.append(piece.decode("utf-8", "replace"))
    os.close(terminal)
    return Recording(pieces, process.returncode)


def blocks(recording: Recording) -> str:
    """The moments of a recording as Markdown."""
    first = next(iter(STAGES))
    moments = {
        "In the first seconds": recording.first(first),
        "Midway": recording.first(MIDWAY),
        "At the end": recording.screen(),
    }
    parts = []
    for title, lines in moments.items():
        shown = "\n".join(line.rstrip() for line in lines).strip("\n")
        parts.append(f"{title}:\n\n```console\n$ snakemake {TARGET}\n{shown}\n```\n")
    return "\n".join(parts)


def record(folder: Path) -> str:
    """Run the main job in a copy of the checkout below `folder`; returns the document's part.

    Raises:
        SegtrtError: the run failed; says what was on its screen.
    """
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    command = [sys.executable, "-m", "snakemake", TARGET]
    recording = on_terminal(command, folder, {"SEGTRT_CACHE": "off"})
    if recording.code:
        raise SegtrtError("the run failed:\n" + "\n".join(recording.screen()[-ROWS:]))
    (machine,) = read_json(folder / "results/summary.json", "summary")["machines"]
    facts = machine["facts"]
    where = f"Recorded on {facts['cpu']}, {facts['threads']} threads."
    return f"{where}\n\n{blocks(recording)}".replace(f"{folder}/", "")


def main() -> int:
    """Command line."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    document = DOCUMENT.read_text(encoding="utf-8")
    try:
        with tempfile.TemporaryDirectory() as folder:
            recorded = record(Path(folder).resolve() / "segtrt")
        DOCUMENT.write_text(
            between(document, "recording", recorded, DOCUMENT.name), encoding="utf-8"
        )
    except SegtrtError as error:
        print(f"record_first_run: {error}", file=sys.stderr)
        return 1
    print(f"{DOCUMENT.relative_to(ROOT)} written")
    return 0


if __name__ == "__main__":
    sys.exit(main())
