"""TensorRT engines of a network against PyTorch on one GPU.

    python benchmarks/gpu.py --out benchmarks/results/h100.json
    python benchmarks/gpu.py --network monai.networks.nets:SegResNet --size 96 96 96 \\
        --arguments '{"spatial_dims": 3, "init_filters": 16, "out_channels": 2}' --batches 1 4

For every precision, batch size and mode: the median latency of a batch in its steps, start-up cold
and warm, memory and the difference to PyTorch in float32; beside it PyTorch eager and compiled,
in the layout (usual or channels-last) that is faster there. All times are medians under CUDA
events. `--network` is what `model.network` takes; without `--weights` it runs as it comes.
"""

import argparse
import dataclasses
import json
import multiprocessing
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workflow/scripts"))

from segtrt.engines.budget import TimingBudget
from segtrt.engines.timing import measure
from segtrt.engines.timing_file import TimingResult
from segtrt.errors import SegtrtError
from segtrt.files import write_json
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.source_graph import write_source_graph
from segtrt.machine import gpu
from segtrt.model.inference import NetworkFiles
from segtrt.model.load import load
from segtrt.model.probe import probe
from segtrt.model.reference import predict
from segtrt.model.source import Kind, Overrides, describe
from segtrt.precision import SOURCE, Precision
from segtrt.runtimes.base import BatchTiming, BuildSettings, UnsupportedError
from segtrt.runtimes.registry import get_runtime

MODES = ("stream", "graph", "overlapped")
PLAIN = [precision for precision in Precision if not precision.is_mix]
_OPSET = 21
_STARTS = 3
Row = dict[str, Any]


