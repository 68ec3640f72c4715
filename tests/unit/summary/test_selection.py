import math
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from segtrt.errors import SegtrtError
from segtrt.summary.selection import MeasuredEngine, best_engine, cheapest_cover

PUBLISHED = [
    MeasuredEngine("b1", 1, 2.0),
    MeasuredEngine("b3", 3, 5.236),
    MeasuredEngine("b4", 4, 6.862),
]


def brute_force(engines: list[MeasuredEngine], slices: int) -> float:
    """Least time of all combinations of counts that take at least `slices` slices."""
    counts = [range(math.ceil(slices / engine.batch_size) + 1) for engine in engines]
    return min(
        sum(count * engine.latency_ms for count, engine in zip(chosen, engines, strict=True))
        for chosen in product(*counts)
        if sum(c * e.batch_size for c, e in zip(chosen, engines, strict=True)) >= slices
    )


@pytest.mark.parametrize(
    ("slices", "name", "runs"), [(1, "b1", 1), (2, "b1", 2), (3, "b3", 1), (4, "b4", 1)]
)
def test_best_engine_is_the_one_with_the_shortest_time(slices: int, name: str, runs: int):
    cover = best_engine(PUBLISHED, slices)
    assert [(engine.name, count) for engine, count in cover.runs] == [(name, runs)]


def test_best_engine_prefers_less_padding_when_times_are_equal():
    engines = [MeasuredEngine("wide", 8, 3.0), MeasuredEngine("narrow", 4, 3.0)]
    cover = best_engine(engines, 3)
    assert cover.runs[0][0].name == "narrow"
    assert cover.padding == 1


def test_cover_mixes_engines():
    cover = cheapest_cover(PUBLISHED, 7)
    assert [(engine.name, count) for engine, count in cover.runs] == [("b4", 1), ("b3", 1)]
    assert cover.latency_ms == pytest.approx(12.098)
    assert cover.padding == 0


def test_cover_pads_when_that_is_cheaper():
    engines = [MeasuredEngine("b1", 1, 5.0), MeasuredEngine("b8", 8, 7.0)]
    cover = cheapest_cover(engines, 9)
    assert [(engine.name, count) for engine, count in cover.runs] == [("b8", 1), ("b1", 1)]
    assert cheapest_cover(engines, 10).padding == 6


@given(
    st.lists(st.tuples(st.integers(1, 7), st.integers(1, 50)), min_size=1, max_size=3, unique=True),
    st.integers(1, 12),
)
@settings(max_examples=150, deadline=None)
def test_cover_is_as_cheap_as_brute_force_finds(kinds: list[tuple[int, int]], slices: int):
    engines = [
        MeasuredEngine(f"e{index}", batch, float(time)) for index, (batch, time) in enumerate(kinds)
    ]
    cover = cheapest_cover(engines, slices)
    assert cover.latency_ms == pytest.approx(brute_force(engines, slices))
    assert cover.padding >= 0
    assert best_engine(engines, slices).latency_ms >= cover.latency_ms - 1e-9


def test_a_whole_data_set_is_covered():
    cover = cheapest_cover(PUBLISHED, 3929)
    assert sum(engine.batch_size * count for engine, count in cover.runs) == 3929 + cover.padding
    assert cover.latency_ms <= best_engine(PUBLISHED, 3929).latency_ms


@pytest.mark.parametrize("choose", [best_engine, cheapest_cover])
@pytest.mark.parametrize(
    ("engines", "slices", "message"),
    [
        ([], 1, "no engine to choose from"),
        (PUBLISHED, 0, "0 slices"),
        ([MeasuredEngine("b0", 0, 1.0)], 1, "b0 has batch size 0"),
        ([MeasuredEngine("nan", 1, math.nan)], 1, "nan"),
    ],
)
def test_nonsense_is_refused(choose, engines, slices: int, message: str):
    with pytest.raises(SegtrtError, match=message):
        choose(engines, slices)
