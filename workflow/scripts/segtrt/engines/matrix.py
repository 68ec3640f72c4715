"""The engine matrix: which engines a configuration asks for, and which of them can be had here."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product

from segtrt.config.settings import Settings
from segtrt.errors import SegtrtError
from segtrt.machine.facts import Machine
from segtrt.precision import CONVERTED, SOURCE, Graph, Precision
from segtrt.runtimes.base import Availability, BuildSettings, Runtime
from segtrt.runtimes.registry import AUTO, auto_order


def at(machine: str) -> str:
    """What a machine's name adds to names of files: `@` and the name; nothing if it has none."""
    return f"@{machine}" if machine else ""


@dataclass(frozen=True)
class EngineSpec:
    """One cell of the matrix."""

    runtime: str
    machine: str
    """Name of the machine in the configuration; empty for this one."""
    settings: BuildSettings
    graph: Graph
    """The ONNX graph that it is built from (`Runtime.graph`)."""
    profile_named: bool = False
    """Whether its name tells its profile, as there is another engine that differs in that alone."""

    @property
    def variant(self) -> str:
        """Its precision, and `_dynamic` where the profile is named: a wildcard of its files."""
        return f"{self.settings.precision}{'_dynamic' if self.profile_named else ''}"

    @property
    def place(self) -> str:
        """`runtime`, or `runtime@machine`."""
        return self.runtime + at(self.machine)

    @property
    def name(self) -> str:
        """`place/b{batch}_{variant}`: the engine's folder under results/engines."""
        return f"{self.place}/b{self.settings.batch_size}_{self.variant}"


@dataclass(frozen=True)
class LeftOut:
    """A cell that cannot be had here; `reason` is one line."""

    name: str
    reason: str


@dataclass(frozen=True)
class Matrix:
    """The engines to build, those to run as well, and those left out with their reasons."""

    machines: Mapping[str, Machine]
    """What the engines are for, by name; this machine has the empty name."""
    engines: tuple[EngineSpec, ...]
    left_out: tuple[LeftOut, ...]
    cannot_run: Mapping[str, str]
    """Place -> why its engines are built there but not run (ahead of time, without a GPU)."""
    notes: tuple[str, ...]
    """One line each, for the user: what was chosen or left out, and why."""

    @property
    def runnable(self) -> tuple[EngineSpec, ...]:
        """The engines that are run, timed and scored."""
        return tuple(spec for spec in self.engines if spec.place not in self.cannot_run)

    @property
    def graphs(self) -> tuple[Graph, ...]:
        """The converted ONNX graphs that the engines are built from."""
        used = {spec.graph for spec in self.engines}
        return tuple(graph for graph in CONVERTED if graph in used)

    def graphs_to_mix(self, place: str) -> tuple[Graph, ...]:
        """The graphs that a mix for a place takes regions from: those of its engines there.

        A precision that is a hint for the float32 graph has no graph to take a region from.
        """
        used = {spec.graph for spec in self.engines if spec.place == place}
        return tuple(graph for graph in CONVERTED if graph in used)

    @property
    def mixes(self) -> tuple[tuple[str, Precision], ...]:
        """Place and name of each mix that engines are built from, in their order."""
        found = (
            (spec.place, spec.settings.precision)
            for spec in self.engines
            if spec.settings.precision.is_mix
        )
        return tuple(dict.fromkeys(found))

    @property
    def lowered(self) -> tuple[Graph, ...]:
        """The graphs, other than float32, that the engines compute by, each named once.

        Where a runtime computes a short float from the float32 graph, it is that precision's graph.
        """
        used = {
            spec.settings.precision.graph if spec.graph is SOURCE else spec.graph
            for spec in self.engines
        }
        return tuple(graph for graph in CONVERTED if graph in used)

    def find(self, place: str, batch: int, variant: str) -> EngineSpec:
        """The engine of these coordinates.

        Raises:
            KeyError: the matrix has no such engine.
        """
        name = f"{place}/b{batch}_{variant}"
        for spec in self.engines:
            if spec.name == name:
                return spec
        raise KeyError(name)


_NOTHING_TO_MIX = (
    "mixed takes regions from graphs in low precision, and of engines.precisions this runtime has "
    "none"
)


def plain_settings(settings: Settings) -> BuildSettings:
    """How a float32 engine is built, for the batch size at which it is timed what regions gain."""
    wanted = settings.engines
    return BuildSettings(
        batch_size=settings.gain_batch_size,
        precision=Precision.FP32,
        profile=wanted.profiles[0],
        dynamic_min=wanted.dynamic_batch.min,
        dynamic_opt=wanted.dynamic_batch.opt,
        dynamic_max=wanted.dynamic_batch.max,
        workspace_mib=wanted.workspace_mib,
        optimisation_level=wanted.optimisation_level,
        compute_capabilities=tuple(sorted(wanted.compute_capabilities)),
    )


