"""Data sets in the form of nnU-Net and of the Medical Segmentation Decathlon."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from segtrt.data.labels import Labels
from segtrt.data.layout import Layout
from segtrt.errors import SegtrtError
from segtrt.files import read_json

_NUMBERED = re.compile(r".+_[0-9]{4}")


@dataclass(frozen=True)
class NnunetDataset:
    """What a `dataset.json` says."""

    layout: Layout
    channels: tuple[str, ...]
    """Names of the channels, in order."""
    labels: Labels


def read_nnunet(root: Path) -> NnunetDataset:
    """Read `dataset.json` in `root`: nnU-Net version 1 or 2, or a Decathlon task.

    nnU-Net has a file for each channel, `imagesTr/<subject>_0000.nii.gz`; the Decathlon one file
    with all of them, `imagesTr/<subject>.nii.gz`.

    Raises:
        SegtrtError: it is missing, says nothing of channels or labels, or has labels that overlap
            (regions).
    """
    path = root / "dataset.json"
    if not path.is_file():
        raise SegtrtError(
            f"{path} does not exist; set dataset.path to the folder of an nnU-Net data set "
            "(dataset.json, imagesTr, labelsTr)"
        )
    described = read_json(path, "data set description", "correct it")
    if not isinstance(described, dict):
        raise SegtrtError(f"{path} is no JSON object, expected nnU-Net's description")
    channels = described.get("channel_names", described.get("modality"))
    if not isinstance(channels, dict) or not all(key.isdecimal() for key in channels):
        raise SegtrtError(
            f'{path} has no channels, expected "channel_names": {{"0": "CT", ...}}; add them'
        )
    numbers = sorted(map(int, channels))
    ending = str(described.get("file_ending", ".nii.gz"))
    layout = Layout(f"imagesTr/{{subject}}{ending}", f"labelsTr/{{subject}}{ending}")
    if _file_for_each_channel(root / "imagesTr", ending):
        layout = Layout(
            f"imagesTr/{{subject}}_{{channel,[0-9]{{4}}}}{ending}",
            layout.masks,
            tuple(f"{number:04d}" for number in numbers),
        )
    names = {int(key): str(name) for key, name in channels.items()}
    return NnunetDataset(
        layout, tuple(names[number] for number in numbers), _labels(path, described.get("labels"))
    )


def _labels(path: Path, described: Any) -> Labels:
    """Labels of version 2 (`{"liver": 1}`) or 1 (`{"1": "liver"}`), `ignore` among them."""
    if not isinstance(described, dict) or not described:
        raise SegtrtError(f'{path} has no labels, expected "labels": {{"background": 0, ...}}')
    names: dict[int, str] = {}
    for key, value in described.items():
        if isinstance(value, list):
            raise SegtrtError(
                f"{path} has the region {key} of several labels {value}, expected one value for "
                "each label; give each value a class of its own"
            )
        if isinstance(value, int):
            names[value] = str(key)
        elif str(key).isdecimal():
            names[int(key)] = str(value)
        else:
            raise SegtrtError(f"{path} has the label {key!r}: {value!r}, expected a number")
    ignored = next((value for value, name in names.items() if name == "ignore"), None)
    names.pop(0, None)
    if ignored is not None:
        names.pop(ignored)
    return Labels.of(names, ignored)


def _file_for_each_channel(folder: Path, ending: str) -> bool:
    try:
        with os.scandir(folder) as entries:
            names = [entry.name for entry in entries if entry.name.endswith(ending)]
    except OSError as error:
        raise SegtrtError(
            f"{folder} cannot be listed ({error.strerror}); set dataset.path to the folder of an "
            "nnU-Net data set"
        ) from None
    shown = [name for name in names if not name.startswith(".")]
    return bool(shown) and all(_NUMBERED.fullmatch(name.removesuffix(ending)) for name in shown)
