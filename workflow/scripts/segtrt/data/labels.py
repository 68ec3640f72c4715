"""Classes: which values of the masks' files stand for which class, and label maps made of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from segtrt.errors import SegtrtError, name_some

if TYPE_CHECKING:  # planning reads labels from the settings, and imports no NumPy
    import numpy as np
    from numpy.typing import NDArray

IGNORED = 255
"""In a label map: pixels without a label, which no figure counts."""

MAX_CLASSES = 254
"""As many as a label map of uint8 can tell apart, beside background and `IGNORED`."""

_LARGEST = 2**16 - 1


@dataclass(frozen=True)
class Labels:
    """The classes of a data set; class 0, the background, is the value 0 and has no entry."""

    values: tuple[int, ...]
    """The value in files of class 1, 2, ..., ascending."""
    names: tuple[str, ...]
    """Their names, in the same order."""
    ignored: int | None = None
    """The value of pixels that no figure counts."""

    @classmethod
    def of(cls, names: Mapping[int, str], ignored: int | None = None) -> Self:
        """Labels from value -> name, as `dataset.labels` gives them; a name for 0 is left out.

        Raises:
            SegtrtError: no class, too many, a value that masks cannot have, or a name twice.
        """
        values = sorted(value for value in names if value != 0)
        known = f"dataset.labels is {dict(names)}"
        if not values or len(values) > MAX_CLASSES:
            raise SegtrtError(f"{known}, expected 1 to {MAX_CLASSES} values other than 0")
        for value in (*values, *([] if ignored is None else [ignored])):
            if not 0 <= value <= _LARGEST:
                raise SegtrtError(f"{known}: {value} is no mask's value, expected 0 to {_LARGEST}")
        if ignored == 0 or ignored in values:
            raise SegtrtError(f"{known}: {ignored} is to be ignored and is a class or background")
        titles = tuple(names[value] for value in values)
        if len(set(titles)) < len(titles):
            raise SegtrtError(f"{known}, expected a different name for each value")
        return cls(tuple(values), titles, ignored)

    def to_json(self) -> dict[str, Any]:
        """As JSON values."""
        return {"values": list(self.values), "names": list(self.names), "ignored": self.ignored}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """From what `to_json` gave.

        Raises:
            KeyError, TypeError, ValueError, SegtrtError: `data` is something else.
        """
        names = dict(zip(map(int, data["values"]), map(str, data["names"]), strict=True))
        return cls.of(names, None if data["ignored"] is None else int(data["ignored"]))

    def encode(self, mask: "NDArray[Any]", path: Path) -> "NDArray[np.uint8]":
        """The label map of a mask.

        Args:
            mask: (*size) of bool, integers or whole floats: values as in the file.
            path: the file, for messages.

        Returns:
            (*size) uint8: 0 background, 1 to C the classes, `IGNORED`.

        Raises:
            SegtrtError: it has other values; they are listed.
        """
        import numpy as np

        table = np.zeros(_LARGEST + 1, np.uint8)
        known = np.zeros(_LARGEST + 1, np.bool_)
        known[[0, *self.values]] = True
        table[list(self.values)] = np.arange(1, len(self.values) + 1)
        if self.ignored is not None:
            known[self.ignored], table[self.ignored] = True, IGNORED
        if mask.dtype == np.bool_:
            mask = mask.astype(np.uint8)
        places = mask
        if mask.dtype not in (np.uint8, np.uint16):
            with np.errstate(invalid="ignore"):
                places = np.clip(np.nan_to_num(mask), 0, _LARGEST).astype(np.uint16)
        wrong = ~known[places]
        if places is not mask:
            wrong |= places != mask
        if wrong.any():
            found = np.unique(mask[wrong])
            expected = name_some([0, *self.values, *([self.ignored] if self.ignored else [])], 10)
            raise SegtrtError(
                f"{path} has the value{'s' if found.size > 1 else ''} {name_some(found, 10)} in "
                f"{int(wrong.sum())} pixels, expected {expected} only; correct the mask or "
                "dataset.labels"
            )
        labels: NDArray[np.uint8] = table[places]
        return labels

    def decode(self, labels: "NDArray[np.uint8]") -> "NDArray[Any]":
        """The mask of a label map, with the values that files have.

        Args:
            labels: (*size) uint8: 0 background, 1 to C the classes, `IGNORED` if there is a value
                for it.

        Returns:
            (*size) uint8, or uint16 if a value of the data set's is above 255.
        """
        import numpy as np

        wide = max(*self.values, self.ignored or 0) > 255
        table = np.zeros(256, np.uint16 if wide else np.uint8)
        table[1 : len(self.values) + 1] = self.values
        if self.ignored is not None:
            table[IGNORED] = self.ignored
        highest = int(labels.max(initial=0))
        if highest > len(self.values) and not (highest == IGNORED and self.ignored is not None):
            raise ValueError(f"class {highest} of {len(self.values)}")
        return table[labels]
