"""What decides an outcome beside settings and sources: code, versions of packages, templates."""

from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from segtrt.addresses import is_url
from segtrt.config.settings import Settings
from segtrt.config.shown import shown_settings
from segtrt.config.typed import as_json
from segtrt.files import sha256_file
from segtrt.model.user_code import code_of_file, code_of_module
from segtrt.plan.fingerprint import PACKAGE, code_fingerprint
from segtrt.runtimes.registry import all_runtimes
from segtrt.user_function import names_function

SCRIPTS = PACKAGE.parent
TEMPLATES = PACKAGE.parents[1] / "report"


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def versions_of(*packages: str) -> dict[str, str | None]:
    """Versions by package; None if it is not installed."""
    return {name: _version(name) for name in packages}


@cache
def code_of(rule: str, *modules: str) -> str:
    """Fingerprint of a rule's script, what it imports, and modules found by a computed name."""
    return code_fingerprint([SCRIPTS / f"{rule}.py", *modules])


def code_of_function(name: str) -> dict[str, Any]:
    """What decides a function that a setting names; nothing for one of the built-in ways.

    Args:
        name: the setting's value: `module:function`, `path/to/file.py:function`, or neither.

    Raises:
        SegtrtError: there is no such module, or a file is not Python.
    """
    if not names_function(name):
        return {}
    source = name.rpartition(":")[0]
    if source.endswith(".py"):
        path = Path(source).absolute()
        # The job that needs a missing file reports it.
        return code_of_file(path) if path.is_file() else {}
    return code_of_module(source, Path.cwd())


@cache
def digest_templates() -> dict[str, str]:
    """SHA-256 of what the page is drawn with, by file name."""
    return {
        path.name: sha256_file(path)
        for path in sorted(TEMPLATES.iterdir())
        if path.suffix in (".j2", ".css", ".js")
    }


def digest_compared(path: str | None) -> str:
    """SHA-256 of the summary that the report compares with; empty if there is none."""
    return sha256_file(Path(path)) if path and Path(path).is_file() else ""


def digest_files(paths: Sequence[str]) -> list[str]:
    """SHA-256 of each file; empty for one that is not there, which the job tells of."""
    return [sha256_file(Path(path)) if Path(path).is_file() else "" for path in paths]


def reported_settings(settings: Settings) -> dict[str, Any]:
    """Settings as far as they decide what a report says.

    Places are as they are shown, paths reduced to the last name, lists whose order means nothing
    are sorted, and of a machine its runtimes count, not how jobs get there.
    """
    values: dict[str, Any] = as_json(shown_settings(settings))
    for later in ("package", "publish"):  # made from the report, not the other way round
        del values[later]
    dataset, engines = values["dataset"], values["engines"]
    dataset["path"] = _last_name(dataset["path"])
    dataset["subjects"] = sorted(dataset["subjects"]) if dataset["subjects"] else None
    for name in ("network", "weights"):
        values["model"][name] = _last_name(values["model"][name])
    values["report"]["compare_with"] = _last_name(values["report"]["compare_with"])
    for name in ("runtimes", "batch_sizes", "precisions", "compute_capabilities"):
        engines[name] = sorted(engines[name])
    values["machines"] = {
        name: sorted(one.runtimes) if one.runtimes else None
        for name, one in settings.machines.items()
    }
    return values


def _last_name(path: str | None) -> str | None:
    return path if path is None or is_url(path) else Path(path).name


def looks_of_runtimes() -> dict[str, list[str]]:
    """What the report shows of runtimes, whatever code it comes from: title and colours."""
    return {
        name: [one.title, one.colour.light, one.colour.dark] for name, one in all_runtimes().items()
    }
