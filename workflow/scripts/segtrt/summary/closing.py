"""The last words of a run: verdict, recommendation, and where the report is."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segtrt.formats import read_object, unreadable
from segtrt.quality.failure_words import all_in_words, broken_limits
from segtrt.quality.failures import failures_of
from segtrt.summary.document import FORMAT

_WORDS = {"pass": "passed", "fail": "failed", "skipped": "skipped", "not_run": "not run"}


def closing_lines(summary_json: Path, report: Path) -> list[str]:
    """A few lines for the terminal; fast, imports nothing heavy.

    Args:
        summary_json: `results/summary.json`.
        report: `results/report.html`.

    Raises:
        SegtrtError: the summary is missing or cannot be read.
    """
    summary = read_object(summary_json, what="summary", tag=FORMAT)
    try:
        engines = {engine["name"]: engine for engine in summary["engines"]}
        verdicts = Counter(engine["verdict"] for engine in engines.values())
        told = ", ".join(f"{verdicts[key]} {word}" for key, word in _WORDS.items() if verdicts[key])
        lines = [f"engines: {told}"]
        lines += [
            f"  {name} failed: {all_in_words(failures_of(engine['failures']))}"
            for name, engine in engines.items()
            if engine["verdict"] == "fail"
        ]
        choice = summary["recommendation"]
        if choice["engine"]:
            lines.append(f"recommended: {_praise(engines[choice['engine']])}")
        elif choice["closest"]:
            failed, broken = failures_of(choice["failures"]), failures_of(choice["broken"])
            broken_words = "; ".join(broken_limits(failed, broken))
            lines.append(
                f"recommended: none; {choice['closest']} came closest, but breaks: {broken_words}"
            )
        else:
            lines.append("recommended: none; no engine was run")
        lines += _best_elsewhere(summary, engines)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise unreadable(summary_json, "summary", error) from None
    return [*lines, f"report: {report}"]


def _praise(best: Mapping[str, Any]) -> str:
    faster = f"{best['speedup']:.1f} times PyTorch, " if best["speedup"] else ""
    return (
        f"{best['name']} ({faster}{best['timing']['total']['median']:.3g} ms a batch, Dice "
        f"{best['dice']['mean']:.4f}, PyTorch's {best['dice']['reference_mean']:.4f})"
    )


def _best_elsewhere(summary: Mapping[str, Any], engines: Mapping[str, Any]) -> list[str]:
    """Where there are several machines: the best engine on each of the others."""
    machines = summary["machines"]
    if len(machines) == 1:
        return []
    return [
        f"  best on {one['name']}: "
        + (_praise(engines[one["recommended"]]) if one["recommended"] else "none qualifies")
        for one in machines
        if not one["recommended"] or one["recommended"] != summary["recommendation"]["engine"]
    ]
