"""The workflow's jobs as nodes of the plan: which settings, code and machine decide each one.

The rules under workflow/rules say how the jobs run; a test holds the two against each other.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.metadata import version
from typing import Any

from segtrt.codeprint import PACKAGE, code_fingerprint
from segtrt.matrix import EngineSpec, Matrix
from segtrt.plan import Node
from segtrt.runtimes.base import Runtime
from segtrt.sources import DatasetDigest, is_url

SCRIPTS = PACKAGE.parent

QUANTISED_GRAPHS = ("int8", "int8_signed", "fp8")
"""Names of the graphs that calibration images decide."""

PACKAGES = {
    "encode_slices": ("numpy", "scikit-image"),
    "train": ("torch",),
    "fetch_weights": ("torch",),
    "export_onnx": ("torch", "onnx", "onnxscript"),
    "convert_onnx": ("onnx", "onnxruntime"),
    "write_samples": ("torch",),
    "run_reference": ("torch",),
    "time_reference": ("torch",),
    "score_engine": ("medpy", "scipy"),
}
"""Installed packages whose version decides what a rule makes (a runtime names its own)."""


@cache
def _versions(rule: str) -> dict[str, str]:
    return {name: version(name) for name in PACKAGES.get(rule, ())}


@cache
def _code(rule: str, *modules: str) -> str:
    """Fingerprint of a rule's script, what it imports, and modules found by a computed name."""
    return code_fingerprint([SCRIPTS / f"{rule}.py", *modules])


