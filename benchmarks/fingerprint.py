"""What the machine's description costs a fresh Python process; a part of `scale.py`."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent.parent / "workflow/scripts"

# Run in a process of its own, with what it imports already compiled.
ONE_PROCESS = """
import time
marks = []
def mark(name):
    marks.append((name, time.perf_counter(), time.process_time()))
mark("")
import segtrt.plan.declare
import segtrt.machine.facts
import segtrt.runtimes.registry
mark("imports")
here = segtrt.machine.facts.this_machine()
mark("machine")
for name, runtime in segtrt.runtimes.registry.all_runtimes().items():
    runtime.target(here)
    mark(name)
import json
import sys
steps = {
    step: {"wall_ms": 1e3 * (wall - wall_before), "cpu_ms": 1e3 * (cpu - cpu_before)}
    for (step, wall, cpu), (_, wall_before, cpu_before) in zip(marks[1:], marks)
}
print(json.dumps({"steps": steps, "numpy": "numpy" in sys.modules}))
"""


def measure_fingerprint(repeats: int = 31) -> dict[str, Any]:
    """Milliseconds to import the library, describe the machine and ask every runtime's target.

    Args:
        repeats: processes; one more goes before, which compiles what is imported.

    Returns:
        Medians of each step and of their sums over the processes: wall time, and processor time,
        which other work on the machine does not stretch.
    """
    with tempfile.TemporaryDirectory() as compiled:
        runs = [_run(compiled) for _ in range(repeats + 1)][1:]
    clocks = ("wall_ms", "cpu_ms")
    steps = {
        step: {clock: _median(run["steps"][step][clock] for run in runs) for clock in clocks}
        for step in runs[0]["steps"]
    }
    total = {
        clock: _median(sum(step[clock] for step in run["steps"].values()) for run in runs)
        for clock in clocks
    }
    return {"processes": repeats, "numpy_imported": runs[0]["numpy"], **steps, "total": total}


def _run(compiled: str) -> Any:
    environment = {name: value for name, value in os.environ.items() if name[:6] != "PYTHON"}
    environment |= {"PYTHONPATH": str(SCRIPTS), "PYTHONPYCACHEPREFIX": compiled}
    call = [sys.executable, "-c", ONE_PROCESS]
    done = subprocess.run(call, env=environment, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def _median(values: Any) -> float:
    return round(statistics.median(values), 1)
