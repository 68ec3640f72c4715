"""The summary: put together from the files of a small real chain, checked, and as a table."""

import copy
import csv
import io
import json

import pytest
from example_summaries import CASES, make_example
from segtrt.config import resolve_config
from segtrt.dataset import write_manifest
from segtrt.errors import SegtrtError
from segtrt.precision import Precision
from segtrt.record import EngineRecord
from segtrt.runtimes.base import BatchTiming, BuildSettings, Layer
from segtrt.scoring import score_engine
from segtrt.shardfile import Shard, write_shard
from segtrt.summary import check_summary, read_summary, summarise, write_summary
from segtrt.summary_engines import left_out_entry, speedup, table
from segtrt.tensors import encode_shard
from segtrt.timing import measure
from segtrt.validation import validate_engine

TOLERANCE = {"max_abs_error": 0.05, "flipped_fraction": 0.01, "dice_loss": 0.02}


@pytest.fixture(scope="session")
def example(tmp_path_factory):
    """The demo's made-up summary and its folder."""
    folder = tmp_path_factory.mktemp("example")
    return make_example(CASES["demo"](), folder), folder


def timing(batch, milliseconds):
    result = measure(
        lambda: BatchTiming(milliseconds),
        batch_size=batch,
        iterations=5,
        max_seconds=None,
        warmup_max_seconds=0,
    )
    return result.to_json()


class Chain:
    """Files of three engines on two demo subjects: one good, one off, one unsupported."""

    def __init__(self, folder, demo):
        self.folder = folder
        write_manifest(
            demo,
            manifest_path=folder / "manifest.json",
            shard_paths=[folder / "shard.json"],
            subjects=["DEMO_0001", "DEMO_0002"],
            calibration_fraction=0.0,
            seed=0,
            on_bad_subject="fail",
        )
        encode_shard(folder / "shard.json", demo, folder / "tensors", "slice")
        with Shard(folder / "tensors") as shard:
            self.refs = shard.index
            self.truth = shard.rows("masks").astype("float32")
        self.write("reference", self.truth)
        (folder / "weights").write_bytes(b"weights")
        reference = {
            "device": "cpu",
            "torch": "2.13.0",
            "threads": 2,
            "timings": [timing(1, 10.0), timing(4, 40.0)],
        }
        (folder / "reference.json").write_text(json.dumps(reference))
        self.records, self.timings, self.scores, self.validations = [], [], [], []
        self.engine(1, self.truth, 5.0)
        self.engine(4, self.truth * 0.4, 4.0)  # nothing above the threshold
        self.engine(8, None, None, status="unsupported", reason="no batch of 8 here")

    def write(self, name, probabilities):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        refs = self.refs if probabilities is not None else []
        with write_shard(path, {"probabilities": ("F32", (256, 256))}, refs) as writer:
            if probabilities is not None:
                writer.append("probabilities", probabilities)
        return path

    def engine(self, batch, probabilities, milliseconds, status="built", reason=""):
        folder = self.folder / f"b{batch}"
        record = EngineRecord(
            runtime="openvino",
            settings=BuildSettings(batch_size=batch, precision=Precision.FP32),
            status=status,
            reason=reason,
            graph_sha256="1" * 64,
            target={"runtime": "2026.4.1"},
            code="2" * 64,
            engine_sha256="3" * 64,
            engine_bytes=2**20,
            build_ms=1500.0,
            layers=[Layer("c", "Convolution", "fp32", 10.0)],
        )
        built = status == "built"
        record.write(folder / "engine.json")
        shard = self.write(f"b{batch}/probabilities", probabilities)
        times = {
            "machine": {"cpu": "Example", "runtime": "2026.4.1"} if built else None,
            "load_stages_ms": {"read_back": 30.0, "first_run": 12.0} if built else None,
            "memory_mib": 55.0 if built else None,
            "timing": timing(batch, milliseconds) if built else None,
        }
        path = self.folder / f"timing/openvino/b{batch}_fp32.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(times))
        score_engine(
            folder / "engine.json",
            tensor_shards=[self.folder / "tensors"],
            reference_shards=[self.folder / "reference"],
            probability_shards=[shard],
            out_json=folder / "scores.json",
            predictions_dir=folder / "predictions",
            threshold=0.5,
            largest_component=True,
        )
        validate_engine(
            folder / "engine.json",
            folder / "scores.json",
            folder / "validation.json",
            tolerance=TOLERANCE,
        )
        self.records.append(folder / "engine.json")
        self.timings.append(path)
        self.scores.append(folder / "scores.json")
        self.validations.append(folder / "validation.json")

    def summarise(self, **report):
        config = resolve_config({"report": report})
        summarise(
            config=config,
            manifest=self.folder / "manifest.json",
            weights=self.folder / "weights",
            tensor_shards=[self.folder / "tensors"],
            reference_shards=[self.folder / "reference"],
            reference_timing=self.folder / "reference.json",
            records=self.records,
            timings=self.timings,
            scores=self.scores,
            validations=self.validations,
            left_out={"tensorrt/b1_fp16": "no GPU here"},
            not_run={},
            benchmarks_dir=None,
            rule_graph=None,
            out_json=self.folder / "summary.json",
            out_csv=self.folder / "summary.csv",
            overlays_dir=self.folder / "overlays",
        )
        return read_summary(self.folder / "summary.json")


@pytest.fixture(scope="module")
def chain(tmp_path_factory, project_root):
    return Chain(tmp_path_factory.mktemp("chain"), project_root / "data/demo/kaggle_3m")


