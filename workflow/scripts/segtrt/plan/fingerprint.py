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
"""Modules that decide how work is reported, scheduled, placed or kept, never what comes out."""


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
        Module or script name -> file, sorted by name; files without a statement decide nothing.
    """
    found: dict[str, Path] = {}
    waiting: list[str | Path] = list(roots)
    while waiting:
        root = waiting.pop()
        path = root if isinstance(root, Path) else _module_file(root, package)
        name = root.name if isinstance(root, Path) else root
        if path is None or name in found or _read(path, package)[0] == _NOTHING:
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
    imports: list[ast.Import | ast.ImportFrom] = []
    text = _dump(ast.parse(path.read_text(encoding="utf-8")), imports)
    names = tuple(sorted({name for node in imports for name in _imported(node, path, package)}))
    return hashlib.sha256(text.encode()).hexdigest(), names


def _dump(node: ast.AST, imports: list[ast.Import | ast.ImportFrom]) -> str:
    """A syntax tree as text, without docstrings; the imports in it are added to `imports`.

    What is empty is left out, as versions of Python add empty fields.
    """
    if isinstance(node, ast.Import | ast.ImportFrom):
        imports.append(node)
    fields = []
    for name in node._fields:
        entry = getattr(node, name, None)
        if isinstance(entry, ast.AST):
            fields.append(f"{name}={_dump(entry, imports)}")
        elif isinstance(entry, list):
            if name == "body" and isinstance(node, _WITH_DOCSTRING):
                entry = [one for one in entry if not _is_string(one)] or [ast.Pass()]
            if entry:
                dumped = [
                    _dump(one, imports) if isinstance(one, ast.AST) else repr(one) for one in entry
                ]
                fields.append(f"{name}=[{','.join(dumped)}]")
        elif entry is not None:
            fields.append(f"{name}={entry!r}")
    return f"{type(node).__name__}({','.join(fields)})"


_WITH_DOCSTRING = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def _is_string(statement: ast.AST) -> bool:
    """Whether a statement is a bare string: a docstring, of an attribute too, or nothing at all."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


_NOTHING = hashlib.sha256(_dump(ast.Module([ast.Pass()], []), []).encode()).hexdigest()
"""Digest of a file without a statement."""


def _imported(node: ast.Import | ast.ImportFrom, path: Path, package: Path) -> Iterator[str]:
    """Names of the package that an import names and that may be modules."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        base = _absolute(node, path, package)
        if base.partition(".")[0] != package.name:
            return
        # `from segtrt.machine import gpu` names a module, `from segtrt.machine.gpu import facts`
        # does not.
        members = [f"{base}.{alias.name}" for alias in node.names]
        names = [name if _module_file(name, package) else base for name in members]
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
