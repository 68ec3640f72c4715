"""The command line `segtrt`: what it takes. What a command does is imported when it is asked for.

Exit codes: 0, done; 1, the answer is no (a comparison failed, no engine qualifies, an engine file
is damaged); 2, a mistake of the user's, explained in one line on standard error.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from segtrt.cli.amounts import amount, count, count_or_zero
from segtrt.cli.parser import Parser, Version, add_running
from segtrt.cli.pick_options import add_pick
from segtrt.cli.predict import add_predict
from segtrt.cli.report_options import add_report
from segtrt.cli.text import plain
from segtrt.cli.verify import add_verify
from segtrt.errors import SegtrtError, describe_os_error

MISTAKE = 2
INTERRUPTED = 130
BROKEN_PIPE = 141
"""What a shell reports of a program that the signals SIGINT and SIGPIPE ended."""

_ENGINE = "an engine.bin that the workflow built, or its folder"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns its exit code.

    Args:
        arguments: the words after `segtrt`; None takes them from the command line.
    """
    # A file name that the terminal's encoding cannot show must not end the command.
    with suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = _answer(arguments)
        sys.stdout.flush()
    except SegtrtError as error:
        return _report_mistake(str(error))
    except BrokenPipeError:
        _drop_output()
        return BROKEN_PIPE
    except OSError as error:
        if error.filename is not None:
            return _report_mistake(describe_os_error(error))
        _drop_output()  # standard output is what cannot be written to
        return _report_mistake(f"cannot write: {error.strerror or error}")
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


def make_parser() -> argparse.ArgumentParser:
    """The parser of all commands; `command` in its result is the function that does the work."""
    parser = Parser(
        prog="segtrt",
        description="Use the segmentation engines that the workflow built.",
        epilog="`segtrt COMMAND --help` explains a command.",
    )
    parser.add_argument("--version", action=Version, help="print the version and exit")
    commands = parser.add_subparsers(metavar="COMMAND", dest="name", required=True)
    add_report(commands)
    add_predict(commands)
    _add_run(commands)
    _add_inspect(commands)
    add_pick(commands)
    add_verify(commands)
    return parser


def _answer(arguments: Sequence[str] | None) -> int:
    try:
        chosen = make_parser().parse_args(arguments)
    except SystemExit as done:  # after --help and --version
        return int(done.code or 0)
    return int(chosen.command(chosen))


def _report_mistake(message: str) -> int:
    print(f"segtrt: {plain(message)}", file=sys.stderr)
    return MISTAKE


def _drop_output() -> None:
    """Send what is still to be written nowhere, so that Python does not fail on it at its end."""
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _add_run(commands: Any) -> None:
    parser = commands.add_parser(
        "run",
        help="run an engine on sample inputs, compare, draw and time",
        description=(
            "Run an engine on sample inputs, compare each result with the output_0.pb beside its\n"
            "input, write it as a grey-scale picture, and time a batch."
        ),
        epilog=(
            "Fewer inputs than the engine's batch: the other places are filled with zeros.\n"
            "More: they run in several batches. Exit code 1 says that a comparison failed.\n\n"
            "example:\n"
            "  segtrt run results/engines/openvino/b4_fp32 results/onnx/fp32/test_data_set_*"
        ),
    )
    parser.add_argument("engine", metavar="ENGINE", type=Path, help=_ENGINE)
    parser.add_argument(
        "inputs",
        metavar="INPUT",
        type=Path,
        nargs="+",
        help="an input_0.pb (ONNX TensorProto), or its folder",
    )
    parser.add_argument(
        "--batch", metavar="N", type=count, help="repeat the inputs in turn until there are N"
    )
    parser.add_argument(
        "--out-dir",
        metavar="DIR",
        type=Path,
        default=Path(),
        help="where output.pgm goes, or output_0.pgm, output_1.pgm ... (default: this folder)",
    )
    parser.add_argument("--png", action="store_true", help="write PNG pictures as well")
    parser.add_argument(
        "--atol",
        metavar="ERROR",
        type=amount,
        help="largest error of an output value (default: the run's tolerance for this engine)",
    )
    parser.add_argument(
        "--max-flipped",
        metavar="SHARE",
        type=amount,
        help="largest share of an input's pixels whose label may differ (default: the run's)",
    )
    parser.add_argument(
        "--require-outputs",
        action="store_true",
        help="refuse an input with no output_0.pb beside it",
    )
    parser.add_argument(
        "--iterations",
        metavar="N",
        type=count_or_zero,
        default=10,
        help="timed runs, after a warm-up; 0 times nothing (default: 10)",
    )
    add_running(parser, mode="stream")
    parser.set_defaults(command=_run)


def _run(chosen: argparse.Namespace) -> int:
    from segtrt.cli.run import run_inputs

    return run_inputs(
        chosen.engine,
        chosen.inputs,
        places=chosen.batch,
        out_dir=chosen.out_dir,
        png=chosen.png,
        atol=chosen.atol,
        max_flipped=chosen.max_flipped,
        require_outputs=chosen.require_outputs,
        iterations=chosen.iterations,
        mode=chosen.mode,
        threads=chosen.threads,
    )


def _add_inspect(commands: Any) -> None:
    parser = commands.add_parser(
        "inspect",
        help="show an engine's record, layers and data types, or what a network takes",
        description=(
            "Of an engine, show what it was built from and for, whether its file is whole,\n"
            "whether it runs on this machine, and the types in which its layers compute. Of a\n"
            "network, as model.network names it, find out and show what it takes and answers."
        ),
        epilog=(
            "Exit code 1 says that the engine file is damaged or missing.\n\n"
            "examples:\n"
            "  segtrt inspect results/engines/openvino/b4_int8\n"
            "  segtrt inspect my_net.onnx\n"
            "  segtrt inspect segmentation_models_pytorch:Unet --argument encoder_weights=null"
        ),
    )
    parser.add_argument("engine", metavar="ENGINE", help=f"{_ENGINE}; or a network")
    parser.add_argument(
        "--argument",
        metavar="NAME=VALUE",
        action="append",
        default=[],
        help="what a network's factory is called with; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=_inspect)


def _inspect(chosen: argparse.Namespace) -> int:
    from segtrt.cli.network import inspect_network, names_network

    if names_network(chosen.engine):
        return inspect_network(chosen.engine, chosen.argument, as_json=chosen.json)
    from segtrt.cli.inspect import inspect_engine

    return inspect_engine(Path(chosen.engine), as_json=chosen.json)
