"""The summary's part on mixes."""

import jsonschema
import pytest
import yaml
from example_gains import gain, lost
from segtrt.precision import Precision
from segtrt.quality.mix_plan import plan_mix
from segtrt.summary.document import SCHEMA
from segtrt.summary.mixes import lowered_regions, mix_entries, read_mixes
from segtrt.summary.regions import NO_REGIONS, regions_entry


@pytest.fixture
def mixes(tmp_path):
    """Two mixes on one machine, of which the second lowers nothing, and one on another."""
    gains, losses = [gain(0), gain(1, ms=4.0)], [lost(0), lost(1, metric_loss=0.002)]
    paths = []
    for place, precision, budget in (
        ("openvino", Precision.MIXED, 0.01),
        ("openvino", Precision.MIXED_B2, 0.0),
        ("openvino@big", Precision.MIXED, 0.01),
    ):
        paths.append(tmp_path / place / f"{precision}.json")
        paths[-1].parent.mkdir(exist_ok=True)
        plan_mix(precision, "openvino", gains, losses, budget=budget, batch_size=4).write(paths[-1])
    return read_mixes(paths)


def engine(name, ms, loss=0.004, flipped=0.005, verdict="pass"):
    return {
        "name": name,
        "verdict": verdict,
        "timing": {"total": {"median": ms}} if ms else None,
        "quality": None if loss is None else {"loss": loss},
        "errors": {"flipped_fraction": flipped},
    }


def test_a_place_is_the_folder_and_a_mix_the_name(mixes):
    assert list(mixes) == [
        ("openvino", "mixed"),
        ("openvino", "mixed_b2"),
        ("openvino@big", "mixed"),
    ]


@pytest.mark.parametrize(
    ("name", "lowered"),
    [
        ("openvino/b4_mixed", 2),
        ("openvino/b1_mixed_dynamic", 2),
        ("openvino/b4_mixed_b2", 0),
        ("openvino/b4_mixed_b2_dynamic", 0),
        ("openvino@big/b16_mixed", 2),
        ("openvino/b4_int8", None),
        ("onnxruntime/b4_mixed", None),
    ],
)
def test_an_engine_knows_how_many_regions_are_lowered(mixes, name, lowered):
    assert lowered_regions(name, mixes) == lowered


def test_prediction_and_outcome_stand_side_by_side(mixes):
    engines = [
        engine("openvino/b4_fp32", 12.0),
        engine("openvino/b1_mixed", 1.0),
        engine("openvino/b4_mixed", 6.0),
        engine("openvino/b4_mixed_b2", 12.5, loss=None, verdict="fail"),
    ]
    first, second, third = mix_entries(mixes, engines)
    assert (first["runtime"], first["machine"], first["precision"]) == ("openvino", "", "mixed")
    assert [one["region"] for one in first["choices"]] == [0, 1]
    predicted = first["predicted"]
    assert predicted["plain_ms"] == 10.0
    assert predicted["latency_ms"] == pytest.approx(4.0)
    assert predicted["metric_loss"] == pytest.approx(0.003)
    assert first["found"] == {
        **{"engine": "openvino/b4_mixed", "verdict": "pass", "plain_ms": 12.0, "latency_ms": 6.0},
        **{"metric_loss": 0.004, "flipped_fraction": 0.005},
    }
    assert second["choices"] == [] and second["found"]["metric_loss"] is None
    assert (third["machine"], third["found"]["engine"], third["found"]["latency_ms"]) == (
        *("big", None, None),
    )
    schema = yaml.safe_load(SCHEMA.read_text())
    part = schema["properties"]["precision_search"]["properties"]["mixes"]
    validator = jsonschema.Draft202012Validator({**part, "$defs": schema["$defs"]})
    validator.validate([first, second, third])
    with pytest.raises(jsonschema.ValidationError):
        validator.validate([{**first, "predicted": None}])


def test_mixes_without_a_search_are_no_part():
    assert regions_entry(NO_REGIONS, [{"runtime": "openvino"}]) is None
