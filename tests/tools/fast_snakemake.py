"""The real Snakemake with all that jobs import loaded once: for many small runs.

A server process imports Snakemake and the heavy packages. Each run is a fork of it, and so is each
job's script within a run and each module that a job runs, so that nothing is shared but those
imports. The library itself is
imported by each run, from the checkout in question.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HEAVY = (
    *("torch", "onnx", "onnxscript", "onnxruntime", "openvino", "tensorrt_rtx", "numpy", "scipy"),
    *("scipy.ndimage", "skimage.measure", "skimage.transform", "PIL.Image", "safetensors.torch"),
    *("modelopt.onnx.autocast", "modelopt.onnx.quantization"),
    *("torch._dynamo", "torch.onnx._internal.exporter._core", "plotly", "jinja2"),
)


class FastSnakemake:
    """The server, as a context; each call is one run of Snakemake."""

    def __init__(self, said: Path) -> None:
        """Start it.

        Args:
            said: a file for what a run says.
        """
        environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONPATH", "CI")}
        self._server = subprocess.Popen(
            [sys.executable, str(Path(__file__)), str(said)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**environment, "CUDA_VISIBLE_DEVICES": "", "COLUMNS": "200"},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._server.stdin
        self._server.stdin.close()
        self._server.wait()

    def run(
        self,
        folder: Path,
        *arguments: str,
        cache: Path | str = "off",
        forgets: str | None = None,
    ) -> str:
        """Run Snakemake, which must succeed; returns what it says. Arguments as for `attempt`."""
        status, said = self.attempt(folder, *arguments, cache=cache, forgets=forgets)
        assert status == 0, said[-4000:]
        return said

    def attempt(
        self,
        folder: Path,
        *arguments: str,
        cache: Path | str = "off",
        forgets: str | None = None,
    ) -> tuple[int, str]:
        """Run Snakemake; returns its exit status and what it says.

        Args:
            folder: the working folder.
            arguments: targets before options, as for `snakemake`.
            cache: the folder of the store, or `off`.
            forgets: a part of every key that is left out of it, as a fault would.
        """
        assert self._server.stdin and self._server.stdout
        request = {
            "folder": str(folder),
            "arguments": arguments,
            "environment": {"SEGTRT_CACHE": str(cache)},
            "forgets": forgets,
        }
        self._server.stdin.write(json.dumps(request) + "\n")
        self._server.stdin.flush()
        answer = json.loads(self._server.stdout.readline())
        return answer["status"], answer["said"]


def in_fork(action: Any) -> int:
    """Call `action` in a fork of this process; returns its exit status."""
    import traceback

    sys.stdout.flush()
    sys.stderr.flush()
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 99
    try:
        action()
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def execute_script(self: Any, script: str, edit: bool = False) -> None:  # noqa: ARG001
    """In place of Snakemake's method of that name, which starts a Python for each job."""
    import logging
    import runpy
    import time

    def execute() -> None:
        logging.root.handlers.clear()
        subprocess.run = run_module
        sys.argv = [script]
        runpy.run_path(script, run_name="__main__")

    begin = time.time()
    status = in_fork(execute)
    if self.bench_record:
        self.bench_record.running_time = time.time() - begin
    if status:
        raise subprocess.CalledProcessError(status, script)


really_run = subprocess.run


def run_module(command: Any, **options: Any) -> subprocess.CompletedProcess[Any]:
    """In place of `subprocess.run`: a Python module (`python -m name ...`) runs in a fork."""
    import runpy
    import tempfile

    if list(command[:2]) != [sys.executable, "-m"]:
        return really_run(command, **options)

    with tempfile.TemporaryFile("w+") as said:

        def execute() -> None:
            os.dup2(said.fileno(), 1)
            os.dup2(1, 2)
            sys.argv = list(command[2:])
            runpy.run_module(command[2], run_name="__main__", alter_sys=True)

        status = in_fork(execute)
        said.seek(0)
        return subprocess.CompletedProcess(command, status, "", said.read())


def forget(part: str) -> None:
    """Leave a part out of the plan's keys and the store's alike."""
    from segtrt.plan import job, node

    whole = job.sha256_json

    def without(value: Mapping[str, Any]) -> str:
        return whole({name: entry for name, entry in value.items() if name != part})

    job.sha256_json = without  # type: ignore[assignment]
    node.sha256_json = without  # type: ignore[assignment]


def answer(request: Mapping[str, Any], said: Path) -> int:
    """Run Snakemake as the request says, its words to the file `said`; returns its status."""
    import snakemake.cli
    from snakemake.script import PythonScript

    def run() -> None:
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        os.chdir(request["folder"])
        os.environ.update(request["environment"])
        PythonScript.execute_script = execute_script
        arguments = list(request["arguments"])
        sys.argv = ["snakemake", *arguments]
        if request["forgets"]:
            sys.path.insert(0, str(Path(__file__).parents[2] / "workflow/scripts"))
            forget(request["forgets"])
        snakemake.cli.main(arguments)

    return in_fork(run)


def main() -> None:
    """Serve until standard input ends."""
    from importlib import import_module

    for name in ("snakemake.cli", "snakemake.script", *HEAVY):
        try:
            import_module(name)
        except ImportError:
            continue
    said = Path(sys.argv[1])
    for line in sys.stdin:
        status = answer(json.loads(line), said)
        print(json.dumps({"status": status, "said": said.read_text(errors="replace")}), flush=True)


if __name__ == "__main__":
    main()
