"""What `segtrt report` takes."""

import argparse
from typing import Any

from segtrt.cli.amounts import count


def add_report(commands: Any) -> None:
    """Add the command to the parser's commands."""
    parser = commands.add_parser(
        "report",
        help="take a network and images through the whole workflow to the report",
        description=(
            "Find out which engine of a network is fastest and what it costs in quality on\n"
            "images: writes config.yaml in this folder, says which snakemake command makes the\n"
            "report, and runs it. Without NETWORK it goes on with the config.yaml that is here."
        ),
        epilog=(
            "What cannot be known from the files is asked on a terminal.\n\n"
            "examples:\n"
            "  segtrt report my_net.onnx scans --masks labels\n"
            "  segtrt report net.py:network 'scans/{subject}/{item}.png' --weights net.pt\n"
            "  segtrt report"
        ),
    )
    parser.add_argument("network", metavar="NETWORK", nargs="?", help="as model.network takes it")
    parser.add_argument(
        "images", metavar="IMAGES", nargs="?", help="a folder, or a pattern with {subject}, {item}"
    )
    parser.add_argument("--masks", metavar="MASKS", help="a folder or pattern; ground truth")
    parser.add_argument("--labels", metavar="VALUE=NAME,...", help="what values of masks mean")
    parser.add_argument("--normalisation", metavar="HOW", help="as tensors.normalisation takes it")
    parser.add_argument(
        "--activation", choices=("sigmoid", "softmax", "none"), help="what the network ends with"
    )
    parser.add_argument("--weights", metavar="FILE", help="as model.weights takes it")
    parser.add_argument(
        "--argument",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="what a network's factory is called with; may be repeated",
    )
    parser.add_argument("--cores", metavar="N", type=count, help="as many at most (default: all)")
    parser.add_argument("-n", "--dry-run", action="store_true", help="only say what would be made")
    parser.set_defaults(command=_report)


def _report(chosen: argparse.Namespace) -> int:
    from segtrt.cli.network import parse_argument
    from segtrt.cli.report import report
    from segtrt.cli.report_settings import Answers

    return report(
        chosen.network,
        chosen.images,
        chosen.masks,
        Answers(
            labels=chosen.labels,
            normalisation=chosen.normalisation,
            activation=chosen.activation,
            weights=chosen.weights,
            arguments=dict(map(parse_argument, chosen.argument)),
        ),
        cores=chosen.cores,
        dry_run=chosen.dry_run,
    )
