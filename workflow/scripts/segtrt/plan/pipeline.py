"""The workflow's jobs as nodes of the plan: which settings, code and machine decide each one.

The rules under workflow/rules say how the jobs run; a test holds the two against each other.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from segtrt.engines.matrix import EngineSpec, Matrix, at
from segtrt.files import sha256_file
from segtrt.plan.deciding import (
    NodeTable,
    code_of,
    deciding_config,
    digest_templates,
    versions_of,
)
from segtrt.plan.nodes import Node
from segtrt.plan.sources import FETCHED_FILES, DatasetDigest, is_trained_here, is_url
from segtrt.runtimes.base import Runtime

QUANTISED_GRAPHS = ("int8", "int8_signed", "fp8")
"""Names of the graphs that calibration images decide."""


class Pipeline(NodeTable):
    """All nodes of one configuration."""

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
            matrix: its engines.
            dataset: digest of its images.
            weights: digest of its weights.
            get_runtime: the runtime of a name.
        """
        super().__init__()
        self._machines = matrix.machines
        self._config = config
        self._runtime = get_runtime
        self._data_nodes(dataset)
        self._model_nodes(dataset, weights, matrix)
        for spec in matrix.engines:
            self._engine_nodes(spec, runs=spec.place not in matrix.cannot_run)
        self._end_nodes(matrix)

    @property
    def shards(self) -> list[str]:
        """Names of the shards: `00`, `01`, ..."""
        count = self._config["dataset"]["shards"]
        return [f"{shard:02d}" for shard in range(count)]

    def _data_nodes(self, dataset: DatasetDigest) -> None:
        folder = "results/dataset"
        source = []
        if self._config["dataset"]["source"] == "kaggle":
            known = {k: dataset.whole[k] for k in ("dataset", "zip")}
            source = [self._add("fetch_dataset", "", FETCHED_FILES, known)]
        listed = self._add(
            "list_slices",
            "",
            [f"{folder}/manifest.json", *(f"{folder}/shard_{k}.json" for k in self.shards)],
            {"dataset": dataset.whole},
            reads=source,
        )
        mode = self._config["tensors"]["normalisation"]
        for shard, content in zip(self.shards, dataset.shards, strict=True):
            self._add(
                "encode_slices",
                shard,
                [f"results/tensors/shard_{shard}.safetensors"],
                {"dataset": content, "normalisation": mode},
                reads=[*source, listed],
            )
        for name, machine in self._machines.items():
            self._add(
                "time_preparation",
                at(name),
                [f"results/reference/preparation{at(name)}.json"],
                {"normalisation": mode, "machine": machine.cpu_facts()},
                reads=[*source, listed],
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
        fetched = self._add(
            "fetch_weights",
            "",
            ["results/model/weights.safetensors"],
            {"weights": weights},
            [training] if is_trained_here(model["weights"]) else [],
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
                "encoding": {"code": code_of("encode_slices"), **versions_of("encode_slices")},
            }
            self._add(
                "convert_onnx",
                name,
                [f"results/onnx/{name}/model.onnx"],
                quantised if name in QUANTISED_GRAPHS else {},
                [graph],
                reads=self._tensors() if name in QUANTISED_GRAPHS else [],
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
        for name, machine in self._machines.items():
            self._add(
                "time_reference",
                at(name),
                [f"results/reference/timing{at(name)}.json"],
                {
                    "batch_sizes": sorted(engines["batch_sizes"]),
                    "inference": self._config["inference"],
                    "machine": machine.facts(),
                },
                [fetched],
                reads=self._tensors(),
                modules=["segtrt.engines.timing"],
            )

    def _engine_nodes(self, spec: EngineSpec, runs: bool) -> None:
        folder = f"results/engines/{spec.name}"
        runtime = self._runtime(spec.runtime)
        settings = runtime.deciding(spec.settings)
        target = runtime.target(self._machines[spec.machine])
        graph = (
            self.node("export_onnx")
            if spec.graph == "fp32"
            else self.node("convert_onnx", spec.graph)
        )
        engine = self._add(
            "build_engine",
            spec.name,
            [f"{folder}/engine.bin", f"{folder}/engine.json"],
            {"settings": settings, "target": target},
            [graph],
            kept=True,
            stand_ins=self._config["engines"]["on_unsupported"] == "skip",
            modules=runtime.build_modules,
            runtime=spec.runtime,
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
        self._add(
            "time_engine",
            spec.name,
            [f"results/timing/{spec.name}.json"],
            {"inference": self._config["inference"], "machine": target},
            [engine],
            reads=self._tensors(),
            modules=runtime.run_modules,
        )
        validation = self._config["validation"]
        scores = self._add(
            "score_engine",
            spec.name,
            [f"results/scores/{spec.name}.json", f"results/predictions/{spec.name}"],
            {k: validation[k] for k in ("threshold", "largest_component")},
            [*probabilities, *(self.node("run_reference", s) for s in self.shards)],
            reads=[engine, *self._tensors()],
        )
        self._add(
            "validate_engine",
            spec.name,
            [f"results/validation/{spec.name}.json"],
            {"tolerance": validation["tolerances"][spec.settings.precision]},
            [engine, scores],
        )

    def _end_nodes(self, matrix: Matrix) -> None:
        runnable = [spec.name for spec in matrix.runnable]
        compared = self._config["report"]["compare_with"]
        parts = {
            "config": deciding_config(self._config),
            "compared": sha256_file(Path(compared))
            if compared and Path(compared).is_file()
            else "",
            "engines": [spec.name for spec in matrix.engines],
            "left_out": [[cell.name, cell.reason] for cell in matrix.left_out],
            "not_run": dict(matrix.cannot_run),
            "edges": self.edges(),
        }
        upstream = [
            self.node("list_slices"),
            self.node("write_samples"),
            *(self.node("time_reference", at(name)) for name in self._machines),
            *(self.node("time_preparation", at(name)) for name in self._machines),
            *(self.node("run_reference", shard) for shard in self.shards),
            *(self.node("build_engine", spec.name) for spec in matrix.engines),
            *(self.node("time_engine", name) for name in runnable),
            *(self.node("validate_engine", name) for name in runnable),
        ]
        summary = self._add(
            "summarise",
            "",
            ["results/summary.json", "results/summary.csv", "results/overlays"],
            parts,
            upstream,
            reads=[
                self.node("fetch_weights"),
                *self._tensors(),
                *(self.node("score_engine", name) for name in runnable),
            ],
        )
        self._add(
            "write_report", "", ["results/report.html"], {"page": digest_templates()}, [summary]
        )
