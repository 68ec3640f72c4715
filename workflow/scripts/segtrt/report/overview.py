"""The first screen: which engine, how fast, at what cost, and whether to trust it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from segtrt.precision import SOURCE
from segtrt.quality.failure_words import all_in_words, broken_limits
from segtrt.quality.failures import failures_of
from segtrt.report import wording
from segtrt.report.cautions import cautions
from segtrt.report.machines import device, several, shown


@dataclass(frozen=True)
class Tile:
    """One figure of the first screen."""

    label: str
    value: str
    detail: str


@dataclass(frozen=True)
class Best:
    """The best engine on one of several machines."""

    machine: str
    device: str
    name: str
    """Its name; empty if none on that machine is within the limits."""
    label: str
    images_per_second: str
    latency_ms: str
    figure: str
    recommended: bool


@dataclass(frozen=True)
class Overview:
    """What the first screen says."""

    heading: str
    title: str
    """The largest words."""
    name: str
    """Its name; empty if there is none."""
    qualifies: bool
    sentence: str
    tiles: list[Tile]
    command: str
    """How to use the engine; empty if none is recommended."""
    command_label: str
    best: list[Best]
    """One for each machine; empty where there is one machine."""
    cautions: list[str]
    """What a reader should know before trusting it."""
    limits: str
    machine: str
    dataset: str


def make_overview(summary: Mapping[str, Any]) -> Overview:
    """The first screen of a summary."""
    choice = summary["recommendation"]
    name = choice["engine"] or choice["closest"]
    engine = next((one for one in summary["engines"] if one["name"] == name), None)
    limits = "" if choice["doubt"] else _limits(summary)
    label = (
        wording.engine_label(
            engine["runtime"],
            engine["batch_size"],
            engine["precision"],
            shown(summary, engine["machine"]),
            dynamic=engine["profile"] == "dynamic",
        )
        if engine
        else ""
    )
    if choice["doubt"]:
        heading, title = "Nothing to recommend", "No verdict on engines"
        sentence = f"No engine is recommended: {choice['doubt']}."
    elif engine is None:
        heading, title, sentence = "Nothing to recommend", "No engine was run", _why_none(summary)
    elif choice["engine"]:
        heading, title = "Recommended engine", label
        sentence = (
            f"Fastest of the {wording.plural(choice['qualified'], 'engine')} within the limits "
            f"({choice['candidates']} were run{_where(summary)})."
        )
    else:
        heading, title = "Nothing to recommend", "No engine qualifies"
        failed, broken = failures_of(choice["failures"]), failures_of(choice["broken"])
        words = "; ".join(broken_limits(failed, broken))
        sentence = f"{label} came closest, but breaks: {words}."
    return Overview(
        heading=heading,
        title=title,
        name=name or "",
        qualifies=bool(choice["engine"]),
        sentence=sentence,
        tiles=_tiles(engine, summary) if engine else [],
        command=_command(name) if choice["engine"] else "",
        command_label=f"Use it{wording.on(shown(summary, engine['machine'])) if engine else ''}:",
        best=[_best(one, summary) for one in summary["machines"]] if several(summary) else [],
        cautions=cautions(engine, summary),
        limits=limits,
        machine=_machine_line(summary),
        dataset=_dataset_line(summary["dataset"]),
    )


def _machine_line(summary: Mapping[str, Any]) -> str:
    machines = summary["machines"]
    return f"{len(machines)} machines" if several(summary) else device(machines[0]["facts"])


def _where(summary: Mapping[str, Any]) -> str:
    return f", on {len(summary['machines'])} machines" if several(summary) else ""


def _best(machine: Mapping[str, Any], summary: Mapping[str, Any]) -> Best:
    name = machine["recommended"] or ""
    engine = next((one for one in summary["engines"] if one["name"] == name), None)
    timing = engine["timing"] if engine else None
    return Best(
        machine=machine["name"],
        device=device(machine["facts"]),
        name=name,
        label=wording.engine_label(engine["runtime"], engine["batch_size"], engine["precision"])
        if engine
        else "none within the limits",
        images_per_second=wording.number(timing and timing["images_per_second"]),
        latency_ms=wording.number(timing and timing["total"]["median"]),
        figure=wording.score(
            engine["quality"]["mean"] if engine and engine["quality"] else None,
            summary["metric"]["unit"],
        ),
        recommended=bool(name) and name == summary["recommendation"]["engine"],
    )


def _command(name: str) -> str:
    return (
        f"segtrt run results/engines/{name}/engine.bin "
        f"results/onnx/{SOURCE}/test_data_set_0/input_0.pb"
    )


def _limits(summary: Mapping[str, Any]) -> str:
    choice, metric = summary["recommendation"], summary["metric"]
    latency = choice["max_latency_ms"]
    limit = f"at most {latency:g} ms for a batch" if latency else "any latency"
    unit = f" {metric['unit']} of" if metric["unit"] else ""
    sure = " with 95 % confidence" if choice["confident"] else ""
    lost = (
        f"at most {choice['max_metric_loss']:g}{unit} {metric['title']} lost{sure}, "
        if summary["reference"]["has_truth"]
        else ""
    )
    return f"Limits: {lost}{limit}, validation passed."


def _why_none(summary: Mapping[str, Any]) -> str:
    reasons = list(dict.fromkeys(one["reason"] for one in summary["engines"] if one["reason"]))
    where = "" if several(summary) else " here"
    return f"Engines could not be run{where}: {wording.listed(reasons)}." if reasons else ""


def _tiles(engine: Mapping[str, Any], summary: Mapping[str, Any]) -> list[Tile]:
    timing = engine["timing"]
    speed = wording.number(timing["images_per_second"])
    return [
        Tile(
            f"Speed-up over {engine['speedup_over'] or summary['reference']['name']}",
            wording.times(engine["speedup"]),
            _speeds(engine, speed),
        ),
        _quality_tile(engine, summary),
        Tile(
            "Latency of a batch",
            f"{wording.number(timing['total']['median'])} ms",
            f"median of {timing['iterations']} runs"
            + (f", p99 {wording.number(p99)} ms" if (p99 := timing["total"]["p99"]) else ""),
        ),
        Tile(
            "Verdict",
            wording.VERDICTS[engine["verdict"]],
            all_in_words(failures_of(engine["failures"]))
            or f"{wording.percent(engine['errors']['flipped_fraction'])} of pixels differ",
        ),
    ]


def _speeds(engine: Mapping[str, Any], speed: str) -> str:
    """Both figures of the speed-up, and the one over plain float32 where that is another."""
    if not engine["speedup"]:
        return f"{speed} images per second"
    other = wording.number(engine["timing"]["images_per_second"] / engine["speedup"])
    reported = f"{speed} against {other} images per second, batch {engine['batch_size']}"
    if engine["speedup_float32"] != engine["speedup"]:
        reported += f"; {wording.times(engine['speedup_float32'])} over float32"
    return reported


def _quality_tile(engine: Mapping[str, Any], summary: Mapping[str, Any]) -> Tile:
    metric, quality = summary["metric"], engine["quality"]
    reference = summary["reference"]["name"]
    if quality is None:
        return Tile(
            f"Agreement with {reference}",
            wording.score(engine["agreement"], metric["unit"]),
            f"mean {metric['title']} of its labels with {reference}'s; there is no ground truth",
        )
    over = wording.plural(quality["paired_subjects"], "subject")
    sure = (
        f"95 %: {wording.interval_ends(quality)}, {over}"
        if quality["loss_interval"]
        else f"no interval from {over}"
    )
    return Tile(
        f"Mean {metric['title']}",
        wording.score(quality["mean"], metric["unit"]),
        f"{reference} {wording.score(quality['reference_mean'], metric['unit'])}, "
        f"{wording.loss(quality['loss'], metric['unit'])} lost ({sure})",
    )


def _dataset_line(dataset: Mapping[str, Any]) -> str:
    images = wording.images(dataset["evaluation_items"], dataset["evaluation_slices"])
    return f"{wording.plural(dataset['evaluation_subjects'], 'subject')} with {images} scored"
