"""Runs the real Snakemake again and again, each time in a fresh fork: only its import is shared.

Reads one JSON request a line from standard input and answers each with one line. `plan` runs
`snakemake -n` and gives its exit status and text; `run` does what jobs leave behind (small files in
place of artefacts) with the library's own
`segtrt.plan.job.make`. The machine is made up, if the request tells of one.
"""

import json
import os
import shutil
import sys
import traceback
from pathlib import Path
from types import SimpleNamespace

import snakemake.cli


def pretend(machine: dict[str, str], packages: dict[str, str]) -> None:
    """Put a made-up machine in the place of this one."""
    from segtrt.machine import facts as machines
    from segtrt.machine.gpu import GpuFacts
    from segtrt.plan import contents
    from segtrt.runtimes.base import Availability
    from segtrt.runtimes.cpu import base as cpu
    from segtrt.runtimes.tensorrt import runtime as tensorrt

    facts = GpuFacts(
        *(machine[key] for key in ("gpu", "compute_capability", "driver", "cuda")), 24576
    )
    here = machines.Machine(machine["cpu"], "avx2 avx512_vnni", facts)
    for module in (machines, cpu, tensorrt):
        module.this_machine = lambda: here
    cpu.installed_version = machine.__getitem__
    contents._version = lambda package: machine.get(package) or packages.get(package, "1.0")
    tensorrt.TensorRT.availability = lambda *_: Availability(True, True)
    tensorrt.TensorRT.version = lambda _: machine["tensorrt"]


def plan(request: dict) -> None:
    """What `snakemake -n` says of a target."""
    sys.argv = ["snakemake", *request["arguments"]]
    snakemake.cli.main(request["arguments"])


def run(request: dict) -> None:
    """Leave behind what running the jobs would, and say what the outputs of every job are."""
    from real_plan import real_plan
    from segtrt.plan.job import make

    chosen = {tuple(job) for job in request["jobs"]}
    with real_plan(Path(request["directory"]), checkout=Path(request["checkout"])) as plan:
        targets = [plan.maker(path) for path in request["targets"]]
        nodes = list(plan.closure([plan.node("write_report"), *targets]))
    for node in nodes:
        if job_of(node) not in chosen:
            continue
        text = f"{node.key} {request['run'] if node.rule in request['not_repeatable'] else ''}"
        outputs = [Path(path) for path in node.outputs]
        for path in outputs:
            remove(path)

        def write(outputs=outputs, text=text):
            for path in outputs:
                file = path if path.suffix else path / "content"
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_text(f"{path} {text}")

        inputs = {name: [] for name in node.decided_by}
        if node.upstream:
            inputs[node.decided_by[0]] = [path for up in node.upstream for path in up.outputs]
        inputs["verified"] = [path for up in node.verifies for path in up.outputs]
        params = SimpleNamespace(plan=node.as_params())
        make(SimpleNamespace(input=inputs, output=node.outputs, params=params), write)
    for node in nodes:
        if node.temporary:
            for path in node.outputs:
                remove(Path(path))
    print(json.dumps([[*job_of(node), list(node.outputs), node.record] for node in nodes]))


def job_of(node) -> tuple[str, str]:
    """A node as the model calls it."""
    return node.rule, node.name.replace("/shard_", "/")


def remove(path: Path) -> None:
    """Delete a file or folder, if it is there."""
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)


def answer(request: dict, said: Path) -> int:
    """Serve one request in a fork; returns its exit status, its words are in `said`."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    status = 99
    try:
        os.dup2(os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), 1)
        os.dup2(1, 2)
        os.chdir(request["directory"])
        sys.path.insert(0, str(Path(request["checkout"]) / "workflow/scripts"))
        sys.path.append(str(Path(__file__).resolve().parents[3] / "tools"))
        if request["machine"]:
            pretend(request["machine"], request["packages"])
        {"plan": plan, "run": run}[request["do"]](request)
        status = 0
    except SystemExit as end:
        status = int(end.code or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    """Serve until standard input ends."""
    said = Path(sys.argv[1])
    for line in sys.stdin:
        status = answer(json.loads(line), said)
        print(json.dumps({"status": status, "said": said.read_text()}), flush=True)


if __name__ == "__main__":
    main()
