"""Licences and notices that the settings name, in the package."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from segtrt.errors import SegtrtError

LICENCES, NOTICES = "licences", "notices"


def copy_licences(licences: Sequence[str], notices: Sequence[str], folder: Path) -> list[str]:
    """Copy files into `licences/` and `notices/`; returns their paths in the package, sorted.

    Args:
        licences: paths of files, `package.licences`.
        notices: the same of `package.notices`.
        folder: the package's.

    Raises:
        SegtrtError: a file is missing, or two have one name.
    """
    copied = []
    for kind, paths in ((LICENCES, licences), (NOTICES, notices)):
        for path in map(Path, paths):
            target = folder / kind / path.name
            if not path.is_file():
                raise SegtrtError(
                    f"package.{kind} names {path}, which is no file; correct the path"
                )
            if target.exists():
                raise SegtrtError(
                    f"package.{kind} names two files called {path.name}; give them different names"
                )
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(path, target)
            copied.append(f"{kind}/{path.name}")
    return sorted(copied)
