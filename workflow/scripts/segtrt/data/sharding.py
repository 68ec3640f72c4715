"""Which shard and which split a subject falls into, decided by hashes of its name.

Shards: every subject has a home by rendezvous hashing (Thaler and Ravishankar, "Using name-based
mappings to increase hit rates", IEEE/ACM Transactions on Networking 6(1), 1998), which never
changes while the number of shards does not. Homes alone are uneven: with 110 subjects on 8 shards
they stray some 28 % from the mean. So, while a shard holds more or less than `BALANCE` allows, one
subject at a time moves from the fullest shard to the emptiest. Only such moves can depend on the
other subjects, and they are few (about 4 of 110): that is the trade-off. A tighter balance would
need more moves, and adding a subject would then disturb more of the others.
"""

import hashlib
from collections.abc import Iterable, Mapping
from typing import Literal

from segtrt.errors import SegtrtError

Split = Literal["calibration", "search", "evaluation"]

BALANCE = 0.2
"""Largest share by which a shard's number of slices may differ from the mean, where subjects are
small enough to allow it."""


def _score(*key: str | int) -> int:
    """A hash of `key` that is the same on every machine and in every process."""
    text = "\0".join(map(str, key))
    return int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest())


def assign_shards(subjects: Mapping[str, int], shards: int) -> dict[str, int]:
    """Assign every subject to a shard; stable, balanced, independent of the mapping's order.

    Args:
        subjects: name -> number of slices.
        shards: how many shards, at least 1. Some stay empty if there are more than subjects.

    Returns:
        name -> shard, 0 to `shards` - 1, sorted by name.

    Raises:
        SegtrtError: fewer than one shard.
    """
    if shards < 1:
        raise SegtrtError(f"dataset.shards is {shards}, expected 1 or more")
    scores = {name: [_score(name, shard) for shard in range(shards)] for name in sorted(subjects)}
    assigned = {name: score.index(max(score)) for name, score in scores.items()}
    load = [0] * shards
    for name, shard in assigned.items():
        load[shard] += subjects[name]
    mean = sum(load) / shards
    while True:
        fullest, emptiest = load.index(max(load)), load.index(min(load))
        gap = load[fullest] - load[emptiest]
        if load[fullest] <= (1 + BALANCE) * mean and load[emptiest] >= (1 - BALANCE) * mean:
            break
        # Moving less than the gap brings the two closer together, so the loop ends.
        movable = [n for n, shard in assigned.items() if shard == fullest and 0 < subjects[n] < gap]
        if not movable:
            break
        moved = min(movable, key=lambda n: (abs(2 * subjects[n] - gap), -scores[n][emptiest]))
        assigned[moved] = emptiest
        load[fullest] -= subjects[moved]
        load[emptiest] += subjects[moved]
    return assigned


def count_calibration(subjects: int, calibration_fraction: float) -> int:
    """How many of so many subjects are for calibration, as `assign_splits` has it."""
    count = round(calibration_fraction * subjects)
    if calibration_fraction > 0:
        count = max(count, 1)
    return max(0, min(count, subjects - 1))


def count_search(subjects: int, calibration_fraction: float, search_fraction: float) -> int:
    """How many of so many subjects the search for precisions has, as `assign_splits` has it."""
    left = subjects - count_calibration(subjects, calibration_fraction)
    count = round(search_fraction * subjects)
    if search_fraction > 0:
        count = max(count, 1)
    return max(0, min(count, left - 1))


def assign_splits(
    names: Iterable[str], calibration_fraction: float, seed: int, search_fraction: float = 0.0
) -> dict[str, Split]:
    """Assign every subject to one split; independent of the order of `names`.

    Calibration takes `round(calibration_fraction * n)` of the n subjects, those whose hash with the
    seed is lowest; at least one if the fraction is above 0 and there are two subjects or more, and
    never all, so that evaluation has at least one. The search takes the next ones by the same rule,
    so that calibration is the same with a search and without; of two subjects it gets none.

    Args:
        names: subjects' names, each counted once.
        calibration_fraction: 0 to 1.
        seed: another seed gives another split.
        search_fraction: 0 to 1.

    Returns:
        name -> split, sorted by name.

    Raises:
        SegtrtError: a fraction is outside 0 to 1.
    """
    if not 0 <= search_fraction <= 1:
        raise SegtrtError(f"dataset.search_fraction is {search_fraction}, expected 0 to 1")
    if not 0 <= calibration_fraction <= 1:
        raise SegtrtError(
            f"dataset.calibration_fraction is {calibration_fraction}, expected 0 to 1"
        )
    ranked = sorted(set(names), key=lambda name: (_score("split", seed, name), name))
    calibrating = count_calibration(len(ranked), calibration_fraction)
    searching = count_search(len(ranked), calibration_fraction, search_fraction)
    left = len(ranked) - calibrating - searching
    counts: dict[Split, int] = {"calibration": calibrating, "search": searching, "evaluation": left}
    splits = [split for split, count in counts.items() for _ in range(count)]
    return dict(sorted(zip(ranked, splits, strict=True)))
