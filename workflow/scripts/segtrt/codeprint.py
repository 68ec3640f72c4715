"""Fingerprints of code: what a rule's outcome depends on in this library.

A fingerprint covers a script or module and all modules of the package that it imports, at any
depth, also inside functions. Each is reduced to its syntax tree without docstrings, so comments,
docstrings and formatting do not count. A module that is imported by a computed name (the runtimes)
is not followed: the caller names it.
"""

import ast
import functools
import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent

BOOKKEEPING = frozenset(
    f"segtrt.{name}" for name in ("errors", "job", "progress", "store", "plan", "codeprint")
)
"""Modules that decide how work is told, scheduled or kept, never what comes out."""


def code_fingerprint(roots: Iterable[str | Path], package: Path = PACKAGE) -> str:
    """Fingerprint of `roots` and everything of the package that they import.

    Args:
        roots: module names (`segtrt.unet`) or script files.
        package: the package's folder.

    Returns:
        64 hexadecimal digits.
    """
    digests: dict[str, str] = {}
    waiting: list[str | Path] = list(roots)
    seen: set[str] = set()
    while waiting:
        root = waiting.pop()
        path = root if isinstance(root, Path) else _module_file(root, package)
        name = root.name if isinstance(root, Path) else root
        if path is None or name in seen:
            continue
        seen.add(name)
        stat = path.stat()
        digest, imports = _digest(path, package.name, stat.st_mtime_ns, stat.st_size)
        digests[name] = digest
        waiting += [module for module in imports if module not in BOOKKEEPING]
    lines = "\n".join(f"{name} {digest}" for name, digest in sorted(digests.items()))
    return hashlib.sha256(lines.encode()).hexdigest()


@functools.cache
def _digest(path: Path, package: str, _mtime_ns: int, _size: int) -> tuple[str, tuple[str, ...]]:
    """Digest of one file's normalised syntax tree, and the package's modules it imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    imports = tuple(sorted(set(_imports(tree, package))))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            _drop_strings(node)
    return hashlib.sha256(ast.dump(tree).encode()).hexdigest(), imports


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


def _imports(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            # `from segtrt import x` and `from segtrt.a import b` may both name a module.
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        else:
            continue
        yield from (n for n in names if n == package or n.startswith(f"{package}."))


def _module_file(name: str, package: Path) -> Path | None:
    base = package.parent.joinpath(*name.split("."))
    for candidate in (base.with_suffix(".py"), base / "__init__.py"):
        if candidate.is_file():
            return candidate
    return None
