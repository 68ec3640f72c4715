"""The rule that recommends an engine, case by case and over random sets of engines."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from segtrt.errors import SegtrtError
from segtrt.quality.failures import Failure
from segtrt.quality.loss_limit import Loss
from segtrt.quality.scores import Interval
from segtrt.summary.selection_rule import Candidate, pick_engine

LOSS = Failure("metric_loss", 0.03, 0.02, of="Dice")


def candidate(name="onnxruntime/b1_fp32", **changes):
    lost = changes.pop("metric_loss", 0.0)
    interval, subjects = changes.pop("interval", None), changes.pop("subjects", 4)
    values = {
        "verdict": "pass",
        "failures": (),
        "loss": None if lost is None else Loss(lost, interval, subjects),
        "latency_ms": 10.0,
        "images_per_second": 100.0,
    }
    return Candidate(name=name, **{**values, **changes})


def pick(*candidates, loss=0.005, latency=None, **more):
    return pick_engine(
        candidates, max_metric_loss=loss, max_latency_ms=latency, metric="Dice", **more
    )


def test_the_fastest_that_qualifies_is_taken():
    choice = pick(
        candidate("a", images_per_second=100),
        candidate("b", images_per_second=300),
        candidate("too lossy", images_per_second=900, metric_loss=0.006),
        candidate("failed", images_per_second=900, verdict="fail", failures=(LOSS,)),
    )
    assert (choice.engine, choice.closest, choice.broken) == ("b", None, ())
    assert (choice.candidates, choice.qualified) == (4, 2)


@pytest.mark.parametrize(("lowered", "verdict"), [(0, "not_run"), (1, "pass"), (None, "pass")])
def test_a_mix_that_lowers_nothing_is_no_candidate(lowered, verdict):
    engine = {
        **{"name": "openvino/b4_mixed", "verdict": "pass", "failures": [], "quality": None},
        **{"timing": {"total": {"median": 1.0}, "images_per_second": 4.0}},
    }
    assert Candidate.of({**engine, "lowered_regions": lowered}).verdict == verdict
    # Summaries of earlier versions know no mixes.
    assert Candidate.of(engine).verdict == "pass"


def test_a_latency_limit_excludes_large_batches():
    small = candidate("b1", latency_ms=4, images_per_second=250)
    large = candidate("b16", latency_ms=20, images_per_second=800)
    assert pick(small, large).engine == "b16"
    assert pick(small, large, latency=5).engine == "b1"


def test_limits_themselves_are_allowed():
    assert pick(candidate(metric_loss=0.005, latency_ms=5), latency=5).engine is not None


def test_a_gain_in_dice_is_no_loss():
    assert pick(candidate(metric_loss=-0.2), loss=0.0).engine is not None


def test_of_equally_fast_engines_the_lower_latency_then_the_name_decides():
    assert pick(candidate("b", latency_ms=9), candidate("a", latency_ms=10)).engine == "b"
    assert pick(candidate("b"), candidate("a")).engine == "a"


def test_if_none_qualifies_the_closest_is_named_with_the_limit_it_broke():
    choice = pick(
        candidate("far", metric_loss=0.05, images_per_second=900),
        candidate("near", metric_loss=0.006, images_per_second=10),
    )
    assert (choice.engine, choice.closest) == (None, "near")
    assert choice.broken == (Failure("metric_loss", 0.006, 0.005, of="Dice"),)


def test_with_confidence_the_worse_end_of_the_interval_must_keep_the_limit():
    fast = candidate("open", images_per_second=900, interval=Interval(-0.01, 0.006))
    sure = candidate("sure", images_per_second=10, interval=Interval(0.0, 0.005))
    assert pick(fast, sure).engine == "open"
    choice = pick(fast, sure, confident=True)
    assert (choice.engine, choice.qualified, choice.confident) == ("sure", 1, True)
    choice = pick(fast, confident=True)
    assert choice.broken == (Failure("metric_loss_high", 0.006, 0.005, of="Dice"),)


def test_with_confidence_an_engine_without_an_interval_is_not_recommended():
    choice = pick(candidate("alone", subjects=1), confident=True)
    assert (choice.engine, choice.closest) == (None, "alone")
    assert choice.broken == (Failure("paired_subjects", 1, 2, at_least=True, of="Dice"),)
    assert pick(candidate("no truth", metric_loss=None), confident=True).engine == "no truth"


def test_of_those_that_are_not_sure_the_one_that_overshoots_least_is_closest():
    far = candidate("far", images_per_second=900, interval=Interval(0.0, 0.5))
    near = candidate("near", images_per_second=10, interval=Interval(0.0, 0.006))
    assert pick(far, near, confident=True).closest == "near"


def test_one_broken_limit_is_closer_than_two():
    choice = pick(
        candidate("two", metric_loss=0.0051, latency_ms=5.1),
        candidate("one", metric_loss=0.02, latency_ms=4),
        latency=5,
    )
    assert choice.closest == "one"


def test_a_failed_validation_is_reported_with_its_failures():
    choice = pick(candidate(verdict="fail", failures=(LOSS,)))
    assert (choice.failures, choice.broken) == ((LOSS,), ())


def test_a_failed_validation_counts_as_one_broken_limit():
    failed = candidate(
        "failed", verdict="fail", failures=(LOSS, LOSS), latency_ms=4, images_per_second=900
    )
    two = candidate("two", metric_loss=0.0051, latency_ms=5.1)
    one = candidate("one", metric_loss=0.0051)
    assert pick(failed, two, latency=5).closest == "failed"
    assert pick(failed, one).closest == "failed"  # it overshoots no limit


def test_engines_that_were_not_run_are_never_chosen():
    nothing = {"metric_loss": None, "latency_ms": None, "images_per_second": None}
    choice = pick(candidate(verdict="skipped", **nothing), candidate(verdict="not_run", **nothing))
    assert (choice.engine, choice.closest, choice.candidates) == (None, None, 0)
    assert pick().engine is None


CANDIDATES = st.lists(
    st.builds(
        candidate,
        st.text(min_size=1),
        verdict=st.sampled_from(["pass", "fail", "skipped", "not_run"]),
        metric_loss=st.floats(-0.1, 0.1),
        latency_ms=st.floats(0.01, 1e4),
        images_per_second=st.floats(0.01, 1e5),
    ),
    unique_by=lambda one: one.name,
)


@given(CANDIDATES, st.floats(0, 0.1), st.none() | st.floats(0.1, 1e4))
def test_the_choice_keeps_the_limits_and_nothing_faster_does(candidates, loss, latency):
    def keeps(one):
        return (
            one.verdict == "pass"
            and one.loss.value <= loss
            and (latency is None or one.latency_ms <= latency)
        )

    choice = pick(*candidates, loss=loss, latency=latency)
    within = [one for one in candidates if keeps(one)]
    assert choice.qualified == len(within)
    assert (choice.engine is not None) == bool(within)
    if within:
        best = next(one for one in within if one.name == choice.engine)
        assert best.images_per_second == max(one.images_per_second for one in within)
    elif choice.closest:
        own = next(one for one in candidates if one.name == choice.closest)
        assert choice.broken or own.verdict == "fail"


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("figure", ["metric_loss", "latency_ms", "images_per_second"])
def test_a_figure_that_is_no_number_is_refused(figure, value):
    with pytest.raises(SegtrtError, match=f"engine odd has {figure} {value}"):
        pick(candidate("good"), candidate("odd", **{figure: value}))


def test_in_doubt_none_is_recommended_nor_called_closest():
    choice = pick(candidate(), doubt="the network finds nothing")
    assert (choice.engine, choice.closest, choice.doubt) == (
        None,
        None,
        "the network finds nothing",
    )
    assert choice.qualified == 1


def test_without_ground_truth_no_loss_is_broken():
    assert pick(candidate(metric_loss=None), loss=0.0).engine is not None
