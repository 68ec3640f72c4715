"""What a run will make and why, in at most ten lines."""

from collections.abc import Mapping, Sequence

from segtrt.terminal.stages import QUIET, by_stage

_WIDTH = 100


def digest(
    counts: Mapping[str, int], *, changes: Sequence[str], left_out: Mapping[str, str]
) -> list[str]:
    """What Snakemake is about to do, for a reader in a hurry.

    Args:
        counts: rule -> number of jobs, as Snakemake counts them.
        changes: why artefacts are out of date, a line each; none if none is.
        left_out: engines that are asked for and cannot be had here -> why.

    Returns:
        One line with the sum, one for each stage, one with the reason, and one of what is skipped.
    """
    jobs = sum(count for rule, count in counts.items() if rule not in QUIET)
    lines = [f"{jobs} job{'s' * (jobs != 1)} to run"]
    for stage, rules in by_stage(counts).items():
        listed = ", ".join(
            f"{rule} {f'x {n}' if n > 1 else ''}".strip() for rule, n in rules.items()
        )
        if stage:
            lines.append(f"  {stage:<9} {listed}")
        else:
            lines[0] += f", of other rules: {listed}"
    lines.append(f"  why       {_why(changes)}")
    if left_out:
        lines.append(f"  skipped   {_skipped(left_out)}")
    return [_cut(line, _WIDTH) for line in lines]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else f"{text[: width - 3]}..."


def _why(changes: Sequence[str]) -> str:
    if not changes:
        return "not made yet"
    first, *others = changes
    more = f" and {len(others)} more (snakemake explain)" if others else ""
    return _cut(first, _WIDTH - len("  why       ") - len(more)) + more


def _skipped(left_out: Mapping[str, str]) -> str:
    reasons: dict[str, list[str]] = {}
    for name, reason in left_out.items():
        reasons.setdefault(reason, []).append(name)
    (reason, names), *others = reasons.items()
    listed = names[0] if len(names) == 1 else f"{len(names)} engines such as {names[0]}"
    more = sum(len(some) for _, some in others)
    return f"{listed}: {reason}" + (f"; and {more} more, for other reasons" if more else "")
