"""What decides a user's own code: its syntax and the packages that it imports, by version."""

import ast
import functools
import json
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from importlib.metadata import packages_distributions as _packages
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.plan.fingerprint import code_fingerprint


def code_of_file(path: Path) -> dict[str, Any]:
    """What decides a Python file: it, all that it imports from beside it, and packages.

    Imports are followed at any depth, also inside functions, but not through names that are worked
    out while running. Comments, docstrings and formatting do not count.

    Args:
        path: the file; modules beside it are imported from its folder.

    Returns:
        `files`: fingerprint by path relative to the folder; `packages`: version of each installed
        package that they import, and of those that these need.

    Raises:
        SegtrtError: a file is not Python.
    """
    return _code(path, path.parent)


def imported_packages(path: Path) -> dict[str, str]:
    """Version of each installed package that a Python file itself imports, by normalised name.

    What marks a build of a version, as in `2.13.0+cpu`, is left out.

    Raises:
        SegtrtError: the file is not Python.
    """
    names = {
        name
        for module in _imports(_parsed(path), path, path.parent)
        for top in [module.partition(".")[0]]
        if top not in sys.stdlib_module_names
        for name in packages_of(top)
    }
    versions = {name: distribution(name).version.partition("+")[0] for name in sorted(names)}
    return {_normal(name): version for name, version in versions.items()}


def code_of_module(module: str, base: Path) -> dict[str, Any]:
    """What decides an importable module.

    Args:
        module: its dotted name, e.g. `segmentation_models_pytorch`.
        base: folder that is looked in first, as Python does with the working directory.

    Returns:
        Of one in `base`, or installed as an editable package, the same as `code_of_file`; of an
        installed one `packages` alone.

    Raises:
        SegtrtError: there is no such module.
    """
    if (path := _file_of(module, base)) is not None:
        return _code(path, base)
    top = module.partition(".")[0]
    try:
        spec = find_spec(top)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        raise SegtrtError(
            f"model.network names the module {module}, which is neither in {base} nor installed; "
            "install its package or correct the name"
        )
    names = packages_of(top)
    editable = any(_is_editable(distribution(name)) for name in names)
    root = Path(spec.origin).parent.parent if spec.origin else None
    if root and (editable or not names) and (path := _file_of(module, root)):
        return _code(path, root)
    return {"packages": _versions(names)}


@functools.cache
def packages_of(module: str) -> tuple[str, ...]:
    """Names of the installed packages that provide a top-level module."""
    return tuple(sorted(set(_distributions().get(module, ()))))


@functools.cache
def _distributions() -> dict[str, list[str]]:
    return dict(_packages())


def _code(root: Path, folder: Path) -> dict[str, Any]:
    files: dict[str, str] = {}
    packages: set[str] = set()
    waiting = [root]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(folder).as_posix()
        if name in files:
            continue
        tree = _parsed(path)
        files[name] = code_fingerprint([path])
        for module in _imports(tree, path, folder):
            found = _file_of(module, folder)
            if found is not None:
                waiting.append(found)
            elif (top := module.partition(".")[0]) not in sys.stdlib_module_names:
                packages.update(packages_of(top))
    return {"files": dict(sorted(files.items())), "packages": _versions(tuple(sorted(packages)))}


def _parsed(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError) as error:
        raise SegtrtError(f"{path} is not valid Python ({error}); correct it") from None


def _normal(name: str) -> str:
    """A package's name as the packaging standard compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _imports(tree: ast.Module, path: Path, folder: Path) -> Iterator[str]:
    """Dotted names of all modules that a file may import."""
    here = path.parent.relative_to(folder).parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield from _with_parents(alias.name)
        elif isinstance(node, ast.ImportFrom):
            above = here[: len(here) - (node.level - 1)] if node.level else ()
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield from _with_parents(base)
            for alias in node.names:
                name = f"{base}.{alias.name}" if base else alias.name
                # A name within a module, unless it is a module of its own.
                if _file_of(name, folder) is not None:
                    yield name


def _with_parents(module: str) -> Iterator[str]:
    """`a.b.c` -> `a`, `a.b`, `a.b.c`: importing a module runs its packages first."""
    parts = module.split(".") if module else []
    return (".".join(parts[: end + 1]) for end in range(len(parts)))


def _file_of(module: str, folder: Path) -> Path | None:
    base = folder.joinpath(*module.split("."))
    for candidate in (base.with_name(f"{base.name}.py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None


def _versions(names: tuple[str, ...]) -> dict[str, str]:
    """Version of each package and of all that it needs, by its normalised name."""
    versions: dict[str, str] = {}
    waiting = list(names)
    while waiting:
        name = _normal(waiting.pop())
        if name in versions:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue
        versions[name] = found.version
        for need in found.requires or ():
            wanted, _, condition = need.partition(";")
            if "extra" not in condition and (match := re.match(r"[\w.-]+", wanted)):
                waiting.append(match[0])
    return dict(sorted(versions.items()))


def _is_editable(found: Distribution) -> bool:
    text = found.read_text("direct_url.json")
    return bool(text and json.loads(text).get("dir_info", {}).get("editable"))
