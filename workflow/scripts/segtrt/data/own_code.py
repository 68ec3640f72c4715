"""The user's own normalisation as a file that goes along with what was made by it.

`results/model/` has it beside `segmentation.json`, and so has a package. The name is the same
whatever the user's file is called, and nothing of where that lay is kept.
"""

import importlib.util
import shutil
from pathlib import Path, PurePosixPath

from segtrt.errors import SegtrtError
from segtrt.files import replacing, sha256_file
from segtrt.model.user_code import code_of_file

CODE = PurePosixPath("code/normalisation.py")
"""Where it lies, from the folder of `segmentation.json`."""


def own_file(normalisation: str) -> Path | None:
    """The user's own file that a normalisation's function is in, if it can go along.

    Args:
        normalisation: as in the settings.

    Returns:
        The path of `path/to/file.py:function`, whether there is such a file or not. Of
        `module:function` the module's file in the current folder, if it imports no other one there.
        None for what is built in or installed.

    Raises:
        SegtrtError: the module's file is not Python.
    """
    source = normalisation.rpartition(":")[0]
    if source.endswith(".py"):
        return Path(source)
    beside = Path(f"{source}.py")
    if not source.isidentifier() or not beside.is_file() or _is_installed(source, beside):
        return None
    return beside if len(code_of_file(beside.absolute())["files"]) == 1 else None


def _is_installed(module: str, beside: Path) -> bool:
    """Whether a module is found elsewhere than in its file in the current folder."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return False
    origin = Path(spec.origin) if spec and spec.origin else None
    return spec is not None and (origin is None or origin.resolve() != beside.resolve())


def copy_code(normalisation: str, out: Path) -> None:
    """Copy the file that a normalisation's function is in.

    Args:
        normalisation: as in the settings; its function is in a file of the user's own.
        out: the copy.

    Raises:
        SegtrtError: there is no such file.
    """
    source = own_file(normalisation)
    if source is None or not source.is_file():
        raise SegtrtError(
            f"tensors.normalisation is {normalisation}, but there is no file {source} in "
            f"{Path.cwd()}; correct the path"
        )
    with replacing(out) as partial:
        shutil.copyfile(source, partial)


def carried(normalisation: str) -> str:
    """A normalisation as a description has it: the function in the file that goes along."""
    return f"{CODE}:{normalisation.rpartition(':')[2]}"


def check_code(folder: Path, sha256: str, remedy: str) -> None:
    """Refuse code that is not what it was when the description was written; nothing is run.

    Args:
        folder: of the description.
        sha256: of the file.
        remedy: what to do about it, for the message.

    Raises:
        SegtrtError: it is missing, a link, or changed.
    """
    path = folder / CODE
    if path.is_symlink() or not path.is_file():
        raise SegtrtError(f"{path}, the function that normalises images, is missing; {remedy}")
    if sha256_file(path) != sha256:
        raise SegtrtError(
            f"{path}, the function that normalises images, was changed since it was proven; it is "
            f"not run; {remedy}"
        )
