"""Shards and splits: stable, balanced, independent of order."""

import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segtrt.data.sharding import BALANCE, assign_shards, assign_splits, count_search
from segtrt.errors import SegtrtError

NAMES = st.text("abcdefghij_0123456789", min_size=1, max_size=12)
SUBJECTS = st.dictionaries(NAMES, st.integers(0, 90), max_size=40)


def cohort(seed: int, count: int = 110) -> dict[str, int]:
    """Subjects of the Kaggle data set's shape: 20 to 88 slices, most at the lower end."""
    chance = random.Random(seed)
    return {
        f"TCGA_{seed}_{i:04d}": min(88, 20 + int(chance.gammavariate(1.2, 13)))
        for i in range(count)
    }


def loads(subjects: dict[str, int], assigned: dict[str, int], shards: int) -> list[int]:
    total = [0] * shards
    for name, shard in assigned.items():
        total[shard] += subjects[name]
    return total


@given(SUBJECTS, st.integers(1, 12), st.randoms())
@settings(max_examples=60, deadline=None)
def test_every_subject_has_a_shard_whatever_the_order(
    subjects: dict[str, int], shards: int, chance: random.Random
) -> None:
    assigned = assign_shards(subjects, shards)
    shuffled = list(subjects.items())
    chance.shuffle(shuffled)
    assert list(assigned) == sorted(subjects)
    assert all(0 <= shard < shards for shard in assigned.values())
    assert assign_shards(dict(shuffled), shards) == assigned


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("shards", [2, 4, 8])
def test_a_real_cohort_is_balanced(seed: int, shards: int) -> None:
    subjects = cohort(seed)
    total = loads(subjects, assign_shards(subjects, shards), shards)
    mean = sum(total) / shards
    assert all(abs(load - mean) <= BALANCE * mean for load in total)


def test_adding_a_subject_moves_few_others() -> None:
    moved = []
    for seed in range(40):
        subjects = cohort(seed, 111)
        added = sorted(subjects)[seed]
        before = assign_shards({n: c for n, c in subjects.items() if n != added}, 8)
        after = assign_shards(subjects, 8)
        moved.append(sum(before[name] != after[name] for name in before))
    assert sum(moved) / len(moved) <= 2.5
    assert max(moved) <= 15


@given(SUBJECTS, NAMES, st.integers(1, 90))
@settings(max_examples=60, deadline=None)
def test_one_shard_never_changes(subjects: dict[str, int], name: str, count: int) -> None:
    assert set(assign_shards({**subjects, name: count}, 1).values()) == {0}


def test_shards_do_not_change_between_versions() -> None:
    """A change here rebuilds every user's tensors: it must be meant."""
    assigned = assign_shards({f"DEMO_{i:04d}": 16 for i in range(1, 6)}, 2)
    assert list(assigned.values()) == [1, 0, 0, 1, 0]


def test_more_shards_than_subjects_leaves_some_empty() -> None:
    assigned = assign_shards({"a": 20, "b": 20, "c": 20}, 10)
    assert len(set(assigned.values())) == 3


def test_one_giant_subject_stays_alone_on_its_shard() -> None:
    subjects = {"giant": 1000, **{f"s{i}": 20 for i in range(8)}}
    assigned = assign_shards(subjects, 2)
    assert Counter(assigned.values())[assigned["giant"]] == 1


def test_no_shard_is_refused() -> None:
    with pytest.raises(SegtrtError, match=r"dataset\.shards is 0"):
        assign_shards({"a": 1}, 0)


@given(st.lists(NAMES, unique=True, max_size=40), st.floats(0, 1), st.integers(0, 9), st.randoms())
@settings(max_examples=100, deadline=None)
def test_splits_count_and_order(
    names: list[str], fraction: float, seed: int, chance: random.Random
) -> None:
    split = assign_splits(names, fraction, seed)
    counts = Counter(split.values())
    assert set(split) == set(names)
    if names:
        assert counts["evaluation"] >= 1
    if fraction > 0 and len(names) >= 2:
        assert counts["calibration"] >= 1
    wanted = round(fraction * len(names))
    if 1 <= wanted <= len(names) - 1:
        assert counts["calibration"] == wanted
    if fraction == 0:
        assert counts["calibration"] == 0
    shuffled = list(names)
    chance.shuffle(shuffled)
    assert assign_splits(shuffled, fraction, seed) == split


@given(st.lists(NAMES, unique=True, min_size=3, max_size=40), NAMES)
@settings(max_examples=60, deadline=None)
def test_adding_a_subject_changes_at_most_one_other_split(names: list[str], added: str) -> None:
    before = assign_splits(names, 0.25, 0)
    after = assign_splits({*names, added}, 0.25, 0)
    assert sum(before[name] != after[name] for name in before) <= 1


def test_the_seed_decides_the_split() -> None:
    names = list(cohort(0))
    splits = [tuple(assign_splits(names, 0.2, seed).items()) for seed in range(5)]
    assert len(set(splits)) == 5


@pytest.mark.parametrize("fraction", [-0.1, 1.5, float("nan")])
def test_a_fraction_outside_is_refused(fraction: float) -> None:
    with pytest.raises(SegtrtError, match="calibration_fraction"):
        assign_splits(["a", "b"], fraction, 0)


@given(st.sets(NAMES, max_size=30), st.floats(0, 1), st.floats(0, 1), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_search_subjects_are_disjoint_and_leave_calibration_as_it_is(
    names: set[str], calibration: float, search: float, seed: int
) -> None:
    without = assign_splits(names, calibration, seed)
    split = assign_splits(names, calibration, seed, search)
    chosen = [name for name, one in split.items() if one == "search"]
    assert split.keys() == without.keys()
    assert all(without[name] == "evaluation" for name in chosen)
    assert all(split[name] == without[name] for name in names if name not in chosen)
    assert len(chosen) == count_search(len(names), calibration, search)
    left = list(split.values()).count("evaluation")
    assert left >= min(1, len(names))
    if search > 0 and left + len(chosen) >= 2:
        assert len(chosen) >= 1


def test_no_search_is_the_split_of_old() -> None:
    names = [f"s{number}" for number in range(9)]
    assert assign_splits(names, 0.2, 0, 0.0) == assign_splits(names, 0.2, 0)
    assert "search" not in assign_splits(names, 0.2, 0).values()


def test_two_subjects_are_too_few_to_search_on() -> None:
    assert count_search(2, 0.2, 0.5) == 0
    assert count_search(3, 0.2, 0.01) == 1
    assert count_search(5, 0.2, 0.2) == 1


@pytest.mark.parametrize("fraction", [-0.1, 1.1])
def test_search_fraction_out_of_range(fraction: float) -> None:
    with pytest.raises(SegtrtError, match=r"dataset\.search_fraction is"):
        assign_splits(["a", "b"], 0.2, 0, fraction)