class Pipeline:
    """All nodes of one configuration on one machine."""

    def __init__(
        self,
        config: Mapping[str, Any],
        matrix: Matrix,
        dataset: DatasetDigest,
        weights: Mapping[str, Any],
        get_runtime: Callable[[str], Runtime],
    ) -> None:
        """Lay out the nodes.

        Args:
            config: the resolved configuration.
            matrix: its engines here.
            dataset: digest of its images.
            weights: digest of its weights.
            get_runtime: the runtime of a name.
        """
        self._config = config
        self._runtime = get_runtime
        self._targets: dict[str, dict[str, Any]] = {}
        self.nodes: dict[tuple[str, str], Node] = {}
        self._data_nodes(dataset)
        self._model_nodes(dataset, weights, matrix)
        for spec in matrix.engines:
            self._engine_nodes(spec, runs=spec.runtime not in matrix.cannot_run)
        self._end_nodes(matrix)

    def node(self, rule: str, name: str = "") -> Node:
        """The node of a rule and its wildcards in one word."""
        return self.nodes[rule, name]

    def edges(self) -> list[tuple[str, str]]:
        """Pairs of rules, the first making what the second uses; sorted."""
        pairs = {(up.rule, node.rule) for node in self.nodes.values() for up in node.upstream}
        # Keys of tensors and int8 graphs hold the images themselves, so these are no upstream.
        pairs.add(("list_slices", "encode_slices"))
        if ("fetch_dataset", "") in self.nodes:
            pairs |= {("fetch_dataset", "list_slices"), ("fetch_dataset", "encode_slices")}
        if any(("convert_onnx", name) in self.nodes for name in QUANTISED_GRAPHS):
            pairs.add(("encode_slices", "convert_onnx"))
        return sorted(pairs)

    def _add(
        self,
        rule: str,
        name: str,
        outputs: Iterable[str],
        parts: Mapping[str, Any],
        upstream: Iterable[Node] = (),
        *,
        temporary: bool = False,
        kept: bool = False,
        modules: Iterable[str] = (),
    ) -> Node:
        coded = {**parts, "versions": _versions(rule), "code": _code(rule, *sorted(modules))}
        node = Node(rule, name, tuple(outputs), coded, tuple(upstream), temporary, kept)
        self.nodes[rule, name] = node
        return node

    @property
    def shards(self) -> list[str]:
        """Names of the shards: `00`, `01`, ..."""
        count = self._config["dataset"]["shards"]
        return [f"{shard:02d}" for shard in range(count)]

    def _data_nodes(self, dataset: DatasetDigest) -> None:
        folder = "results/dataset"
        if self._config["dataset"]["source"] == "kaggle":
            known = {k: dataset.whole[k] for k in ("dataset", "zip")}
            self._add("fetch_dataset", "", ["data/kaggle_3m"], known)
        self._add(
            "list_slices",
            "",
            [f"{folder}/manifest.json", *(f"{folder}/shard_{k}.json" for k in self.shards)],
            {"dataset": dataset.whole},
        )
        mode = self._config["tensors"]["normalisation"]
        for shard, content in zip(self.shards, dataset.shards, strict=True):
            self._add(
                "encode_slices",
                shard,
                [f"results/tensors/shard_{shard}.safetensors"],
                {"dataset": content, "normalisation": mode},
            )

    def _tensors(self) -> list[Node]:
        return [self.node("encode_slices", shard) for shard in self.shards]

    def _model_nodes(
        self, dataset: DatasetDigest, weights: Mapping[str, Any], matrix: Matrix
    ) -> None:
        model, engines = self._config["model"], self._config["engines"]
        training = self._add(
            "train",
            "",
            [
                f"results/training/{name}"
                for name in ("weights.safetensors", "history.json", "curve.png")
            ],
            {"training": self._config["training"], "init_features": model["init_features"]},
            self._tensors(),
            kept=True,
        )
        trained_here = model["weights"] == training.outputs[0]
        fetched = self._add(
            "fetch_weights",
            "",
            ["results/model/weights.safetensors"],
            {"weights": {k: v for k, v in weights.items() if not trained_here or k != "content"}},
            [training] if trained_here else [],
            kept=is_url(model["weights"]),
        )
        graph = self._add(
            "export_onnx",
            "",
            ["results/onnx/fp32/model.onnx"],
            {"opset": model["opset"], "init_features": model["init_features"]},
            [fetched],
            kept=True,
        )
        for name in matrix.graphs:
            quantised = {
                "calibration": engines["calibration"],
                "images": dataset.calibration,
                "normalisation": self._config["tensors"]["normalisation"],
                "encoding": _code("encode_slices"),
            }
            self._add(
                "convert_onnx",
                name,
                [f"results/onnx/{name}/model.onnx"],
                quantised if name in QUANTISED_GRAPHS else {},
                [graph],
                kept=True,
            )
        samples = self._config["tensors"]["samples"]
        self._add(
            "write_samples",
            "",
            [
                f"results/onnx/fp32/test_data_set_{i}/{name}"
                for i in range(len(samples))
                for name in ("input_0.pb", "output_0.pb")
            ],
            {"samples": samples},
            [fetched, *self._tensors()],
        )
        for shard in self.shards:
            self._add(
                "run_reference",
                shard,
                [f"results/reference/shard_{shard}.safetensors"],
                {},
                [fetched, self.node("encode_slices", shard)],
                kept=True,
            )
        self._add(
            "time_reference",
            "",
            ["results/reference/timing.json"],
            {
                "batch_sizes": sorted(engines["batch_sizes"]),
                "inference": self._config["inference"],
                "machine": self._target("onnxruntime"),
            },
            [fetched],
            modules=["segtrt.timing"],
        )

    def _target(self, runtime: str) -> dict[str, Any]:
        if runtime not in self._targets:
            self._targets[runtime] = self._runtime(runtime).target()
        return self._targets[runtime]

    def _engine_nodes(self, spec: EngineSpec, runs: bool) -> None:
        folder = f"results/engines/{spec.name}"
        runtime = self._runtime(spec.runtime)
        settings = runtime.deciding(spec.settings)
        graph = (
            self.node("export_onnx")
            if spec.graph == "fp32"
            else self.node("convert_onnx", spec.graph)
        )
        engine = self._add(
            "build_engine",
            spec.name,
            [f"{folder}/engine.bin", f"{folder}/engine.json"],
            {"settings": settings, "target": self._target(spec.runtime)},
            [graph],
            kept=True,
            modules=runtime.build_modules,
        )
        if not runs:
            return
        probabilities = [
            self._add(
                "run_engine",
                f"{spec.name}/{shard}",
                [f"results/probabilities/{spec.name}/shard_{shard}.safetensors"],
                {},
                [engine, self.node("encode_slices", shard)],
                temporary=True,
                modules=runtime.run_modules,
            )
            for shard in self.shards
        ]
        timing = self._add(
            "time_engine",
            spec.name,
            [f"results/timing/{spec.name}.json"],
            {"inference": self._config["inference"], "machine": self._target(spec.runtime)},
            [engine],
            modules=runtime.run_modules,
        )
        validation = self._config["validation"]
        scores = self._add(
            "score_engine",
            spec.name,
            [f"results/scores/{spec.name}.json", f"results/predictions/{spec.name}"],
            {k: validation[k] for k in ("threshold", "largest_component")},
            [*probabilities, *(self.node("run_reference", s) for s in self.shards)],
        )
        self._add(
            "validate_engine",
            spec.name,
            [f"results/validation/{spec.name}.json"],
            {"tolerance": validation["tolerances"][spec.settings.precision]},
            [engine, timing, scores],
        )

    def _end_nodes(self, matrix: Matrix) -> None:
        runnable = [spec.name for spec in matrix.runnable]
        parts = {
            "config": self._config,
            "engines": [spec.name for spec in matrix.engines],
            "left_out": [[cell.name, cell.reason] for cell in matrix.left_out],
        }
        upstream = [
            self.node("list_slices"),
            self.node("write_samples"),
            self.node("time_reference"),
            *(self.node("run_reference", shard) for shard in self.shards),
            *(self.node("build_engine", spec.name) for spec in matrix.engines),
            *(self.node("validate_engine", name) for name in runnable),
        ]
        summary = self._add(
            "summarise",
            "",
            ["results/summary.json", "results/summary.csv", "results/overlays"],
            parts,
            upstream,
        )
        self._add("write_report", "", ["results/report.html"], {}, [summary])
