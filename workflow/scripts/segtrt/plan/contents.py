"""What decides an outcome beside settings and sources: code, versions of packages, templates."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

from segtrt.files import sha256_file
from segtrt.plan.fingerprint import PACKAGE, code_fingerprint
from segtrt.runtimes.registry import all_runtimes

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


@cache
def digest_templates() -> dict[str, str]:
    """SHA-256 of what the page is drawn with, by file name."""
    return {
        path.name: sha256_file(path)
        for path in sorted(TEMPLATES.iterdir())
        if path.suffix in (".j2", ".css", ".js")
    }


def looks_of_runtimes() -> dict[str, list[str]]:
    """What the report shows of runtimes, whatever code it comes from: title and colours."""
    return {
        name: [one.title, one.colour.light, one.colour.dark] for name, one in all_runtimes().items()
    }
