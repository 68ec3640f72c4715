"""What a reader of the report should know before trusting it."""

from collections.abc import Mapping
from typing import Any

from segtrt.report import wording
from segtrt.report.machines import several, shown


def cautions(engine: Mapping[str, Any] | None, summary: Mapping[str, Any]) -> list[str]:
    """What a reader should know, a sentence each.

    Args:
        engine: the engine that the first screen shows, if any.
        summary: the summary.
    """
    found = []
    if engine and engine["timing"] and not engine["timing"]["stable"]:
        found.append(f"Its timing was unstable: {engine['timing']['unstable_reason']}.")
    timed = [one for one in summary["engines"] if one["timing"]]
    unstable = [one for one in timed if not one["timing"]["stable"]]
    if unstable:
        busy = list(dict.fromkeys(shown(summary, one["machine"]) for one in unstable))
        cause = "the machine was busy" if len(busy) == 1 else "the machines were busy"
        found.append(
            f"{len(unstable)} of {wording.plural(len(timed), 'timing')} were "
            f"unstable{wording.on(wording.listed(busy))}: {cause}, and close ranks may change."
        )
    failed = [one["name"] for one in summary["engines"] if one["verdict"] == "fail"]
    if failed:
        found.append(
            f"{wording.plural(len(failed), 'engine')} failed validation: {wording.listed(failed)}."
        )
    left = [one for one in summary["engines"] if one["verdict"] in ("skipped", "not_run")]
    if left:
        where = "" if several(summary) else " here"
        found.append(
            f"{wording.plural(len(left), 'engine')} could not be run{where}; the matrix says why."
        )
    return [*found, *_confidence(engine, summary), *_data_cautions(summary)]


def _data_cautions(summary: Mapping[str, Any]) -> list[str]:
    found, data = [], summary["dataset"]
    if not summary["reference"]["has_truth"]:
        found.append(
            "There is no ground truth: engines are judged by their agreement with "
            f"{summary['reference']['name']} alone, and nothing here says how well the network "
            "itself segments, nor can there be an interval of a loss."
        )
    unseen = data["evaluation_slices"] - data["evaluation_slices_seen"]
    if unseen:
        found.append(
            f"The preparation keeps {data['evaluation_slices_seen']:,} of "
            f"{wording.plural(data['evaluation_slices'], 'slice')} for the network; all are "
            "scored, and what it does not see is background."
        )
    sampled = [
        one["errors_every_item"]["patches"]
        for one in summary["engines"]
        if one["errors"] and one["errors_every_item"]["patches"] < one["patches"]
    ]
    if sampled:
        found.append(
            f"Errors of outputs rest on {min(sampled):,} of {data['patches']:,} patches "
            "(validation.raw_mib); labels and figures on all."
        )
    for one in data["twins"]:
        both = " One is calibrated on and the other scored." if len(set(one["splits"])) > 1 else ""
        found.append(
            f"{wording.listed(one['subjects'])} have {wording.plural(one['images'], 'image')} in "
            f"common and may be one subject.{both}"
        )
    if data["ignored"]["files"]:
        found.append(
            f"{wording.plural(data['ignored']['files'], 'file')} of the data set match no pattern "
            f"({wording.listed(data['ignored']['examples'])})."
        )
    skipped = data["skipped"]
    if skipped:
        names = wording.listed([one["subject"] for one in skipped])
        found.append(f"{wording.plural(len(skipped), 'subject')} left out: {names}.")
    return found


def _confidence(engine: Mapping[str, Any] | None, summary: Mapping[str, Any]) -> list[str]:
    """What the interval of the shown engine's loss leaves open."""
    if engine is None or not summary["reference"]["has_truth"]:
        return []
    metric, quality = summary["metric"], engine["quality"]
    interval = wording.interval(quality, metric["unit"]) if quality else ""
    if not quality or not quality["loss_interval"]:
        return [f"{interval[0].upper()}{interval[1:]}."] if interval else []
    limit = summary["recommendation"]["max_metric_loss"]
    if quality["loss"] <= limit < quality["loss_interval"]["high"]:
        return [
            f"So few subjects leave open whether {engine['name']} keeps its limit of {limit:g}: "
            f"{interval}."
        ]
    return []
