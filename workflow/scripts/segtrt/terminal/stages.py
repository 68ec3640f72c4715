"""The stages of a run as the terminal shows them, and which rules belong to each."""

from collections.abc import Mapping

STAGES = {
    "images": ("fetch_dataset", "list_slices", "encode_slices", "time_preparation"),
    "network": (
        *("train", "fetch_weights", "inspect_network", "describe_segmentation"),
        *("run_reference", "time_reference", "score_reference"),
    ),
    "graphs": (
        *("export_onnx", "convert_onnx", "write_samples"),
        *("split_regions", "convert_whole", "blame_region"),
    ),
    "engines": ("time_region", "mix_regions", "build_engine"),
    "runs": ("run_engine", "time_engine", "rebuild_engine"),
    "verdicts": ("score_engine", "validate_engine", "score_rebuild"),
    "report": ("summarise", "write_report", "make_package", "publish"),
}
"""Stage -> its rules, in the order of the data."""

QUIET = frozenset({"note_changes", "total"})
"""What Snakemake counts that is no work of its own."""


def stage_of(rule: str) -> str:
    """The stage of a rule, which as a module's may have a prefix; empty if it is of none."""
    return next(
        (
            stage
            for stage, rules in STAGES.items()
            if any(rule == own or rule.endswith(f"_{own}") for own in rules)
        ),
        "",
    )


def by_stage(counts: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Jobs by stage and rule, stages in their order and without those that have no job.

    Args:
        counts: rule -> number of jobs, as Snakemake counts them.

    Returns:
        Those of no stage are under the empty name, which comes last.
    """
    found: dict[str, dict[str, int]] = {}
    for rule, count in counts.items():
        if rule not in QUIET:
            found.setdefault(stage_of(rule), {})[rule] = count
    return {stage: found[stage] for stage in (*STAGES, "") if stage in found}
