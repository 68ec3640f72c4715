"""A small engine proven on a data set as the workflow's jobs do it, without Snakemake."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from prepared_shards import encode, encoding_settings, list_folder
from segtrt.data.form import Form
from segtrt.data.own_code import CODE, own_file
from segtrt.data.prepared import Prepared
from segtrt.data.scan import Demands
from segtrt.deploy.describe import describe_segmentation
from segtrt.engines.build import build_engine
from segtrt.engines.run import run_engine
from segtrt.model.spec import Activation, NetworkSpec, write_spec
from segtrt.precision import Precision
from segtrt.quality.reference_scoring import score_reference
from segtrt.quality.scoring import ShardPaths, score_engine
from segtrt.runtimes.description import BuildSettings
from segtrt.runtimes.registry import get_runtime


@dataclass(frozen=True)
class Made:
    """What a run leaves behind."""

    root: Path
    """The data set."""
    engine: Path
    """The engine's folder below `results`."""
    predictions: Path
    """The workflow's own masks."""

    def masks(self) -> dict[str, bytes]:
        """The workflow's masks by path."""
        return contents(self.predictions)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder but the list of predictions, by relative path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "predictions.json"
    }


def spec_of(
    channels: int = 1, dimensions: int = 2, classes: int = 1, activation: str = "sigmoid"
) -> NetworkSpec:
    """The contract of a network for sides of any multiple of four."""
    return NetworkSpec(
        input="input",
        channels=channels,
        size=(None,) * dimensions,
        multiple=(4,) * dimensions,
        batch=None,
        output="output",
        classes=classes,
        activation=Activation(activation),
        stride=(1,) * dimensions,
    )


def write_network(spec: NetworkSpec, path: Path) -> Path:
    """Write a graph of two convolutions with random weights."""
    rng = np.random.default_rng(3)
    window = (3,) * spec.dimensions
    sizes = {"one": (6, spec.channels, *window), "two": (spec.classes, 6, *window)}
    weights = [
        numpy_helper.from_array(rng.normal(0, 0.4, size).astype(np.float32), name)
        for name, size in sizes.items()
    ]
    pads = [1] * (2 * spec.dimensions)
    nodes = [
        helper.make_node("Conv", ["input", "one"], ["a"], pads=pads),
        helper.make_node("Tanh", ["a"], ["b"]),
        helper.make_node("Conv", ["b", "two"], ["c"], pads=pads),
        {
            Activation.SIGMOID: helper.make_node("Sigmoid", ["c"], ["output"]),
            Activation.SOFTMAX: helper.make_node("Softmax", ["c"], ["output"], axis=1),
            Activation.NONE: helper.make_node("Identity", ["c"], ["output"]),
        }[spec.activation],
    ]
    sides = [f"side{axis}" for axis in range(spec.dimensions)]
    graph = helper.make_graph(
        nodes,
        "small",
        [
            helper.make_tensor_value_info(
                "input", TensorProto.FLOAT, ["batch", spec.channels, *sides]
            )
        ],
        [
            helper.make_tensor_value_info(
                "output", TensorProto.FLOAT, ["batch", spec.classes, *sides]
            )
        ],
        weights,
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)], ir_version=10), path
    )
    return path


def prove(
    folder: Path,
    root: Path,
    form: Form,
    spec: NetworkSpec,
    tensors: Mapping[str, Any] | None = None,
    *,
    largest_component: bool = False,
    batch: int = 2,
    runtime: str = "onnxruntime",
) -> Made:
    """Prove an engine on a data set.

    Args:
        folder: gets `results`.
        root: the data set.
        form: its form.
        spec: the network's contract.
        tensors: settings of that name.
        largest_component: as in the settings.
        batch: the engine's batch size.
        runtime: the engine's.
    """
    settings = encoding_settings(tensors or {})
    results = folder / "results"
    cell = f"{runtime}/b{batch}_fp32"
    engine, predictions = results / f"engines/{cell}", results / f"predictions/{cell}"
    demands = Demands(
        settings["normalisation"] == "volume",
        settings["axis"] or 0,
        settings["spacing"] is not None,
    )
    (results / "model").mkdir(parents=True)
    (shard,) = list_folder(root, results, form=form, demands=demands)
    write_spec(spec, [], results / "model/network.json")
    decoding = {"decide": None, "ignored": None}
    describe_segmentation(
        results / "manifest.json",
        results / "model/network.json",
        results / "model/segmentation.json",
        layout=form.layout,
        labels=form.labels,
        tensors=settings,
        decoding=decoding,
        largest_component=largest_component,
        code=results / "model" / CODE if own_file(settings["normalisation"]) else None,
    )
    images = encode(shard, root, results / "tensors", tensors, spec, form.labels)
    with Prepared(images) as prepared:
        patch = prepared.patch
    build_engine(
        runtime,
        BuildSettings(batch, Precision.FP32, patch=patch, output=spec.output_of(patch[1:])),
        write_network(spec, folder / "model.onnx"),
        engine / "engine.bin",
        engine / "engine.json",
        network=spec,
        target=get_runtime(runtime).target(),
        code="f" * 64,
        cache_dir=None,
        on_unsupported="fail",
    )
    answers = results / "answers"
    run_engine(
        engine / "engine.bin",
        engine / "engine.json",
        images,
        answers,
        decoding=decoding,
        raw_bytes=1,
    )
    score_reference(
        tensor_shards=[images],
        reference_shards=[answers],
        out_json=results / "reference.json",
        metric="dice",
        largest_component=largest_component,
    )
    score_engine(
        engine / "engine.json",
        reference_scores=results / "reference.json",
        shards=[ShardPaths(images, answers, answers)],
        root=root,
        metric="dice",
        out_json=results / "scores.json",
        predictions_dir=predictions,
    )
    return Made(root, engine, predictions)
