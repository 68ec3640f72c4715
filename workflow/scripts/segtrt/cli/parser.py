"""How the command line is read: mistakes in one line, no shortened options."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from segtrt.errors import SegtrtError


class Parser(argparse.ArgumentParser):
    """A parser that tells of a mistake in one line and takes no shortened options."""

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