def test_a_chain_of_files_becomes_a_summary(chain):
    summary = chain.summarise()
    good, off, unsupported, left_out = summary["engines"]
    assert (good["name"], good["verdict"], good["dice"]["mean"]) == (
        "openvino/b1_fp32",
        "pass",
        1.0,
    )
    assert good["speedup"] == 2.0
    assert good["read_back_ms"] == 42.0
    assert (off["verdict"], off["dice"]["dice_loss"]) == ("fail", 1.0)
    assert (unsupported["verdict"], unsupported["reason"]) == ("skipped", "no batch of 8 here")
    assert (left_out["name"], left_out["reason"]) == ("tensorrt/b1_fp16", "no GPU here")
    assert summary["recommendation"]["engine"] == "openvino/b1_fp32"
    assert summary["reference"]["dice"] == {"mean": 1.0, "median": 1.0, "min": 1.0}
    assert summary["dataset"]["subjects"] == 2
    assert summary["dataset"]["slices"] == 32
    assert summary["model"]["graphs"] == {"fp32": "1" * 64}
    assert summary["machine"] == {
        "cpu": "Example",
        "openvino": "2026.4.1",
        "device": "cpu",
        "torch": "2.13.0",
        "threads": "2",
    }
    index = json.loads((chain.folder / "overlays/index.json").read_text())
    assert list(index["engines"]) == ["openvino/b1_fp32", "openvino/b4_fp32"]
    assert all((chain.folder / "overlays" / s["image"]).is_file() for s in index["slices"].values())


def test_an_earlier_summary_is_compared_with(chain, tmp_path):
    earlier = chain.summarise()
    assert earlier["comparison"] is None
    (tmp_path / "earlier.json").write_text(json.dumps(earlier))
    summary = chain.summarise(compare_with=str(tmp_path / "earlier.json"))
    line = summary["comparison"]["engines"][0]
    assert (line["speed"], line["quality"]) == ("same", "same")
    assert summary["comparison"]["same_machine"]


def test_an_engine_that_was_built_but_not_run_says_why(chain):
    lists = chain.timings, chain.scores, chain.validations
    held = [list(one) for one in lists]
    try:
        for one in lists:
            del one[0]
        first = chain.summarise()["engines"][0]
    finally:
        for one, before in zip(lists, held, strict=True):
            one[:] = before
    assert (first["verdict"], first["reason"]) == ("not_run", "built here, but not run")
    assert first["engine_bytes"] == 2**20
    assert first["timing"] is None


def test_every_figure_of_an_engine_is_in_the_table(example):
    summary, folder = example
    rows = list(csv.DictReader(io.StringIO((folder / "summary.csv").read_text())))
    assert [row["name"] for row in rows] == [one["name"] for one in summary["engines"]]
    for row, engine in zip(rows, summary["engines"], strict=True):
        assert float(row["timing.total.median"]) == engine["timing"]["total"]["median"]
        assert float(row["dice.dice_loss"]) == engine["dice"]["dice_loss"]
        assert float(row["errors.flipped_fraction"]) == engine["errors"]["flipped_fraction"]
        for subject in engine["subjects"]:
            assert float(row[f"dice.subject.{subject['subject']}"]) == subject["dice"]


def test_a_table_has_a_row_for_engines_left_out():
    rows = list(csv.DictReader(io.StringIO(table({"engines": [left_out_entry("a/b1_fp8", "no")]}))))
    assert (rows[0]["verdict"], rows[0]["reason"], rows[0]["timing"]) == ("skipped", "no", "")


def test_speed_up_compares_equal_batch_sizes_only():
    reference = [{"batch_size": 4, "images_per_second": 10.0}]
    assert speedup({"batch_size": 4, "images_per_second": 25.0}, reference) == 2.5
    assert speedup({"batch_size": 8, "images_per_second": 25.0}, reference) is None
    assert speedup(None, reference) is None


@pytest.mark.parametrize(
    "damage",
    [
        lambda s: s.pop("machine"),
        lambda s: s["engines"][0].pop("verdict"),
        lambda s: s["engines"][0].update(verdict="fine"),
        lambda s: s["engines"][0]["timing"]["total"].pop("median"),
        lambda s: s["dataset"].update(subjects="five"),
        lambda s: s["model"].update(weights_sha256="abc"),
        lambda s: s["engines"][0]["subjects"][0].update(dice=1.5),
    ],
)
def test_the_schema_refuses_what_is_missing_or_of_another_type(example, damage):
    summary = copy.deepcopy(example[0])
    check_summary(summary)
    damage(summary)
    with pytest.raises(ValueError, match=r"^\$"):
        check_summary(summary)


def test_a_summary_that_breaks_the_schema_is_not_written(example, tmp_path):
    broken = {**example[0], "engines": None}
    with pytest.raises(ValueError, match="engines"):
        write_summary(broken, tmp_path / "s.json", tmp_path / "s.csv")
    assert list(tmp_path.iterdir()) == []


def test_other_formats_and_damage_are_told_in_one_line(example, tmp_path):
    path = tmp_path / "summary.json"
    path.write_text('{"format": "segtrt-summary-0"}')
    with pytest.raises(SegtrtError, match="found 'segtrt-summary-0'"):
        read_summary(path)
    path.write_text(json.dumps({**example[0], "title": 3}))
    with pytest.raises(SegtrtError, match=r"is damaged: \$\.title: 3 is not of type 'string'"):
        read_summary(path)


def test_examples_are_the_same_each_time(example, tmp_path):
    assert make_example(CASES["demo"](), tmp_path) == example[0]
