"""Where predictions go: names, what is there already, and that one folder holds one engine's."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrt.data.formats.kinds import COMPANIONS, suffix_of
from segtrt.data.formats.write import output_name
from segtrt.data.layout import Item
from segtrt.deploy.folders import files_beside
from segtrt.deploy.proven import Proven
from segtrt.errors import SegtrtError
from segtrt.files import sha256_json, write_json
from segtrt.formats import read_object

FORMAT = "segtrt-predictions-1"
FILE = "predictions.json"
_REMEDY = "give --overwrite, or another folder with --out"


@dataclass(frozen=True)
class Extras:
    """What is written beside masks."""

    probabilities: bool = False
    overlay: bool = False


@dataclass(frozen=True)
class Target:
    """The files that an item leads to; None where they are not asked for."""

    item: Item
    mask: Path
    """Written last: where it is, the others are."""
    probabilities: Path | None
    overlay: Path | None

    @property
    def files(self) -> list[Path]:
        """All of them."""
        return [path for path in (self.mask, self.probabilities, self.overlay) if path]

    def is_done(self, since: int) -> bool:
        """Whether all are there, and none is older than a file of the image's.

        What is there is whole, for each file is made under another name and then moved.

        Args:
            since: time in ns; what is older is of another engine.
        """
        try:
            made = min(path.stat().st_mtime_ns for path in self.files)
            if suffix_of(self.mask.name) in COMPANIONS and not files_beside(
                self.mask.parent, self.mask.name
            ):
                return False
            images = [(self.item.root / file).stat().st_mtime_ns for file in self.item.files]
            return made >= max(since, *images)
        except OSError:
            return False


def target_of(item: Item, folder: Path, extras: Extras) -> Target:
    """The files that an item leads to.

    Raises:
        SegtrtError, OSError: its format cannot be recognised.
    """
    mask = folder / output_name(item)
    stem = mask.name[: len(mask.name) - len(suffix_of(mask.name))]
    return Target(
        item,
        mask,
        mask.with_name(f"{stem}.probabilities.npy") if extras.probabilities else None,
        mask.with_name(f"{stem}.overlay.png") if extras.overlay else None,
    )


def check_targets(targets: Sequence[Target]) -> None:
    """Refuse what would overwrite an image, or one prediction by another.

    Raises:
        SegtrtError: names the files.
    """
    images = {
        (target.item.root / path).resolve() for target in targets for path in target.item.files
    }
    taken: dict[Path, Item] = {}
    for target in targets:
        for path in target.files:
            own = path.resolve()
            if own in images:
                raise SegtrtError(
                    f"{path} is an image itself, and its mask would take its place; give another "
                    "folder with --out"
                )
            other = taken.setdefault(own, target.item)
            if other is not target.item:
                one, two = (each.root / each.images[0] for each in (other, target.item))
                raise SegtrtError(
                    f"{one} and {two} would both lead to {path}; give the folder above them, or "
                    "run them one after the other into different folders"
                )


def claim_folder(folder: Path, proven: Proven, targets: Iterable[Target], overwrite: bool) -> int:
    """Say in `predictions.json` whose predictions a folder holds, so that engines are not mixed.

    Args:
        folder: the folder of predictions; it is made.
        proven: whose predictions go there.
        targets: what is to be written.
        overwrite: whether what is there may be replaced.

    Returns:
        Time in ns since when the folder is this engine's; older files in it are not.

    Raises:
        SegtrtError: it holds another engine's predictions, or files that are not known to be
            predictions, and they may not be replaced.
    """
    path = folder / FILE
    expected = _claim(proven)
    if folder.exists() and not folder.is_dir():
        raise SegtrtError(f"{folder} is a file, expected a folder; give another one with --out")
    if not overwrite:
        if path.is_file():
            found = read_object(path, what="list of predictions", tag=FORMAT, remedy=_REMEDY)
            if found != expected:
                raise SegtrtError(
                    f"{folder} holds predictions of another engine or of other settings "
                    f"({found.get('engine')}); {_REMEDY}"
                )
        else:
            known = next((p for target in targets for p in target.files if p.exists()), None)
            if known is not None:
                raise SegtrtError(f"{known} exists and is no prediction of segtrt's; {_REMEDY}")
    if not path.is_file() or overwrite:
        write_json(path, expected)
    return path.stat().st_mtime_ns


def _claim(proven: Proven) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "engine": proven.record.name,
        "engine_sha256": proven.record.engine_sha256,
        "segmentation_sha256": sha256_json(proven.segmentation.to_json()),
    }
