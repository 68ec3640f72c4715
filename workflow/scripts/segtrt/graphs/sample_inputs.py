"""Sample inputs beside an ONNX graph: which patches they are, and their files."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from segtrt.data.prepared import Prepared, PreparedItem
from segtrt.errors import SegtrtError, name_some
from segtrt.graphs.sample import DEFAULT_SAMPLES, Sample
from segtrt.graphs.samples import FOLDER, INPUT_FILE, INPUT_NAME, write_tensor


class _Place(NamedTuple):
    """A patch."""

    shard: Prepared
    row: int


def write_sample_inputs(
    shards: Sequence[Path], samples: Sequence[Sample] | None, folder: Path
) -> int:
    """Write chosen patches as `test_data_set_<i>/input_0.pb`, (1, channels, *size) float32.

    Folders of this name from an earlier, longer list are removed, as are outputs of other inputs.

    Args:
        shards: shards of prepared images; only the rows asked for are read.
        samples: the patches, in the order of the folders; None takes `DEFAULT_SAMPLES` from the
            middle of the first subjects.
        folder: where the `test_data_set_<i>` go, beside the graph.

    Returns:
        How many there are.

    Raises:
        SegtrtError: no shard has such a subject, or the subject has no such patch; says which
            there are.
    """
    with ExitStack() as stack:
        opened = [stack.enter_context(Prepared(path)) for path in shards]
        if samples is None:
            places = _first_patches(opened, DEFAULT_SAMPLES)
        else:
            places = [_find(opened, sample) for sample in samples]
        for stale in folder.glob(f"{FOLDER}*"):
            if stale.name.removeprefix(FOLDER).isdecimal():
                shutil.rmtree(stale)
        for number, (shard, row) in enumerate(places):
            image = shard.images(row, row + 1)
            write_tensor(folder / f"{FOLDER}{number}" / INPUT_FILE, image, INPUT_NAME)
    return len(places)


def _first_patches(shards: Sequence[Prepared], count: int) -> list[_Place]:
    """Patches from the middle of the first subjects by name; of few subjects, several each."""
    patches: dict[str, list[_Place]] = {}
    for shard in shards:
        for item in shard.items:
            own = patches.setdefault(item.subject, [])
            own += [_Place(shard, row) for row in item.rows]
    names = sorted(patches)[:count]
    if not names:
        raise SegtrtError("there is no image to take samples of; check dataset.subjects")
    chosen = []
    for number in range(count):
        own = patches[names[number % len(names)]]
        turn = number // len(names)
        turns = len(range(number % len(names), count, len(names)))
        chosen.append(own[((2 * turn + 1) * len(own) - 1) // (2 * turns)])
    return chosen


def _find(shards: Sequence[Prepared], sample: Sample) -> _Place:
    """The shard and row of a patch."""
    where = f"tensors.samples names subject {sample.subject}"
    items = [(s, item) for s in shards for item in s.items if item.subject == sample.subject]
    if not items:
        subjects = sorted({item.subject for shard in shards for item in shard.items})
        raise SegtrtError(
            f"{where}, which the data set does not have; choose from {name_some(subjects)}"
        )
    found = [_Place(s, row) for s, item in items for row in _rows(item, sample)]
    if not found:
        missing = f"slice {sample.slice}" if sample.slice is not None else f"item {sample.item}"
        known = [name for _, item in items for name in _slices(item, sample.slice is not None)]
        raise SegtrtError(
            f"tensors.samples names {missing} of {sample.subject}, which is not among its network "
            f"inputs; choose from {name_some(known)}"
        )
    if sample.patch >= len(found):
        raise SegtrtError(
            f"tensors.samples names patch {sample.patch} of {sample.subject}, expected 0 to "
            f"{len(found) - 1}"
        )
    return found[sample.patch]


def _rows(item: PreparedItem, sample: Sample) -> Sequence[int]:
    """The item's rows that a sample leaves to choose from."""
    if sample.item is not None and not item.stacked and item.name != sample.item:
        return ()
    wanted = sample.item if sample.slice is None else sample.slice
    if wanted is None or (sample.slice is None and not item.stacked):
        return item.rows
    planes = list(_slices(item, sample.slice is not None))
    if not item.stacked and item.placement.axis is None:
        return item.rows if wanted in planes else ()
    if wanted not in planes:
        return ()
    each = len(item.patches) // len(planes)
    return item.rows[planes.index(wanted) * each :][:each]


def _slices(item: PreparedItem, by_number: bool) -> Iterator[str | int]:
    """What its network inputs are called, in their order: slices by number, or items by name."""
    seen = item.placement.slices
    if item.stacked:
        names = [str(each["name"]) for each in item.source["slices"]]
        for name in names if seen is None else names[seen.start : seen.stop]:
            yield int(name) if by_number and name.isdecimal() else name
    elif by_number and item.placement.axis is not None:
        yield from range(item.placement.grid[0]) if seen is None else seen
    else:
        yield int(item.name) if by_number and item.name.isdecimal() else item.name
