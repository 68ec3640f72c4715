"""Mistakes in the settings that the files here show before any job runs.

Each check is made where the plan comes to need what it is about: who trains on a folder of images
needs no samples of them.
"""

import difflib
import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path

from segtrt.addresses import is_url
from segtrt.config.settings import Dataset, Settings, Tensors
from segtrt.data.layout import Listing
from segtrt.data.sharding import count_calibration, count_search
from segtrt.errors import SegtrtError, name_some
from segtrt.plan.dataset import KAGGLE_FOLDER
from segtrt.plan.sources import is_trained_here
from segtrt.publish.mlflow_run import MISSING

RESULTS = Path("results")
"""Where the workflow's outputs go, in the working folder."""


def refuse_own_outputs(settings: Settings, folder: Path, prefix: str = "") -> None:
    """Stop where a setting names a file that the workflow itself makes, and so may delete.

    Weights that the workflow trains are named as it names them.

    Args:
        settings: the resolved configuration.
        folder: the working folder.
        prefix: what Snakemake puts before every path of the workflow, as text.

    Raises:
        SegtrtError: names the setting.
    """
    model, dataset = settings.model, settings.dataset
    named = {"dataset.path": dataset.path, "report.compare_with": settings.report.compare_with}
    if model.weights and not is_url(model.weights) and not is_trained_here(model.weights):
        named["model.weights"] = model.weights
    results = Path(f"{prefix}{RESULTS}")
    own = [results, *([KAGGLE_FOLDER] if dataset.source == "kaggle" else [])]
    for key, path in sorted(named.items()):
        inside = [place for place in own if path and _lies_in(Path(path), place, folder)]
        if inside:
            hint = (
                " or write results/training/weights.safetensors for those that it trains"
                if key == "model.weights"
                else ""
            )
            raise SegtrtError(
                f"{key} is {path!r}, which lies in {inside[0]}, where the workflow writes and "
                f"deletes its own files; copy it elsewhere and name the copy{hint}"
            )


def _lies_in(path: Path, place: Path, folder: Path) -> bool:
    """Whether a path is a place or within it, by its name or where its links lead."""
    return any(
        found.is_relative_to(own)
        for found, own in (
            (Path(_normal(folder / path)), Path(_normal(folder / place))),
            ((folder / path).resolve(), (folder / place).resolve()),
        )
    )


def _normal(path: Path) -> str:
    return os.path.normpath(path.absolute())


def check_compared(settings: Settings, folder: Path) -> None:
    """Stop where the summary to compare with cannot be read.

    Args:
        settings: the resolved configuration.
        folder: the working folder.

    Raises:
        SegtrtError: it is missing, damaged, or of another format.
    """
    path = settings.report.compare_with
    if path is None:
        return
    from segtrt.summary.document import read_summary  # imports NumPy, which a plan needs not

    try:
        read_summary(folder / path)
    except SegtrtError as error:
        raise SegtrtError(f"report.compare_with: {error}") from None


def check_samples(tensors: Tensors, listing: Listing | None, root: Path) -> None:
    """Stop where a sample is none of the data set's.

    Args:
        tensors: the group of that name, whose `samples` are looked up.
        listing: the data set's images; None for one that is not here yet, which says nothing.
        root: the data set's folder.

    Raises:
        SegtrtError: names the first sample that is wrong, and what there is.
    """
    if listing is None or not tensors.samples:
        return
    subjects = list(listing.counts)
    for place, sample in enumerate(tensors.samples):
        where = f"tensors.samples[{place}]"
        if sample.subject not in subjects:
            close = difflib.get_close_matches(sample.subject, subjects) or subjects
            raise SegtrtError(
                f"{where} names the subject {sample.subject}, which is none of the "
                f"{len(subjects)} in {root}; expected one such as {name_some(close, 5)}"
            )
        fault = next((p.reason for p in listing.problems if p.subject == sample.subject), None)
        if fault is not None:
            raise SegtrtError(f"{where} names a subject that cannot be used: {fault}")
        names = [item.name for item in listing.items if item.subject == sample.subject]
        if sample.item is not None and sample.item not in names:
            raise SegtrtError(
                f"{where} names item {sample.item} of {sample.subject}, which has the items "
                f"{name_some(names, 30)}"
            )
        numbers = [int(name) for name in names if name.isdecimal()]
        # Along an axis of volumes, slices are places in a file, which is not opened here.
        if tensors.axis is None and sample.slice not in (None, *numbers):
            raise SegtrtError(
                f"{where} names slice {sample.slice} of {sample.subject}, which has the slices "
                f"{name_some(numbers, 30)}"
            )


def check_calibration(dataset: Dataset, subjects: Sequence[str] | None, root: Path) -> None:
    """Stop where the split leaves no subject to calibrate with.

    Args:
        dataset: the group of that name.
        subjects: the names of its subjects; None for a data set that is not here yet.
        root: its folder, for the message.

    Raises:
        SegtrtError: there is none.
    """
    if subjects is None:
        return
    if not count_calibration(len(subjects), dataset.calibration_fraction):
        raise SegtrtError(
            "engines.precisions asks for int8 or fp8, which need calibration subjects, but "
            f"{root} has {len(subjects)} subject{'s' * (len(subjects) != 1)}, of which "
            f"dataset.calibration_fraction {dataset.calibration_fraction:g} leaves none to "
            "calibrate with, as one must be left to score; add subjects or take int8 and fp8 out"
        )


def check_search(dataset: Dataset, subjects: Sequence[str] | None, root: Path) -> None:
    """Stop where the split leaves no subject to judge regions on.

    Args:
        dataset: the group of that name.
        subjects: the names of its subjects; None for a data set that is not here yet.
        root: its folder, for the message.

    Raises:
        SegtrtError: there is none.
    """
    share = dataset.search_fraction
    if not share:
        raise SegtrtError(
            "regions are judged on subjects of their own, and dataset.search_fraction is 0; set "
            "it, e.g. to 0.2"
        )
    if subjects is None:
        return
    if not count_search(len(subjects), dataset.calibration_fraction, share):
        raise SegtrtError(
            f"regions are judged on subjects of their own, but {root} has {len(subjects)} "
            f"subject{'s' * (len(subjects) != 1)}, of which dataset.search_fraction {share:g} "
            "leaves none, as one must be left to score; add subjects or set it to 0"
        )


def check_publishing(*, own_environment: bool) -> None:
    """Stop where a run is to be published and MLflow is not installed.

    Args:
        own_environment: whether jobs get an environment of their own, which has it.

    Raises:
        SegtrtError: it is not.
    """
    if not own_environment and importlib.util.find_spec("mlflow") is None:
        raise SegtrtError(MISSING)
