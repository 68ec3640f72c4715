"""Fingerprints of code: what a rule's outcome depends on in this library.

A fingerprint covers a script or module and all modules of the package that it imports, at any
depth, also inside functions. Each is reduced to its syntax tree without docstrings, so comments,
docstrings and formatting do not count, nor does the version of Python that reads it. A module that
is imported by a computed name (the runtimes) is not followed: the caller names it. Importing
`package.module` does not count as importing `package` itself.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]

BOOKKEEPING = frozenset(
    f"segtrt.{name}"
    for name in (
        *("errors", "progress", "machine.facts"),
        *(
            f"plan.{module}"
            for module in ("fingerprint", "job", "records", "removal", "run_lock", "store")
        ),
    )
)
"""Modules that decide how work is told, scheduled, placed or kept, never what comes out."""


def code_fingerprint(roots: Iterable[str | Path], package: Path = PACKAGE) -> str:
    """Fingerprint of `roots` and everything of the package that they import.

    Args:
        roots: module names (`segtrt.model.unet`) or script files.
        package: the package's folder.

    Returns:
        64 hexadecimal digits.
    """
    digests = [
        f"{name} {_read(path, package)[0]}" for name, path in import_closure(roots, package).items()
    ]
    return hashlib.sha256("\n".join(digests).encode()).hexdigest()


def import_closure(roots: Iterable[str | Path], package: Path = PACKAGE) -> dict[str, Path]:
    """`roots` and all modules of the package that they import, but for `BOOKKEEPING`.

    Args:
        roots: module names or script files; a name that is no module is passed over.
        package: the package's folder.

    Returns:
        Module or script name -> file, sorted by name; empty files decide nothing.
    """
    found: dict[str, Path] = {}
    waiting: list[str | Path] = list(roots)
    while waiting:
        root = waiting.pop()
        path = root if isinstance(root, Path) else _module_file(root, package)
        name = root.name if isinstance(root, Path) else root
        if path is None or name in found or not path.stat().st_size:
            continue
        found[name] = path
        waiting += [module for module in _read(path, package)[1] if module not in BOOKKEEPING]
    return dict(sorted(found.items()))


def _read(path: Path, package: Path) -> tuple[str, Sequence[str]]:
    stat = path.stat()
    return _digest(path, package, stat.st_mtime_ns, stat.st_size)


@functools.cache
def _digest(path: Path, package: Path, _mtime_ns: int, _size: int) -> tuple[str, Sequence[str]]:
    """Digest of one file's normalised syntax tree, and the package's modules it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = tuple(sorted(set(_imports(tree, path, package))))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_strings(node)
    return hashlib.sha256(_dump(tree).encode()).hexdigest(), imports


def _dump(value: object) -> str:
    """A syntax tree as text; what is empty is left out, as versions of Python add empty fields."""
    if isinstance(value, list):
        return f"[{','.join(map(_dump, value))}]"
    if not isinstance(value, ast.AST):
        return repr(value)
    fields = (
        f"{name}={_dump(entry)}"
        for name, entry in ast.iter_fields(value)
        if entry is not None and entry != []
    )
    return f"{type(value).__name__}({','.join(fields)})"


def _drop_strings(node: ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> None:
    """Drop docstrings, of attributes too: bare strings do nothing."""
    node.body = [
        statement
        for statement in node.body
        if not (
            isinstance(statement, ast.Expr)
            and isinstance(statement.value, ast.Constant)
            and isinstance(statement.value.value, str)
        )
    ] or [ast.Pass()]


def _imports(tree: ast.Module, path: Path, package: Path) -> Iterator[str]:
    """Names of the package that may be modules, from every import at any depth of the code."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = _absolute(node, path, package)
            # `from segtrt.machine import gpu` names a module, `from segtrt.machine.gpu import
            # facts` does not.
            members = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if _module_file(name, package) else base for name in members]
        else:
            continue
        yield from (n for n in names if n == package.name or n.startswith(f"{package.name}."))


def _absolute(node: ast.ImportFrom, path: Path, package: Path) -> str:
    """The module that an import names, a relative one from where its file lies."""
    if not node.level or package not in path.parents:
        return node.module or ""
    here = path.parent.relative_to(package.parent).parts
    above = here[: len(here) - (node.level - 1)]
    return ".".join([*above, *([node.module] if node.module else [])])


def _module_file(name: str, package: Path) -> Path | None:
    base = package.parent.joinpath(*name.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None
