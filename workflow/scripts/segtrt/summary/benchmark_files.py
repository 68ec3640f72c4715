"""Run time and memory per rule from Snakemake's benchmark files."""

import csv
from pathlib import Path
from typing import Any


def read_benchmarks(folder: Path) -> list[dict[str, Any]]:
    """Sum up `folder/<rule>/**/*.tsv`, a rule a line, longest first.

    Snakemake writes a row a run with, among others, `s` (wall-clock seconds), `max_rss` (MB of
    2**20 bytes) and `cpu_time` (seconds), or `NA`, `-` where it could not tell.

    Returns:
        `rule`, `jobs`, `seconds` (all jobs together), `longest_seconds`, `cpu_seconds` and
        `max_rss_mib` (the largest job's; None if it was not measured). Empty if there is no such
        folder. Files that cannot be read as benchmarks are left out: they are a by-product.
    """
    rules = []
    for rule in sorted(path for path in folder.glob("*") if path.is_dir()):
        rows = [row for path in sorted(rule.rglob("*.tsv")) for row in _rows(path)]
        seconds = [value for row in rows if (value := _number(row.get("s"))) is not None]
        if not seconds:
            continue
        memory = [v for row in rows if (v := _number(row.get("max_rss"))) is not None]
        cpu = [v for row in rows if (v := _number(row.get("cpu_time"))) is not None]
        rules.append(
            {
                "rule": rule.name,
                "jobs": len(seconds),
                "seconds": sum(seconds),
                "longest_seconds": max(seconds),
                "cpu_seconds": sum(cpu) if cpu else None,
                "max_rss_mib": max(memory) if memory else None,
            }
        )
    return sorted(rules, key=lambda entry: (-entry["seconds"], entry["rule"]))


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(encoding="utf-8", newline="") as handle:
            return list(csv.DictReader(handle, delimiter="\t"))
    except (OSError, UnicodeDecodeError, csv.Error):
        return []


def _number(text: str | None) -> float | None:
    try:
        value = float(text or "")
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
