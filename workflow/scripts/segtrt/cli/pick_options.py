"""What `segtrt pick` takes."""

import argparse
from pathlib import Path
from typing import Any

from segtrt.cli.amounts import amount, count


def add_pick(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "pick",
        help="choose the engine to use from a summary",
        description=(
            "Choose the fastest engine that passed validation and keeps the limits: the rule\n"
            "behind the report's recommendation."
        ),
        epilog=(
            "Exit code 1 says that no engine qualifies, and what came closest.\n\n"
            "example:\n"
            "  segtrt pick --max-metric-loss 0.005 --max-latency-ms 50 --slices 155"
        ),
    )
    parser.add_argument(
        "summary",
        metavar="SUMMARY",
        type=Path,
        nargs="?",
        default=Path("results/summary.json"),
        help="a summary.json of the workflow (default: results/summary.json)",
    )
    parser.add_argument("--machine", metavar="NAME", help="choose among this machine's engines")
    parser.add_argument(
        "--max-metric-loss",
        metavar="LOSS",
        type=amount,
        help="most of the mean metric, in its unit, that it may lose against the reference "
        "(default: the summary's limit)",
    )
    parser.add_argument(
        "--confident",
        action=argparse.BooleanOptionalAction,
        help="have the worse end of the loss's 95 %% interval keep its limit (default: as the "
        "summary)",
    )
    parser.add_argument(
        "--max-latency-ms",
        metavar="MS",
        type=amount,
        help="longest median latency of a batch; inf for no limit (default: the summary's limit)",
    )
    parser.add_argument(
        "--slices", metavar="N", type=count, help="say also how to take N slices soonest"
    )
    parser.set_defaults(command=_pick)


def _pick(chosen: argparse.Namespace) -> int:
    from segtrt.cli.pick import pick

    return pick(
        chosen.summary,
        machine=chosen.machine,
        max_metric_loss=chosen.max_metric_loss,
        confident=chosen.confident,
        max_latency_ms=chosen.max_latency_ms,
        slices=chosen.slices,
    )
