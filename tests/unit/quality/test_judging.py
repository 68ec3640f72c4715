"""The verdict: every tolerance, the proof of precision, and what `check` says."""

from dataclasses import replace

import pytest
from segtrt.engines.record import EngineRecord
from segtrt.errors import SegtrtError
from segtrt.model.network_file import UNET
from segtrt.precision import Precision
from segtrt.quality.check import check
from segtrt.quality.failure_words import in_words
from segtrt.quality.failures import Failure
from segtrt.quality.judging import validate_engine
from segtrt.quality.precision_proof import precision_proof
from segtrt.quality.scores import Errors, Figures, Interval, MetricFacts, Quality, Scores
from segtrt.quality.verdict import read_verdict
from segtrt.runtimes.base import BuildSettings, Layer

TOLERANCE = {
    "max_abs_error": 0.05,
    "flipped_fraction": 0.01,
    "metric_loss": 0.02,
    "relative_rms": 0.03,
}


DICE = MetricFacts("dice", "Dice", "", higher_is_better=True)


def record(precision=Precision.INT8, layers=(), **changes):
    made = EngineRecord(
        runtime="openvino",
        network=UNET,
        settings=BuildSettings(batch_size=4, precision=precision),
        graph=precision.graph,
        status="built",
        graph_sha256="0" * 64,
        target={},
        code="0" * 64,
        engine_sha256="0" * 64,
        engine_bytes=0,
        build_ms=1.0,
        layers=list(layers),
    )
    return replace(made, **changes)


def conv(dtype, flops=None, kind="Convolution"):
    return Layer(name="x", kind=kind, dtype=dtype, flops=flops)


@pytest.fixture
def validate(tmp_path):
    """Writes a record and scores, validates, and gives the verdict's file."""

    def run(
        made=None,
        *,
        tolerance=TOLERANCE,
        name=None,
        truth=True,
        confident=False,
        interval=None,
        subjects=4,
        **figures,
    ):
        made = made or record()
        made.write(tmp_path / "engine.json")
        errors = Errors(
            patches=1,
            values=100,
            rms_error=0.0,
            relative_rms=figures.get("relative_rms", 0.0),
            pixels=100,
            max_abs_error=figures.get("max_abs_error", 0.0),
            mean_abs_error=0.0,
            relative_l2=0.0,
            cosine_similarity=1.0,
            flipped_pixels=0,
            flipped_fraction=figures.get("flipped_fraction", 0.0),
            non_finite=figures.get("non_finite", 0),
        )
        loss = figures.get("metric_loss", 0.0)
        best = 0.9 + loss
        quality = Quality(0.9, 0.9, 0.9, best, best, loss, interval, subjects, (), ())
        found = Figures(
            errors=replace(errors, max_abs_error=0.0),
            errors_every_item=replace(errors, flipped_fraction=1.0, relative_rms=1.0),
            quality=quality if truth else None,
            agreement=1.0,
            patches=1,
            subjects=(),
            views=(),
        )
        built = made.status == "built"
        scores = Scores(name or made.name, made.status, {}, DICE, found if built else None)
        scores.write(tmp_path / "scores.json")
        out = tmp_path / f"{made.name.replace('/', '_')}.json"
        validate_engine(
            tmp_path / "engine.json",
            tmp_path / "scores.json",
            out,
            tolerance=tolerance,
            confident=confident,
        )
        return out

    return run


@pytest.mark.parametrize("figure", list(TOLERANCE))
def test_a_figure_passes_at_its_tolerance_and_fails_above(validate, figure):
    limit = TOLERANCE[figure]
    assert read_verdict(validate(**{figure: limit})).verdict == "pass"
    failed = read_verdict(validate(**{figure: limit * 1.5}))
    assert failed.verdict == "fail"
    assert failed.failures == (
        Failure(figure, limit * 1.5, limit, of="Dice" if figure == "metric_loss" else ""),
    )


def test_a_tolerance_of_none_leaves_a_figure_unchecked(validate):
    out = validate(tolerance={**TOLERANCE, "max_abs_error": None}, max_abs_error=1.0)
    assert read_verdict(out).verdict == "pass"


def test_without_ground_truth_a_loss_is_not_checked(validate):
    out = validate(truth=False, tolerance={"metric_loss": 0.0, "flipped_fraction": 0.01})
    assert read_verdict(out).verdict == "pass"
    out = validate(truth=False, flipped_fraction=0.02)
    assert [one.figure for one in read_verdict(out).failures] == ["flipped_fraction"]


def test_with_confidence_the_worse_end_of_the_interval_must_keep_the_tolerance(validate):
    wide = {"metric_loss": 0.01, "interval": Interval(-0.02, 0.03), "subjects": 4}
    tolerance = {"metric_loss": 0.02}
    assert read_verdict(validate(tolerance=tolerance, **wide)).verdict == "pass"
    judged = read_verdict(validate(tolerance=tolerance, confident=True, **wide))
    assert judged.failures == (Failure("metric_loss_high", 0.03, 0.02, of="Dice"),)
    assert (judged.confident, judged.loss_interval) == (True, Interval(-0.02, 0.03))
    narrow = {**wide, "interval": Interval(-0.02, 0.02)}
    assert read_verdict(validate(tolerance=tolerance, confident=True, **narrow)).verdict == "pass"


