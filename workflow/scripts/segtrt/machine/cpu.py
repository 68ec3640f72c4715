"""The CPU of this machine."""

import os
import platform
from functools import cache
from pathlib import Path

from segtrt.machine.cgroup import cpu_quota

# Extensions for which ONNX Runtime (MLAS) or OpenVINO (oneDNN) have convolution kernels of their
# own; engines are laid out for them. Names as in /proc/cpuinfo.
_ISA = frozenset(
    {"sse4_2", "avx", "avx2", "fma", "f16c", "avx_vnni", "avx_vnni_int8", "avx_ne_convert"}
    | {"avx512f", "avx512bw", "avx512vl", "avx512_vnni", "avx512_bf16", "avx512_fp16"}
    | {"amx_tile", "amx_int8", "amx_bf16", "amx_fp16"}
    | {"asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "svei8mm", "svebf16"}
)


@cache
def describe_cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """The CPU's model (`cpu`) and, sorted, its extensions that matter here (`isa`).

    Neither the number of cores nor a host name is in it: an engine depends on neither.
    """
    fields: dict[str, str] = {}
    if cpuinfo.is_file():
        first = cpuinfo.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
        for line in first.splitlines():
            key, _, value = line.partition(":")
            fields[key.strip().lower()] = value.strip()
    flags = fields.get("flags", fields.get("features", "")).split()
    model = fields.get("model name", "")
    if "vendor_id" in fields:  # x86
        numbers = f"family {fields.get('cpu family')} model {fields.get('model')}"
        model = f"{model} ({fields['vendor_id']} {numbers})"
    elif "cpu part" in fields:  # Arm
        numbers = f"implementer {fields.get('cpu implementer')} part {fields['cpu part']}"
        model = f"{model} ({numbers})".strip()
    return {
        "cpu": model or platform.processor() or platform.machine(),
        "isa": " ".join(sorted(_ISA.intersection(flags))) or platform.machine(),
    }


def available_cores() -> int:
    """CPU cores that this process may use: by its affinity and its container's quota, the least.

    Of a quota that is no whole number the part is left out, but for the first core: one thread more
    than there is time for stops all others at the end of each period, and times would say so.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    quota = cpu_quota()
    return max(1, min(cores or 1, int(quota) if quota else cores or 1))
