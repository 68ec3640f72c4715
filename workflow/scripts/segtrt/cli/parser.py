"""How the command line is read: mistakes in one line, no shortened options."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from segtrt.cli.amounts import count
from segtrt.errors import SegtrtError


def add_running(parser: argparse.ArgumentParser, *, mode: str) -> None:
    """Add the options that say how an engine runs.

    Args:
        parser: the command's.
        mode: what `--mode` is where it is not given.
    """
    parser.add_argument(
        "--mode",
        choices=("stream", "graph", "overlapped"),
        default=mode,
        help=f"on a GPU: one stream, a CUDA graph, or two streams that hide copies "
        f"(default: {mode})",
    )
    parser.add_argument(
        "--threads", metavar="N", type=count, help="on a CPU: threads (default: all cores)"
    )


class Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line and takes no shortened options."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **settings
        )

    def error(self, message: str) -> NoReturn:
        raise SegtrtError(f"{message}; see {self.prog} --help")


class Version(argparse.Action):
    """`--version`; the version is looked up when it is asked for."""

    def __init__(self, option_strings: Sequence[str], dest: str, **settings: Any) -> None:
        super().__init__(option_strings, dest, nargs=0, **settings)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"segtrt {version('segtrt')}")
        parser.exit()
