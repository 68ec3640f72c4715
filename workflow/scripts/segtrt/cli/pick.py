"""`segtrt pick`: which engine to use, from a summary."""

import shlex
from collections.abc import Mapping, Sequence
from math import isinf
from pathlib import Path
from typing import Any

from segtrt.cli.text import facts, plain
from segtrt.errors import SegtrtError
from segtrt.precision import SOURCE
from segtrt.quality.failure_words import broken_limits
from segtrt.report.machines import device, entry, several, shown
from segtrt.report.wording import interval, loss, number, on, percent, plural, score, times
from segtrt.summary.document import read_summary
from segtrt.summary.selection import Cover, MeasuredEngine, best_engine, cheapest_cover
from segtrt.summary.selection_rule import Candidate, Choice, pick_engine

MOST_SLICES = 1_000_000
"""What the cheapest cover is worked out for: its time and memory grow with the slices."""


def pick(
    path: Path,
    *,
    machine: str | None,
    max_metric_loss: float | None,
    confident: bool | None,
    max_latency_ms: float | None,
    slices: int | None,
) -> int:
    """Print the engine that the rule chooses, why, and the command that uses it.

    Args:
        path: the summary.
        machine: name of the machine that the engine is for; None takes the fastest engine of all.
        max_metric_loss: most of the mean metric that it may lose; None takes the summary's limit.
        confident: whether the worse end of the loss's interval must keep it; None takes the
            summary's choice.
        max_latency_ms: longest median latency of a batch, infinite for no limit; None takes the
            summary's limit.
        slices: say also how to take so many slices soonest, on the engine's machine; None does
            not.

    Returns:
        0, or 1 if no engine qualifies.

    Raises:
        SegtrtError: the summary cannot be read or has no such machine, or there are too many
            slices.
    """
    if slices is not None and slices > MOST_SLICES:
        raise SegtrtError(f"--slices {slices} is too many; give at most {MOST_SLICES}")
    summary = read_summary(path)
    own = summary["recommendation"]
    most = own["max_metric_loss"] if max_metric_loss is None else max_metric_loss
    latency = own["max_latency_ms"] if max_latency_ms is None else max_latency_ms
    limits: dict[str, Any] = {
        "max_metric_loss": most,
        "confident": own["confident"] if confident is None else confident,
        "metric": summary["metric"]["title"],
        "doubt": own["doubt"],
        "max_latency_ms": None if latency is None or isinf(latency) else latency,
    }
    engines = {engine["name"]: engine for engine in _engines(summary, machine, path)}
    choice = pick_engine([Candidate.of(one) for one in engines.values()], **limits)
    if choice.engine is None:
        print("\n".join(_none(choice, list(engines.values()), machine, summary)))
        return 1
    best = engines[choice.engine]
    print(plain(choice.engine))
    where = _where(best, summary, chosen=machine is not None)
    print("\n".join(facts([*where, *_reasons(best, choice, path.parent, summary)])))
    if slices:
        measured = [
            MeasuredEngine(name, one["batch_size"], one["timing"]["total"]["median"])
            for name, one in engines.items()
            if one["machine"] == best["machine"]
            and pick_engine([Candidate.of(one)], **limits).engine
        ]
        place = on(shown(summary, best["machine"]))
        print(f"\n{plural(slices, 'slice')}{place}, one batch after the other")
        one, more = best_engine(measured, slices), cheapest_cover(measured, slices)
        print("\n".join(facts([("one engine", _runs(one)), ("cheapest", _runs(more))])))
    return 0


def _engines(summary: Mapping[str, Any], machine: str | None, path: Path) -> list[dict[str, Any]]:
    """The engines of a machine, or all."""
    known = [one["name"] for one in summary["machines"] if one["name"]]
    if machine is not None and machine not in known:
        known_ones = f"it has {', '.join(known)}" if known else "it names none: leave --machine out"
        raise SegtrtError(f"--machine {machine} is not in {path}; {known_ones}")
    return [one for one in summary["engines"] if machine in (None, one["machine"])]


