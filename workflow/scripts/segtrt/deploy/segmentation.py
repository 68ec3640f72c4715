"""All that lies between image files and label files, apart from the engine: `segmentation.json`.

With it a proven engine segments new images without a configuration or a data set: which files are a
subject's channels, how they become patches, what the network takes and answers, how answers become
labels, and which values stand for them in masks. `segmentation.schema.json` beside this module
describes the file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, Self

from segtrt.data.encoding import Encoding
from segtrt.data.labels import Labels
from segtrt.data.layout import Layout
from segtrt.data.own_code import CODE, check_code
from segtrt.data.preparation import Preparation
from segtrt.data.windows import Window
from segtrt.errors import SegtrtError
from segtrt.files import write_json
from segtrt.formats import REMAKE, read_object, unreadable
from segtrt.model.spec import NetworkSpec
from segtrt.quality.decode import Decoder
from segtrt.user_function import Origin

FORMAT = "segtrt-segmentation-2"
FILE = "segmentation.json"
SCHEMA = Path(__file__).with_name("segmentation.schema.json")

_LONGEST = 120
"""Characters of a message that may hold a value of any length."""


@dataclass(frozen=True)
class Segmentation:
    """From image files to label files, as an engine was proven.

    Raises:
        SegtrtError: its parts do not go together.
    """

    network: NetworkSpec
    patch: tuple[int, ...]
    """(channels, *size) of what the engine takes."""
    preparation: Preparation
    """How an item comes to lie on the network's grid: normalisation, size, axis, spacing."""
    window: Window | None
    """How an item's grid is cut into overlapping patches, and how they are blended; None where each
    image, slice or volume is one patch."""
    stacks: bool
    """Whether a subject's 2-D images are stacked to one volume before they are normalised."""
    decoder: Decoder
    labels: Labels
    """The classes' names, and the values that stand for them in masks."""
    layout: Layout
    """Patterns of the data set's files, which give the subjects and channels of images;
    `layout.channels` are the values of `{channel}` in the network's order."""
    crops: bool = True
    """Whether an image larger than `preparation.size` may be cropped to it, as settings ask for;
    otherwise it is only ever padded, and a larger one is refused."""
    code_sha256: str | None = None
    """Of the file with the user's own normalisation, which goes along (`segtrt.data.own_code`);
    None where it is built in or a module that is installed."""

    def __post_init__(self) -> None:
        self._check_code()
        channels, *size = self.patch
        sides = {len(self.network.size), len(self.network.multiple), len(self.network.stride)}
        if sides != {len(size)}:
            raise SegtrtError("patch and the network's sides are not of one number of axes")
        if channels != self.network.channels or self.network.fit(size) != tuple(size):
            raise SegtrtError(f"patch is {list(self.patch)}, which the network does not take")
        if self.window is not None and self.window.size != tuple(size):
            raise SegtrtError(f"patch is {list(self.patch)}, but the window's size is another")
        if self.decoder.activation != self.network.activation.value:
            raise SegtrtError(
                f"the decoder is for the activation {self.decoder.activation}, but the network's "
                f"is {self.network.activation.value}"
            )
        classes = self.decoder.classes(self.network.classes)
        if classes != len(self.labels.names):
            raise SegtrtError(
                f"the network distinguishes {classes} classes (validation.decide), but "
                f"dataset.labels has {len(self.labels.names)} ({', '.join(self.labels.names)}); "
                "name the network's classes there, in order"
            )

    def _check_code(self) -> None:
        """A function's file goes along, and no other is ever named: a path could lead anywhere."""
        source = self.preparation.intensity.normalisation.rpartition(":")[0]
        if (source == str(CODE)) != (self.code_sha256 is not None) or (
            source.endswith(".py") and self.code_sha256 is None
        ):
            raise SegtrtError(
                f"preparation.normalisation is {self.preparation.intensity.normalisation}; a file "
                f"must be {CODE} and have its hash in code"
            )

    @property
    def encoding(self) -> Encoding:
        """How items become patches."""
        channels, *size = self.patch
        return Encoding(self.preparation, self.window, channels, tuple(size), self.stacks)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        channels = self.layout.channels
        return {
            "format": FORMAT,
            "network": {
                key: list(value) if isinstance(value, tuple) else value
                for key, value in self.network.to_json().items()
            },
            "patch": list(self.patch),
            "preparation": self.preparation.to_json(),
            "window": None if self.window is None else self.window.to_json(),
            "code": None
            if self.code_sha256 is None
            else {"file": str(CODE), "sha256": self.code_sha256},
            "stacks": self.stacks,
            "crops": self.crops,
            "decoder": self.decoder.to_json(),
            "labels": self.labels.to_json(),
            "layout": {
                "images": self.layout.images,
                "masks": self.layout.masks,
                "channels": None if channels is None else list(channels),
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError, SegtrtError: `data` is something else.
        """
        window, layout, code = data["window"], data["layout"], data["code"]
        channels = layout["channels"]
        return cls(
            network=NetworkSpec.from_json(data["network"], "network"),
            patch=tuple(int(side) for side in data["patch"]),
            preparation=Preparation.from_json(data["preparation"]),
            window=None if window is None else Window.from_json(window),
            code_sha256=None if code is None else str(code["sha256"]),
            stacks=bool(data["stacks"]),
            crops=bool(data["crops"]),
            decoder=Decoder.from_json(data["decoder"]),
            labels=Labels.from_json(data["labels"]),
            layout=Layout(
                layout["images"],
                layout["masks"],
                None if channels is None else tuple(map(str, channels)),
            ),
        )

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        write_json(path, self.to_json())


def read_segmentation(path: Path, remedy: str = REMAKE) -> Segmentation:
    """Read what `Segmentation.write` wrote; whatever the schema does not allow is refused.

    The user's own code that goes along is compared with its hash; it is not run.

    Args:
        path: the file.
        remedy: what to do about a file that cannot be read, for the message.

    Raises:
        SegtrtError: missing, not JSON, of another format, or with an entry that is missing, unknown
            or of another type or value than the format has; or the code that goes along is missing
            or changed.
    """
    what = "description of a segmentation"
    data = read_object(path, what=what, tag=FORMAT, remedy=remedy)
    if fault := _fault(data):
        raise unreadable(path, what, fault, remedy)
    try:
        found = Segmentation.from_json(data)
    except (SegtrtError, ValueError) as error:
        raise unreadable(path, what, error, remedy) from None
    if found.code_sha256 is None:
        return found
    check_code(path.parent, found.code_sha256, remedy)
    origin = Origin(path.parent, found.code_sha256)
    intensity = replace(found.preparation.intensity, origin=origin)
    return replace(found, preparation=replace(found.preparation, intensity=intensity))


def _fault(data: Any) -> str | None:
    """Where JSON values differ from the schema, and how, in one line."""
    from jsonschema.exceptions import best_match

    error = best_match(_validator().iter_errors(data))
    if error is None:
        return None
    place = error.json_path.removeprefix("$").removeprefix(".")
    text = error.message
    return f"{place} {text if len(text) <= _LONGEST else text[:_LONGEST] + '...'}".strip()


@cache
def _validator() -> Any:
    from jsonschema import Draft202012Validator

    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))
