"""The engine matrix: which engines a configuration asks for, and which of them can be had here."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildSettings, Runtime


@dataclass(frozen=True)
class EngineSpec:
    """One cell of the matrix."""

    runtime: str
    settings: BuildSettings
    graph: str
    """Name of the ONNX graph that it is built from (`Runtime.graph`)."""

    @property
    def name(self) -> str:
        """`runtime/b{batch}_{precision}`: the engine's folder under results/engines."""
        return f"{self.runtime}/b{self.settings.batch_size}_{self.settings.precision}"


@dataclass(frozen=True)
class LeftOut:
    """A cell that cannot be had here; `reason` is one line."""

    name: str
    reason: str


@dataclass(frozen=True)
class Matrix:
    """The engines to build, those to run as well, and those left out with their reasons."""

    engines: tuple[EngineSpec, ...]
    left_out: tuple[LeftOut, ...]
    cannot_run: Mapping[str, str]
    """Runtime -> why its engines are built here but not run (ahead of time, without a GPU)."""
    notes: tuple[str, ...]
    """One line each, for the user: what was chosen or left out, and why."""

    @property
    def runnable(self) -> tuple[EngineSpec, ...]:
        """The engines that are run, timed and scored."""
        return tuple(spec for spec in self.engines if spec.runtime not in self.cannot_run)

    @property
    def graphs(self) -> tuple[str, ...]:
        """Names of the ONNX graphs that the engines are built from, without the float32 one."""
        return tuple(sorted({spec.graph for spec in self.engines} - {Precision.FP32}))

    def find(self, runtime: str, batch: int, precision: str) -> EngineSpec:
        """The engine of these coordinates.

        Raises:
            KeyError: the matrix has no such engine.
        """
        name = f"{runtime}/b{batch}_{precision}"
        for spec in self.engines:
            if spec.name == name:
                return spec
        raise KeyError(name)


def make_matrix(config: Mapping[str, Any], get_runtime: Callable[[str], Runtime]) -> Matrix:
    """Work out the engine matrix of a resolved configuration on this machine.

    Args:
        config: as `segtrt.config.resolve_config` gives it.
        get_runtime: the runtime of a name (`segtrt.runtimes.get_runtime`).

    Raises:
        SegtrtError: an engine cannot be had and `engines.on_unsupported` is `fail`, or none can.
    """
    wanted = config["engines"]
    notes: list[str] = []
    engines: list[EngineSpec] = []
    left_out: list[LeftOut] = []
    cannot_run: dict[str, str] = {}
    base = BuildSettings(
        batch_size=1,
        precision=Precision.FP32,
        profile=wanted["profile"],
        dynamic_min=wanted["dynamic_batch"]["min"],
        dynamic_opt=wanted["dynamic_batch"]["opt"],
        dynamic_max=wanted["dynamic_batch"]["max"],
        workspace_mib=wanted["workspace_mib"],
        optimisation_level=wanted["optimisation_level"],
        compute_capabilities=tuple(sorted(wanted["compute_capabilities"])),
    )
    for name in _resolve_auto(wanted["runtimes"], get_runtime, notes):
        runtime = get_runtime(name)
        available = runtime.availability()
        if available.can_build and not available.can_run:
            cannot_run[name] = available.reason
            notes.append(f"{name}: engines are built but not run here: {available.reason}")
        for precision in sorted(map(Precision, wanted["precisions"]), key=list(Precision).index):
            for batch in sorted(wanted["batch_sizes"]):
                settings = replace(base, batch_size=batch, precision=precision)
                spec = EngineSpec(name, settings, runtime.graph(precision))
                reason = (
                    runtime.unsupported(spec.settings) if available.can_build else available.reason
                )
                if reason:
                    left_out.append(LeftOut(spec.name, reason))
                else:
                    engines.append(spec)
    if left_out and wanted["on_unsupported"] == "fail":
        reasons = sorted({f"{cell.name.split('/')[0]}: {cell.reason}" for cell in left_out})
        raise SegtrtError(
            f"{len(left_out)} of the engines asked for cannot be had here "
            f"({'; '.join(reasons)}); take them out of engines.runtimes or engines.precisions, or "
            "set engines.on_unsupported to skip"
        )
    if not engines:
        reasons = sorted({cell.reason for cell in left_out})
        raise SegtrtError(f"no engine can be built here: {'; '.join(reasons)}")
    return Matrix(tuple(engines), tuple(left_out), cannot_run, tuple(notes))


def _resolve_auto(
    names: list[str], get_runtime: Callable[[str], Runtime], notes: list[str]
) -> list[str]:
    """Replace `auto` by the first TensorRT flavour that can run here, or ONNX Runtime."""
    if "auto" not in names:
        return sorted(names)
    reasons = []
    chosen = "onnxruntime"
    for name in ("tensorrt", "tensorrt_rtx"):
        available = get_runtime(name).availability()
        if available.can_build and available.can_run:
            chosen = name
            break
        reasons.append(f"{name}: {available.reason}")
    notes.append(
        f"engines.runtimes: auto takes {chosen}" + (f" ({'; '.join(reasons)})" if reasons else "")
    )
    return sorted({chosen, *names} - {"auto"})
