"""Functions that the settings name: `module:function` or `path/to/file.py:function`."""

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from segtrt.errors import SegtrtError


@dataclass(frozen=True)
class Origin:
    """Where a file that came along with something was found, and what it must be."""

    folder: Path
    """Its path begins here."""
    sha256: str
    """Of its text; nothing else is run."""


def names_function(text: str) -> bool:
    """Whether a setting's value names a function, rather than one of the built-in ways."""
    return ":" in text


def load_function(text: str, setting: str, origin: Origin | None = None) -> Callable[..., Any]:
    """The function that a setting names.

    Args:
        text: `module:function`, where the module is installed or lies in the current folder, or
            `path/to/file.py:function`.
        setting: the setting's name, for messages.
        origin: of a file that came along; None for the user's own, whose path begins in the current
            folder.

    Raises:
        SegtrtError: no such module, file or function, or importing it fails.
    """
    source, _, name = text.rpartition(":")
    where = f"{setting} is {text}"
    if not source or not name:
        raise SegtrtError(f"{where}; expected module:function or path/to/file.py:function")
    try:
        module = _load_own(source, origin) if source.endswith(".py") else _load_module(source)
    except FileNotFoundError:
        raise SegtrtError(
            f"{where}, but there is no file {source} in {origin.folder if origin else Path.cwd()}; "
            "correct the path"
        ) from None
    except Exception as error:
        raise SegtrtError(
            f"{where}, but {source} cannot be imported ({type(error).__name__}: {error}); make it "
            "importable from the folder that the workflow runs in"
        ) from error
    function = getattr(module, name, None)
    if not callable(function):
        fault = "is no function" if hasattr(module, name) else "does not exist"
        raise SegtrtError(f"{where}, but {name} {fault} in {source}; name a function in it")
    return function  # type: ignore[no-any-return]


def _load_own(source: str, origin: Origin | None) -> ModuleType:
    if origin is None:
        return load_file(Path(source).absolute())
    return load_file(origin.folder.absolute() / source, origin.sha256)


def _load_module(name: str) -> ModuleType:
    here = str(Path.cwd())
    if here not in sys.path:
        # Last, so that a user's file never hides an installed module.
        sys.path.append(here)
    return importlib.import_module(name)


def load_file(path: Path, sha256: str | None = None) -> ModuleType:
    """The module in a user's file, which is run once in a process as long as it stays the same.

    Args:
        path: the file.
        sha256: of the text that it must have; None for any.

    Raises:
        FileNotFoundError: there is no such file.
        ImportError: it has another text; that is not run.
        Exception: whatever running it raises.
    """
    if not path.is_file():
        raise FileNotFoundError(path)
    return _run_file(path, path.stat().st_mtime_ns, sha256)


class _Source(SourceFileLoader):
    """Compiles the file that is there: no bytecode is written beside it, nor read in its place."""

    def __init__(self, name: str, path: Path, sha256: str | None) -> None:
        """As `load_file` is given them."""
        super().__init__(name, str(path))
        self._sha256 = sha256

    def get_code(self, fullname: str) -> CodeType | None:  # noqa: ARG002 - as it is overridden
        """The code of the file's text, which is read once: what is compared is what is run."""
        text = self.get_data(self.path)
        if self._sha256 not in (None, hashlib.sha256(text).hexdigest()):
            raise ImportError(f"{self.path} was changed since it was proven; it is not run")
        code: CodeType = self.source_to_code(text, self.path)
        return code


@lru_cache
def _run_file(
    path: Path,
    changed_ns: int,  # noqa: ARG001 - an edited file is new
    sha256: str | None,
) -> ModuleType:
    name = f"user_file_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path, loader=_Source(name, path, sha256))
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    # Data classes, for one, look for the module that they are in while it runs.
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