def _where(
    engine: Mapping[str, Any], summary: Mapping[str, Any], *, chosen: bool
) -> list[tuple[str, object]]:
    """The engine's machine, if there are several."""
    if not several(summary):
        return []
    name = engine["machine"]
    place = f"{name}, {device(entry(summary, name)['facts'])}"
    others = f"fastest of {len(summary['machines'])} machines, --machine takes another"
    return [("machine", place if chosen else f"{place} ({others})")]


def _reasons(
    engine: Mapping[str, Any], choice: Choice, results: Path, summary: Mapping[str, Any]
) -> list[tuple[str, object]]:
    timing, quality, metric = engine["timing"], engine["quality"], summary["metric"]
    reference = summary["reference"]["name"]
    speed = f"{number(timing['images_per_second'])} images per second"
    if engine["speedup"]:
        speed += f", {times(engine['speedup'])} {engine['speedup_over']}'s"
    others = f"{plural(choice.qualified, 'engine')} within the limits"
    pairs: list[tuple[str, object]] = [
        ("why", f"fastest of the {others} ({choice.candidates} were run)"),
        ("speed", speed),
        ("latency", f"{number(timing['total']['median'])} ms a batch (median)"),
    ]
    if quality:
        unit = metric["unit"]
        theirs = score(quality["reference_mean"], unit)
        scores = f"{score(quality['mean'], unit)}, {reference}'s {theirs}"
        pairs.append((metric["title"], f"{scores}, {loss(quality['loss'], unit)} lost"))
        pairs.append(("how sure", f"{interval(quality, unit)}"))
    else:
        share = percent(engine["errors"]["flipped_fraction"])
        pairs.append(("quality", f"no ground truth; {share} of pixels differ from {reference}'s"))
        pairs.append(("how sure", interval(None, "")))
    pairs.append(("limits", _limits(choice, summary)))
    if not timing["stable"]:
        pairs.append(("beware", f"its timing was unstable: {timing['unstable_reason']}"))
    file = results / "engines" / engine["name"] / "engine.bin"
    sample = results / "onnx" / SOURCE / "test_data_set_0" / "input_0.pb"
    mode = f" --mode {engine['mode']}" if engine["mode"] not in (None, "stream") else ""
    pairs.append(
        ("use it", f"segtrt run{mode} {shlex.quote(str(file))} {shlex.quote(str(sample))}")
    )
    if not file.is_file():
        pairs.append(("", "(the engine is not there: run the workflow to build it)"))
    return pairs


def _none(
    choice: Choice,
    engines: Sequence[Mapping[str, Any]],
    machine: str | None,
    summary: Mapping[str, Any],
) -> list[str]:
    if choice.doubt:
        return [f"no engine is recommended: {choice.doubt}"]
    lines = [f"no engine qualifies{plain(on(machine or ''))}"]
    pairs: list[tuple[str, object]] = []
    if choice.closest:
        pairs.append(("closest", choice.closest))
        pairs += [("breaks", line) for line in broken_limits(choice.failures, choice.broken)]
    else:
        reasons = dict.fromkeys(one["reason"] for one in engines if one["reason"])
        pairs += [("why", reason) for reason in reasons] or [("why", "no engine was run")]
    return [*lines, *facts([*pairs, ("limits", _limits(choice, summary))])]


def _limits(choice: Choice, summary: Mapping[str, Any]) -> str:
    metric = summary["metric"]
    latency = choice.max_latency_ms
    rule = "any latency" if latency is None else f"at most {latency:g} ms a batch"
    if summary["reference"]["has_truth"]:
        unit = f" {metric['unit']} of" if metric["unit"] else ""
        sure = ", with 95 % confidence" if choice.confident else ""
        rule = f"at most {choice.max_metric_loss:g}{unit} {metric['title']} lost{sure}, {rule}"
    return f"{rule}, validation passed"


def _runs(cover: Cover) -> str:
    runs = " + ".join(f"{count:,} x {engine.name}" for engine, count in cover.runs)
    empty = f", {plural(cover.padding, 'place')} empty" if cover.padding else ""
    return f"{number(cover.latency_ms)} ms: {runs}{empty}"
