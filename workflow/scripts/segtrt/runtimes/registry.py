"""The runtimes by name, found in the folders beside this module.

A folder with a module `runtime` is a runtime, or several that share code: `runtime.RUNTIMES` has
them. These modules are imported by a computed name, so that a fingerprint of code that asks for a
runtime covers none: `Runtime.build_modules` and `run_modules` add the one in question. They import
nothing heavy.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pkgutil import iter_modules

from segtrt import runtimes
from segtrt.errors import SegtrtError
from segtrt.runtimes.base import Runtime

AUTO = "auto"
"""In the config: the first runtime by `Runtime.auto_rank` that can be used."""


def all_runtimes() -> Mapping[str, Runtime]:
    """Every runtime by its name, in the order of names."""
    return _found_in(tuple(runtimes.__path__))


@cache
def _found_in(folders: tuple[str, ...]) -> Mapping[str, Runtime]:
    found: dict[str, Runtime] = {}
    for folder in iter_modules(folders):
        module = f"{runtimes.__name__}.{folder.name}.runtime"
        if folder.ispkg and find_spec(module):
            found |= {runtime.name: runtime for runtime in import_module(module).RUNTIMES}
    return dict(sorted(found.items()))


def get_runtime(name: str) -> Runtime:
    """The runtime of that name, as in the config.

    Raises:
        SegtrtError: there is no such runtime.
    """
    known = all_runtimes()
    if name not in known:
        raise SegtrtError(f"runtime {name!r} is not known; choose from {', '.join(known)}")
    return known[name]


def auto_order() -> list[str]:
    """Names of the runtimes that `auto` tries, in order."""
    ranked = [
        (runtime.auto_rank, name)
        for name, runtime in all_runtimes().items()
        if runtime.auto_rank is not None
    ]
    return [name for _, name in sorted(ranked)]


def any_on_gpu(names: Iterable[str]) -> bool:
    """Whether one of these runtimes, named as in the config, runs on a GPU; `auto` says nothing."""
    return any(get_runtime(name).device == "gpu" for name in names if name != AUTO)