def main() -> None:
    """Run everything, print a table and write the figures as JSON."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(options, folder)
        torch_rows = list(bench.torch_rows())
        engine_rows = list(bench.engine_rows())
    goals = bench.goals(engine_rows, torch_rows)
    figures = {"engines": engine_rows, "torch": torch_rows, "goals": goals}
    write_json(options.out, {"machine": bench.machine(), **figures})
    print(json.dumps(goals, indent=2))


class Bench:
    """One run of the benchmark: weights, graphs and images in a folder."""

    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        import torch

        self.options = options
        self.folder = folder
        self.runtime = get_runtime(options.runtime)
        reason = self.runtime.availability().reason
        if reason:
            raise SystemExit(f"error: {options.runtime}: {reason}")
        self.source = describe(options.network, options.arguments, Path())
        self.weights = options.weights
        if not options.weights and self.source.kind in (Kind.UNET, Kind.FILE, Kind.MODULE):
            from safetensors.torch import save_file

            # Drawn once, so that PyTorch and every graph have the same.
            torch.manual_seed(0)
            self.weights = folder / "weights.safetensors"
            drawn = load(self.source, None).state_dict()
            save_file({name: value.contiguous() for name, value in drawn.items()}, self.weights)
        self.graphs = {SOURCE: folder / "fp32.onnx"}
        write_source_graph(
            self.source, self.weights, self.graphs[SOURCE], overrides=Overrides(), opset=_OPSET
        )
        self.spec, _ = probe(self.graphs[SOURCE])
        size = self.spec.fit(options.size or [256] * self.spec.dimensions)
        self.patch, self.output = (self.spec.channels, *size), self.spec.output_of(size)
        random = np.random.default_rng(0)
        self.images = random.standard_normal((max(options.batches), *self.patch), dtype=np.float32)
        files = NetworkFiles(
            self.source,
            self.weights,
            graph=None if self.source.needs_torch else self.graphs[SOURCE],
            output=None,
        )
        self.expected = predict(files, self.spec, self.images)

    def graph(self, precision: Precision) -> Path:
        """The graph in that precision; int8 and fp8 are calibrated on the benchmark's images."""
        wanted = self.runtime.graph(precision)
        if wanted not in self.graphs:
            path = self.folder / f"{wanted}.onnx"
            calibration = [image[np.newaxis] for image in self.images[:8]]
            convert_onnx(self.graphs[SOURCE], wanted, path, calibration)
            self.graphs[wanted] = path
        return self.graphs[wanted]

    def engine_rows(self) -> Iterator[Row]:
        """Figures of every engine in every mode."""
        for precision in self.options.precisions:
            # TensorRT-RTX asks once in a process whether TF32 is forbidden, as it is for fp32.
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                yield from pool.apply(self.precision_rows, [precision])

    def precision_rows(self, precision: Precision) -> list[Row]:
        """Figures of every engine of one precision."""
        batches = self.options.batches
        wanted = [
            BuildSettings(n, precision, patch=self.patch, output=self.output) for n in batches
        ]
        if self.options.dynamic and precision is Precision.FP16:
            dynamic = {"profile": "dynamic", "dynamic_max": max(batches)}
            wanted += [dataclasses.replace(settings, **dynamic) for settings in wanted]
        return [row for settings in wanted for row in self._engine(settings)]

    def _engine(self, settings: BuildSettings) -> Iterator[Row]:
        row: Row = {
            "precision": str(settings.precision),
            "batch_size": settings.batch_size,
            "profile": settings.profile,
        }
        engine = self.folder / f"b{settings.batch_size}_{settings.precision}_{settings.profile}.bin"
        begin = time.perf_counter()
        try:
            built = self.runtime.build(self.graph(settings.precision), settings, None)
        except (SegtrtError, UnsupportedError) as error:
            yield self._write({**row, "unsupported": str(error)})
            return
        row["build_ms"] = (time.perf_counter() - begin) * 1000
        row["layers"] = sorted({(layer.kind, layer.dtype) for layer in built.layers})
        row["notes"] = built.notes
        engine.write_bytes(built.engine)
        row["engine_mib"] = len(built.engine) / 2**20
        for mode in self.options.modes:
            try:
                yield self._write(row | {"mode": mode} | self._session(engine, settings, mode))
            except SegtrtError as error:
                yield self._write({**row, "mode": mode, "unsupported": str(error)})
        if settings.profile == "static":
            yield self._write(row | self._start_anew(engine, settings))

    def _session(self, engine: Path, settings: BuildSettings, mode: str) -> Row:
        images = self.images[: settings.batch_size]
        expected = self.expected[: settings.batch_size]
        with self.runtime.load(engine, settings, mode=mode) as session:
            found = session.run(images)
            before = gpu.snapshot()
            result = self._measure(lambda: session.time_batch(images), settings.batch_size)
            after = gpu.snapshot()
            return {
                **_figures(result),
                "warm": getattr(session, "warm", False),
                "load_stages_ms": dict(session.load_stages_ms),
                "memory_mib": session.memory_mib(),
                "max_abs_error": float(np.abs(found - expected).max()),
                "relative_l2": float(np.linalg.norm(found - expected) / np.linalg.norm(expected)),
                "gpu_before": before.to_json() if before else None,
                "gpu_after": after.to_json() if after else None,
                "slowdown": gpu.slowdown_between(before, after),
            }

    def _start_anew(self, engine: Path, settings: BuildSettings) -> Row:
        """Times from a new process's start to its first masks, with the runtime cache, in ms."""
        command = [sys.executable, str(Path(__file__).with_name("first_mask.py")), str(engine)]
        command += [self.options.runtime, str(settings.batch_size), str(settings.precision)]
        command += [json.dumps([settings.patch, settings.output])]
        starts = []
        for _ in range(_STARTS):
            begin = time.monotonic_ns()
            child = subprocess.run(command, check=True, stdout=subprocess.PIPE)
            starts.append((int(child.stdout) - begin) / 1e6)
        return {"first_mask_ms": statistics.median(starts), "first_masks_ms": starts}

    def torch_rows(self) -> Iterator[Row]:
        """PyTorch eager and compiled, its input on the GPU already; none for an ONNX file."""
        import torch

        if self.source.kind in (Kind.ONNX, Kind.EXPORTED):
            return
        last = torch.channels_last if self.spec.dimensions == 2 else torch.channels_last_3d
        # TorchScript is compiled already, and torch.compile takes none.
        compilable = self.source.kind is not Kind.TORCHSCRIPT
        ways = [(torch.float32, False), (torch.float16, False)]
        ways += [(torch.float16, True)] if compilable else []
        for dtype, compiled in ways:
            for batch in self.options.batches:
                rows = [
                    self._torch_row(batch, dtype, layout, compiled=compiled)
                    for layout in (torch.contiguous_format, last)
                ]
                yield self._write(min(rows, key=lambda row: row["run_ms"]))

    def _torch_row(self, batch: int, dtype: Any, layout: Any, *, compiled: bool) -> Row:
        import torch

        torch.compiler.reset()
        network = load(self.source, self.weights).cuda().to(dtype)
        network = network.to(memory_format=layout).eval()
        run = torch.compile(network, mode="reduce-overhead") if compiled else network
        images = torch.from_numpy(self.images[:batch]).cuda().to(dtype).to(memory_format=layout)
        result = self._measure(_torch_step(run, images), batch)
        return {
            "torch": "compile reduce-overhead" if compiled else "eager",
            "dtype": str(dtype).removeprefix("torch."),
            "layout": str(layout).removeprefix("torch."),
            "batch_size": batch,
            **_figures(result),
        }

    def machine(self) -> Row:
        """The GPU and the versions that matter."""
        import torch

        return {
            "runtime_name": self.options.runtime,
            **self.runtime.target(),
            "network": self.source.path.name if self.source.path else self.options.network,
            "arguments": self.options.arguments,
            "patch": list(self.patch),
            "torch": torch.__version__,
            "python": ".".join(map(str, sys.version_info[:3])),
        }

    def goals(self, engines: list[Row], torch_rows: list[Row]) -> Row:
        """Ratios of images per second that the project aims at, per batch size."""
        found: Row = {}
        for batch in self.options.batches:
            # The fastest of PyTorch's ways: compiled, where that could be.
            compiled = [row["run_ms"] for row in torch_rows if row["batch_size"] == batch]
            half = {
                row["mode"]: row
                for row in engines
                if (row["batch_size"], row["precision"], row["profile"])
                == (batch, "fp16", "static")
                and "run_ms" in row
            }
            if not compiled or len(half) < len(MODES):
                continue
            alone = min(half["stream"]["run_ms"], half["graph"]["run_ms"])
            found[f"batch {batch}"] = {
                "engine_over_fastest_torch": min(compiled) / alone,
                "overlapped_over_engine_alone": alone / half["overlapped"]["total_ms"],
            }
        return found

    def _measure(self, step: Callable[[], BatchTiming], batch: int) -> TimingResult:
        return measure(
            step,
            batch_size=batch,
            budget=TimingBudget(self.options.iterations, self.options.max_seconds, 1.0),
        )

    def _write(self, row: Row) -> Row:
        shown = {
            key: round(value, 3) if isinstance(value, float) else value
            for key, value in row.items()
            if not isinstance(value, dict | list)
        }
        print(" ".join(f"{key}={value}" for key, value in shown.items()), flush=True)
        return row