def test_with_confidence_a_loss_without_an_interval_fails_and_is_reported_why(validate):
    out = validate(tolerance={"metric_loss": 0.02}, confident=True, subjects=1)
    [failure] = read_verdict(out).failures
    assert failure == Failure("paired_subjects", 1, 2, at_least=True, of="Dice")
    assert in_words(failure) == (
        "subjects for a 95 % interval of the loss of Dice: 1, at least 2 expected"
    )
    out = validate(tolerance={"metric_loss": None}, confident=True, subjects=1)
    assert read_verdict(out).verdict == "pass"


def test_all_failures_are_reported(validate):
    out = validate(max_abs_error=0.3, flipped_fraction=0.5, metric_loss=0.4)
    assert len(read_verdict(out).failures) == 3


def test_values_that_are_not_finite_fail_whatever_the_tolerances(validate):
    out = validate(tolerance={}, non_finite=7)
    assert read_verdict(out).failures == (Failure("non_finite", 7, 0),)


def test_an_engine_that_computes_in_another_precision_fails(validate):
    layers = [conv("fp32", 90.0), conv("int8", 10.0), Layer("r", "Reorder", "int8")]
    out = validate(record(layers=layers))
    assert read_verdict(out).failures == (
        Failure("precision_share", 0.1, 0.5, at_least=True, of="int8"),
    )
    assert read_verdict(out).precision_proof.convolutions == {"fp32": 0.9, "int8": 0.1}


def test_a_mix_is_named_after_no_precision_to_prove(validate):
    layers = [conv("fp32", 90.0), conv("int8", 10.0)]
    out = read_verdict(validate(record(Precision.MIXED_B2, layers)))
    assert (out.verdict, out.failures) == ("pass", ())
    assert out.precision_proof.convolutions == {"fp32": 0.9, "int8": 0.1}


def test_a_tf32_engine_may_show_fp32_layers_and_an_fp32_engine_no_tf32_ones(validate):
    layers = [conv("fp32", 1.0)]
    assert read_verdict(validate(record(Precision.TF32, layers))).verdict == "pass"
    layers = [conv("tf32", 1.0)]
    out = validate(record(Precision.FP32, layers))
    assert read_verdict(out).failures == (
        Failure("precision_share", 0.0, 0.5, at_least=True, of="fp32"),
    )


def test_layers_whose_types_are_not_reported_prove_nothing(validate):
    assert precision_proof([]) is None
    proof = precision_proof([conv("other"), Layer("r", "Reorder", "fp32")])
    assert proof.convolutions is None
    out = validate(record(layers=[conv("other")]))
    assert read_verdict(out).verdict == "pass"


def test_work_is_weighed_by_flops_only_if_all_convolutions_tell_them():
    by_flops = precision_proof([conv("int8", 3.0), conv("fp32", 1.0, "FusedConv")])
    assert by_flops.weighed_by == "flops"
    assert by_flops.convolutions == {"fp32": 0.25, "int8": 0.75}
    by_count = precision_proof([conv("int8", 3.0), conv("fp32")])
    assert by_count.weighed_by == "layers"
    assert by_count.convolutions == {"fp32": 0.5, "int8": 0.5}


def test_an_unsupported_engine_is_skipped_with_its_reason(validate):
    data = read_verdict(validate(record(status="unsupported", reason="no int8 here")))
    assert (data.verdict, data.reason, data.failures) == ("skipped", "no int8 here", ())


def test_scores_of_another_engine_are_refused(validate):
    with pytest.raises(SegtrtError, match="holds the scores of openvino/b1_fp32"):
        validate(name="openvino/b1_fp32")


def test_a_built_engine_without_figures_is_refused(validate, tmp_path):
    validate()
    Scores("openvino/b4_int8", "unsupported", {}, DICE).write(tmp_path / "scores.json")
    with pytest.raises(SegtrtError, match="no figures of openvino/b4_int8"):
        validate_engine(
            tmp_path / "engine.json",
            tmp_path / "scores.json",
            tmp_path / "x",
            tolerance={},
            confident=False,
        )


def test_check_names_each_failed_engine_and_by_how_much(validate):
    good = validate(record(Precision.FP16))
    skipped = validate(record(Precision.FP8, status="unsupported", reason="no"))
    bad = validate(metric_loss=0.031)
    assert check([good, skipped]) == []
    [reported] = check([good, skipped, bad])
    assert reported.endswith(": loss of Dice 0.031, limit 0.02")


def test_check_tells_an_engine_from_its_like_on_another_machine(validate, tmp_path):
    paths = [tmp_path / f"openvino@{name}/b4_int8.json" for name in ("one", "two")]
    for path in paths:
        path.parent.mkdir()
        path.write_bytes(validate(metric_loss=0.031).read_bytes())
    assert [line.partition(":")[0] for line in check(paths)] == [
        "openvino@one/b4_int8",
        "openvino@two/b4_int8",
    ]
