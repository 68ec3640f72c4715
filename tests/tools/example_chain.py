"""A small real chain: files of engines on two demo subjects, as the workflow's rules write them."""

import json
from dataclasses import replace

from segtrt.config.resolve import resolve_config
from segtrt.data.make_manifest import write_manifest
from segtrt.data.shards import Shard, write_shard
from segtrt.data.tensors import encode_shard
from segtrt.engines.budget import TimingBudget
from segtrt.engines.record import EngineRecord
from segtrt.engines.timing import measure
from segtrt.engines.timing_file import EngineTiming
from segtrt.model.reference_timing_file import ReferenceTiming
from segtrt.precision import Graph, Precision
from segtrt.quality.judging import validate_engine
from segtrt.quality.reference_scoring import score_reference
from segtrt.quality.scoring import ShardPaths, score_engine
from segtrt.runtimes.base import BatchTiming, BuildSettings, Layer
from segtrt.summary.document import read_summary
from segtrt.summary.summarise import (
    Asked,
    DataFiles,
    EngineFiles,
    Outputs,
    ReferenceFiles,
    summarise,
)

TOLERANCE = {"max_abs_error": 0.05, "flipped_fraction": 0.01, "dice_loss": 0.02}


def timing(batch, milliseconds):
    return measure(
        lambda: BatchTiming(milliseconds),
        batch_size=batch,
        budget=TimingBudget(5, None, 0),
    )


class Chain:
    """Files of three engines on two demo subjects: one good, one off, one unsupported."""

    def __init__(self, folder, demo):
        self.folder = folder
        self.machines = [""]
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
        self.write_reference(self.truth)
        (folder / "weights").write_bytes(b"weights")
        self.reference_timings, self.preparations = [], []
        self.records, self.timings, self.scores, self.validations = [], [], [], []
        self.machine("", torch_ms=10.0, decode_ms=0.5)
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

    def write_reference(self, probabilities):
        self.write("reference", probabilities)
        score_reference(
            tensor_shards=[self.folder / "tensors"],
            reference_shards=[self.folder / "reference"],
            out_json=self.folder / "reference.json",
            out_masks=[self.folder / "masks"],
            threshold=0.5,
            largest_component=True,
        )

    def machine(self, name, *, torch_ms, decode_ms):
        self.reference_timings.append(self.folder / f"timing@{name}.json")
        ReferenceTiming(
            machine={"cpu": "Example of PyTorch's", "isa": "none"},
            device="cpu",
            torch="2.13.0",
            threads=2,
            timings=(timing(1, torch_ms), timing(4, 4 * torch_ms)),
        ).write(self.reference_timings[-1])
        preparation = {
            "format": "segtrt-preparation-1",
            "decode": decode_ms,
            "normalise": 0.25,
            "slices": 8,
        }
        self.preparations.append(self.folder / f"preparation@{name}.json")
        self.preparations[-1].write_text(json.dumps(preparation))

    def engine(
        self, batch, probabilities, milliseconds, *, status="built", reason="", place="openvino"
    ):
        folder = self.folder / f"engines/{place}/b{batch}_fp32"
        scores = self.folder / f"scores/{place}/b{batch}_fp32.json"
        validation = self.folder / f"validation/{place}/b{batch}_fp32.json"
        record = EngineRecord(
            runtime="openvino",
            settings=BuildSettings(batch_size=batch, precision=Precision.FP32),
            graph=Graph.FP32,
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
        shard = self.write(f"probabilities/{place}/b{batch}", probabilities)
        path = self.folder / f"timing/{place}/b{batch}_fp32.json"
        times = EngineTiming("openvino", batch, "fp32", status, reason)
        if built:
            times = replace(
                times,
                machine={"cpu": "Example", "runtime": "2026.4.1"},
                load_stages_ms={"read_back": 30.0, "first_run": 12.0},
                memory_mib=55.0,
                timing=timing(batch, milliseconds),
            )
        times.write(path)
        score_engine(
            folder / "engine.json",
            reference_scores=self.folder / "reference.json",
            shards=[
                ShardPaths(
                    *(self.folder / name for name in ("tensors", "reference", "masks")), shard
                )
            ],
            out_json=scores,
            predictions_dir=folder / "predictions",
        )
        validate_engine(
            folder / "engine.json",
            scores,
            validation,
            tolerance=TOLERANCE,
        )
        self.records.append(folder / "engine.json")
        self.timings.append(path)
        self.scores.append(scores)
        self.validations.append(validation)

    def summarise(self, **report):
        summarise(
            resolve_config({"report": report}),
            Asked(self.machines, left_out={"tensorrt/b1_fp16": "no GPU here"}, not_run={}),
            DataFiles(
                self.folder / "manifest.json", self.folder / "weights", [self.folder / "tensors"]
            ),
            ReferenceFiles(
                scores=self.folder / "reference.json",
                masks=[self.folder / "masks"],
                timings=self.reference_timings,
                preparations=self.preparations,
            ),
            EngineFiles(
                records=self.records,
                timings=self.timings,
                scores=self.scores,
                verdicts=self.validations,
            ),
            outputs=Outputs(
                self.folder / "summary.json",
                self.folder / "summary.csv",
                self.folder / "overlays",
            ),
            benchmarks_dir=None,
            rule_graph=None,
        )
        return read_summary(self.folder / "summary.json")


class TwoMachines(Chain):
    """The chain's engines on a machine `a`, one on `b`, which is slower but not beside PyTorch."""

    def __init__(self, folder, demo):
        super().__init__(folder, demo)
        self.machines = ["a", "b"]
        lists = self.records, self.timings, self.scores, self.validations
        for one in lists:
            one.clear()
        self.machine("b", torch_ms=50.0, decode_ms=2.0)
        self.engine(1, self.truth, 5.0, place="openvino@a")
        self.engine(4, self.truth * 0.4, 4.0, place="openvino@a")
        self.engine(1, self.truth, 10.0, place="openvino@b")
