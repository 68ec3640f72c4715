"""Which raw outputs are kept."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from segtrt.quality.raw_sample import choose_patches


@given(
    st.dictionaries(st.text(min_size=1, max_size=3), st.integers(0, 40), max_size=8),
    st.integers(1, 9),
    st.integers(0, 600),
)
def test_an_even_sample_within_the_budget(
    counts: dict[str, int], patch_bytes: int, budget: int
) -> None:
    kept = choose_patches(counts, patch_bytes, budget)
    assert list(kept) == list(counts)
    total = sum(map(len, kept.values()))
    fitting = max(1, budget // patch_bytes)
    assert total == min(fitting, sum(counts.values()))
    for subject, places in kept.items():
        assert len(set(places)) == len(places)
        assert list(places) == sorted(places)
        assert set(places) <= set(range(counts[subject]))
        # Spread: gaps between neighbours differ by at most one.
        gaps = {after - before for before, after in pairwise(places)}
        assert not gaps or max(gaps) - min(gaps) <= 1
    # Whoever could give more gives as many as anyone, but for one left over.
    most = max(map(len, kept.values()), default=0)
    assert all(
        len(places) >= most - 1 for subject, places in kept.items() if len(places) < counts[subject]
    )


def test_all_while_they_fit() -> None:
    assert choose_patches({"a": 3, "b": 1}, 10, 40) == {"a": (0, 1, 2), "b": (0,)}


def test_beyond_the_budget_by_hand() -> None:
    counts = {"a": 100, "b": 2, "c": 100, "d": 100}
    assert choose_patches(counts, 10, 110) == {
        "a": (16, 50, 83),
        "b": (0, 1),
        "c": (16, 50, 83),
        "d": (16, 50, 83),
    }
    # Fewer than subjects: spread over them; always one at least.
    assert choose_patches(dict.fromkeys("abcdef", 5), 10, 20) == {
        "a": (),
        "b": (2,),
        "c": (),
        "d": (),
        "e": (2,),
        "f": (),
    }
    assert choose_patches(dict.fromkeys("abc", 5), 10, 0) == {"a": (), "b": (2,), "c": ()}