def _torch_step(run: Callable[[Any], Any], images: Any) -> Callable[[], BatchTiming]:
    import torch

    def step() -> BatchTiming:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        with torch.inference_mode():
            torch.compiler.cudagraph_mark_step_begin()
            start.record()
            run(images)
            end.record()
        end.synchronize()
        return BatchTiming(run_ms=start.elapsed_time(end))

    return step


def _figures(result: TimingResult) -> Row:
    return {
        "run_ms": result.run.median,
        "copy_in_ms": result.copy_in.median if result.copy_in else None,
        "copy_out_ms": result.copy_out.median if result.copy_out else None,
        "total_ms": result.total.median,
        "images_per_second": result.images_per_second,
        "iterations": result.iterations,
        "stable": result.stable,
        "unstable_reason": result.unstable_reason,
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/gpu_engines.json"))
    parser.add_argument("--runtime", default="tensorrt_rtx", help="tensorrt_rtx or tensorrt")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4, 32])
    parser.add_argument("--modes", nargs="+", choices=MODES, default=MODES)
    parser.add_argument("--precisions", type=Precision, nargs="+", choices=PLAIN, default=PLAIN)
    parser.add_argument("--dynamic", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--iterations", type=int, default=50)
    parser.add_argument("--max-seconds", type=float, default=1.5)
    parser.add_argument("--network", default="unet", help="as model.network takes it")
    parser.add_argument(
        "--arguments", type=json.loads, help="model.arguments as JSON; 32 features for unet"
    )
    parser.add_argument("--size", type=int, nargs="+", help="sides of a patch; 256 each")
    parser.add_argument("--weights", type=Path, help="state dict; random weights if not given")
    options = parser.parse_args()
    if options.arguments is None:
        options.arguments = {"init_features": 32} if options.network == "unet" else {}
    return options


if __name__ == "__main__":
    main()
