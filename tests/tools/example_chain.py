"""A small real chain: files of engines on two subjects, as the workflow's rules write them."""

import json
from dataclasses import asdict, replace

import numpy as np
from example_shards import Item, answer, write_shard
from segtrt.config.resolve import resolve_config
from segtrt.data.labels import Labels
from segtrt.data.layout import Ignored
from segtrt.data.manifest import FORMAT, Manifest
from segtrt.engines.budget import TimingBudget
from segtrt.engines.record import EngineRecord
from segtrt.engines.timing import measure
from segtrt.engines.timing_file import EngineTiming
from segtrt.files import write_json
from segtrt.model.reference_timing_file import ReferenceTiming
from segtrt.model.spec import Activation, NetworkSpec, write_spec
from segtrt.precision import Graph, Precision
from segtrt.quality.decode import Decoder
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

DECODER = Decoder("sigmoid", largest_component=True)
SPEC = NetworkSpec(
    input="images",
    channels=3,
    size=(64, 64),
    multiple=(1, 1),
    batch=None,
    output="probabilities",
    classes=1,
    activation=Activation.SIGMOID,
    stride=(1, 1),
)
TOLERANCE = {"max_abs_error": 0.05, "flipped_fraction": 0.01, "metric_loss": 0.02}


def timing(batch, milliseconds):
    return measure(
        lambda: BatchTiming(milliseconds),
        batch_size=batch,
        budget=TimingBudget(5, None, 0),
    )


class Chain:
    """Files of three engines on two subjects: one good, one off, one unsupported."""

    def __init__(self, folder):
        self.folder = folder
        self.machines = [""]
        masks = np.zeros((2, 4, 64, 64), np.uint8)
        masks[:, 1:3, 20:40, 20:40] = 1
        items = [
            Item(
                subject,
                str(number),
                "evaluation",
                mask,
                np.stack([np.full(mask.shape, 0.0), mask, mask]).astype(np.float32),
            )
            for subject, own in zip(("one", "two"), masks, strict=True)
            for number, mask in enumerate(own, 1)
        ]
        write_shard(folder / "tensors", items, Labels.of({255: "tumour"}))
        self.truth = [item.truth[np.newaxis].astype(np.float32) for item in items]
        manifest = Manifest((), (), Ignored(0, (), 0), (), (), ())
        write_json(folder / "manifest.json", {"format": FORMAT, **asdict(manifest)})
        write_spec(SPEC, [], folder / "network.json")
        answer(folder / "reference", folder / "tensors", self.truth, DECODER)
        score_reference(
            tensor_shards=[folder / "tensors"],
            reference_shards=[folder / "reference"],
            out_json=folder / "reference.json",
            metric="dice",
            largest_component=DECODER.largest_component,
        )
        (folder / "weights").write_bytes(b"weights")
        self.reference_timings, self.preparations = [], []
        self.records, self.timings, self.scores, self.validations = [], [], [], []
        self.machine("", torch_ms=10.0, decode_ms=0.5)
        self.engine(1, self.truth, 5.0)
        self.engine(4, self.off, 4.0)
        self.engine(8, None, None, status="unsupported", reason="no batch of 8 here")

    @property
    def off(self):
        """Outputs of which none is above the threshold."""
        return [one * np.float32(0.4) for one in self.truth]

    def write(self, name, outputs):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if outputs is not None:
            answer(path, self.folder / "tensors", outputs, DECODER)
        return path

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

    def engine(self, batch, outputs, milliseconds, *, status="built", reason="", place="openvino"):
        folder = self.folder / f"engines/{place}/b{batch}_fp32"
        scores = self.folder / f"scores/{place}/b{batch}_fp32.json"
        validation = self.folder / f"validation/{place}/b{batch}_fp32.json"
        record = EngineRecord(
            runtime="openvino",
            network=SPEC,
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
        shard = self.write(f"answers/{place}/b{batch}", outputs)
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
            shards=[ShardPaths(*(self.folder / name for name in ("tensors", "reference")), shard)],
            root=self.folder,
            metric="dice",
            out_json=scores,
            predictions_dir=folder / "predictions",
        )
        validate_engine(
            folder / "engine.json",
            scores,
            validation,
            tolerance=TOLERANCE,
            confident=False,
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
                self.folder / "manifest.json",
                self.folder / "network.json",
                self.folder / "weights",
                [self.folder / "tensors"],
            ),
            ReferenceFiles(
                scores=self.folder / "reference.json",
                answers=[self.folder / "reference"],
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

    def __init__(self, folder):
        super().__init__(folder)
        self.machines = ["a", "b"]
        lists = self.records, self.timings, self.scores, self.validations
        for one in lists:
            one.clear()
        self.machine("b", torch_ms=50.0, decode_ms=2.0)
        self.engine(1, self.truth, 5.0, place="openvino@a")
        self.engine(4, self.off, 4.0, place="openvino@a")
        self.engine(1, self.truth, 10.0, place="openvino@b")