def make_matrix(
    settings: Settings,
    get_runtime: Callable[[str], Runtime],
    machines: Mapping[str, Machine],
) -> Matrix:
    """Work out the engine matrix that the settings ask for.

    Args:
        settings: the resolved configuration.
        get_runtime: the runtime of a name (`segtrt.runtimes.registry.get_runtime`).
        machines: the machines that engines are for, by name; this one has the empty name.

    Raises:
        SegtrtError: an engine cannot be had and `engines.on_unsupported` is `fail`, or none can.
    """
    wanted = settings.engines
    notes: list[str] = []
    engines: list[EngineSpec] = []
    left_out: list[LeftOut] = []
    cannot_run: dict[str, str] = {}
    taken: list[str] = []
    base = plain_settings(settings)
    for machine, name in _places(settings, get_runtime, machines, notes):
        runtime = get_runtime(name)
        available = runtime.availability(machines[machine])
        if available.can_build and not available.can_run:
            place = name + at(machine)
            cannot_run[place] = available.reason
            notes.append(f"{place}: engines are built but not run: {available.reason}")
        profiles = wanted.profiles
        if len(profiles) > 1 and not runtime.has_profiles:
            profiles = profiles[:1]
            notes.append(
                f"{name}{at(machine)}: {profiles[0]} engines alone, as {runtime.title} has no "
                "optimisation profiles"
            )
        precisions = _precisions(settings, runtime, available, machines[machine])
        if isinstance(wanted.precisions, str):
            taken.append(f"{', '.join(precisions)} ({name}{at(machine)})")
        low = False
        for precision in precisions:
            for batch, profile in product(sorted(wanted.batch_sizes), profiles):
                build = replace(base, batch_size=batch, precision=precision, profile=profile)
                second = profile != profiles[0]
                spec = EngineSpec(name, machine, build, runtime.graph(precision), second)
                reason = _obstacle(spec, available, has_low=low) or runtime.unsupported(
                    build, machines[machine]
                )
                if reason:
                    left_out.append(LeftOut(spec.name, reason))
                else:
                    engines.append(spec)
                    low = low or spec.graph in CONVERTED
    if taken:
        notes.append(f"precisions: auto takes {'; '.join(taken)}")
    reasons = "; ".join(sorted({f"{cell.name.split('/')[0]}: {cell.reason}" for cell in left_out}))
    named = any(machines)
    again = "; if a machine is not as described, run: snakemake describe_machines" if named else ""
    if left_out and wanted.on_unsupported == "fail":
        where = "engines.runtimes, machines.NAME.runtimes" if named else "engines.runtimes"
        raise SegtrtError(
            f"{len(left_out)} of the engines asked for cannot be had ({reasons}); take them out of "
            f"{where} or engines.precisions, or set engines.on_unsupported to skip{again}"
        )
    if not engines:
        raise SegtrtError(f"no engine can be built: {reasons}{again}")
    return Matrix(machines, tuple(engines), tuple(left_out), cannot_run, tuple(notes))


def _precisions(
    settings: Settings, runtime: Runtime, available: Availability, machine: Machine
) -> list[Precision]:
    """The precisions asked for, in their order, or what `auto` takes of this runtime there."""
    if not isinstance(settings.engines.precisions, str):
        listed = settings.engines.named_precisions
        named = [one for one in Precision if one in listed and not one.is_mix]
        return [*named, *settings.mixes]
    usual = list(runtime.auto_precisions)
    if not available.can_build:
        return usual
    base, calibrated = plain_settings(settings), settings.dataset.calibration_fraction > 0
    return [
        precision
        for precision in usual
        if (calibrated or not precision.is_quantised)
        and not runtime.unsupported(replace(base, precision=precision), machine)
    ]


def _obstacle(spec: EngineSpec, available: Availability, *, has_low: bool) -> str | None:
    """Why an engine cannot be had, whatever its runtime makes of its settings, or None.

    Args:
        spec: the engine.
        available: whether its runtime can build and run there.
        has_low: whether there is a graph in low precision to take regions from.
    """
    if not available.can_build:
        return available.reason
    if spec.settings.precision.is_mix and not has_low:
        return _NOTHING_TO_MIX
    if spec.settings.precision.is_mix and not available.can_run:
        return f"regions cannot be timed: {available.reason}"
    return None


def _places(
    settings: Settings,
    get_runtime: Callable[[str], Runtime],
    machines: Mapping[str, Machine],
    notes: list[str],
) -> Iterator[tuple[str, str]]:
    """Pairs of machine and runtime that engines are asked for, sorted."""
    for name in sorted(machines):
        own = settings.machines[name].runtimes if name else None
        wanted = set(own or settings.engines.runtimes)
        if AUTO in wanted:
            chosen, why = _resolve_auto(get_runtime, machines[name])
            where = f" on {name}" if name else ""
            notes.append(f"runtimes: auto takes {chosen}{where}{why}")
            wanted = {chosen, *wanted} - {AUTO}
        yield from ((name, runtime) for runtime in sorted(wanted))


def _resolve_auto(get_runtime: Callable[[str], Runtime], machine: Machine) -> tuple[str, str]:
    """The first runtime that can be used there, or the last one tried; and why, in brackets."""
    reasons: list[str] = []
    *preferred, last = auto_order()
    for name in preferred:
        available = get_runtime(name).availability(machine)
        if available.can_build and available.can_run:
            return name, f" ({'; '.join(reasons)})" if reasons else ""
        reasons.append(f"{name}: {available.reason}")
    return last, f" ({'; '.join(reasons)})" if reasons else ""
