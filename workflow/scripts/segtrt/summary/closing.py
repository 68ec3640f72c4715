"""The last words of a run: verdict, recommendation, and where the report is."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError, os_errors_in_one_line
from segtrt.formats import read_object
from segtrt.quality.failure_words import all_in_words, broken_limits
from segtrt.quality.failures import failures_of
from segtrt.summary.document import FORMAT

_WORDS = {"pass": "passed", "fail": "failed", "skipped": "skipped", "not_run": "not run"}


def closing_lines(summary_json: Path, report: Path) -> list[str]:
    """A few lines for the terminal; fast, imports nothing heavy.

    Args:
        summary_json: `results/summary.json`.
        report: `results/report.html`.

    Returns:
        Lines that sum the run up; of a summary that is missing or damaged, one that says so.
    """
    try:
        with os_errors_in_one_line():
            summary = read_object(summary_json, what="summary", tag=FORMAT)
        return [*_sum_up(summary), f"report: {report}"]
    except SegtrtError as error:
        return [str(error)]
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        return [
            f"summary {summary_json} is damaged or of another version ({type(error).__name__}: "
            f"{' '.join(str(error).split())}); delete it and run the workflow again"
        ]


def _sum_up(summary: Mapping[str, Any]) -> list[str]:
    engines = {engine["name"]: engine for engine in summary["engines"]}
    verdicts = Counter(engine["verdict"] for engine in engines.values())
    counts = ", ".join(f"{verdicts[key]} {word}" for key, word in _WORDS.items() if verdicts[key])
    lines = [f"engines: {counts}"]
    lines += [
        f"  {name} failed: {all_in_words(failures_of(engine['failures']))}"
        for name, engine in engines.items()
        if engine["verdict"] == "fail"
    ]
    choice = summary["recommendation"]
    if choice["doubt"]:
        return [*lines, f"recommended: none; {choice['doubt']}"]
    if choice["engine"]:
        lines.append(f"recommended: {_describe_best(engines[choice['engine']], summary)}")
    elif choice["closest"]:
        failed, broken = failures_of(choice["failures"]), failures_of(choice["broken"])
        words = "; ".join(broken_limits(failed, broken))
        lines.append(f"recommended: none; {choice['closest']} came closest, but breaks: {words}")
    else:
        lines.append("recommended: none; no engine was run")
    return [*lines, *_best_elsewhere(summary, engines)]


def _describe_best(best: Mapping[str, Any], summary: Mapping[str, Any]) -> str:
    reference = summary["reference"]["name"]
    facts = [f"{best['speedup']:.1f} times {best['speedup_over']}"] if best["speedup"] else []
    facts.append(f"{best['timing']['total']['median']:.3g} ms a batch")
    metric, quality = summary["metric"], best["quality"]
    unit = f" {metric['unit']}" if metric["unit"] else ""
    if quality:
        facts.append(f"{metric['title']} {quality['mean']:.4f}{unit}")
        facts.append(f"{reference}'s {quality['reference_mean']:.4f}{unit}")
        facts.append(_loss(quality, unit))
    else:
        facts.append("no ground truth, so no interval of a loss")
        facts.append(f"{best['errors']['flipped_fraction']:.2g} of pixels differ")
    return f"{best['name']} ({', '.join(facts)})"


def _loss(quality: Mapping[str, Any], unit: str) -> str:
    """The loss with its 95 % interval, or that there is none."""
    lost = f"{quality['loss']:.4f}{unit} lost"
    subjects = quality["paired_subjects"]
    over = f"{subjects} subject{'' if subjects == 1 else 's'}"
    found = quality["loss_interval"]
    if not found:
        return f"{lost}, no interval from {over}"
    return f"{lost}, 95 %: {found['low']:.4f} to {found['high']:.4f}{unit} over {over}"


def _best_elsewhere(summary: Mapping[str, Any], engines: Mapping[str, Any]) -> list[str]:
    """Where there are several machines: the best engine on each of the others."""
    machines = summary["machines"]
    if len(machines) == 1:
        return []
    return [
        f"  best on {one['name']}: "
        + (
            _describe_best(engines[one["recommended"]], summary)
            if one["recommended"]
            else "none qualifies"
        )
        for one in machines
        if not one["recommended"] or one["recommended"] != summary["recommendation"]["engine"]
    ]
