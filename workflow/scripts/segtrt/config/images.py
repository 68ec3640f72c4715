"""Settings of where images are and what becomes of them: what they imply, and their faults."""

from collections.abc import Iterator
from typing import Any

from segtrt.config.settings import Dataset, Tensors
from segtrt.config.typed import as_json
from segtrt.data.form import FOREGROUND
from segtrt.data.labels import Labels
from segtrt.data.layout import KAGGLE, Layout
from segtrt.data.normalisations import NORMALISATIONS
from segtrt.errors import SegtrtError
from segtrt.user_function import names_function


def choose_source(dataset: dict[str, Any]) -> None:
    """Fill in the source that a path or patterns of one's own imply, and where they start from.

    Args:
        dataset: the group of that name as JSON values, complete; it is changed.
    """
    own = dataset["images"] != KAGGLE.images
    if dataset["source"] == "auto":
        dataset["source"] = "path" if dataset["path"] is not None or own else "demo"
        if own and dataset["path"] is None:
            dataset["path"] = "."


def faults_of_images(dataset: Dataset, tensors: Tensors) -> Iterator[str]:
    """Faults between the keys of `dataset` and `tensors`, a line each."""
    yield from _of_source(dataset)
    try:
        if dataset.source == "path":
            Layout(dataset.images, dataset.masks, dataset.channels)
        if dataset.labels is not None or dataset.ignored is not None:
            Labels.of(FOREGROUND if dataset.labels is None else dataset.labels, dataset.ignored)
    except SegtrtError as error:
        yield str(error)
    name = tensors.normalisation
    if name not in NORMALISATIONS and not names_function(name):
        yield (
            f"tensors.normalisation is {name!r}, allowed: {' | '.join(NORMALISATIONS)}, "
            "module:function or path/to/file.py:function"
        )
    elif any((tensors.mean, tensors.std, tensors.range, tensors.percentiles, tensors.nonzero_only)):
        from segtrt.data.intensity import Intensity  # imports NumPy, which a plan needs not

        try:
            Intensity.from_json(tensors.encoding)
        except SegtrtError as error:
            yield str(error)


def _of_source(dataset: Dataset) -> Iterator[str]:
    if dataset.source in ("path", "nnunet") and dataset.path is None:
        yield f"dataset.path is None, but dataset.source is {dataset.source}: name the folder"
    if dataset.source == "demo" and dataset.path is not None:
        yield (
            f"dataset.path is {dataset.path!r}, but dataset.source is demo, which takes no "
            "path: set dataset.source to path"
        )
    if dataset.source != "path":
        own = {"images": KAGGLE.images, "masks": KAGGLE.masks, "channels": None}
        for key, value in own.items():
            given = getattr(dataset, key)
            if given not in (value, None):
                yield (
                    f"dataset.{key} is {as_json(given)!r}, but dataset.source is {dataset.source}, "
                    "which has its own: set dataset.source to path"
                )
