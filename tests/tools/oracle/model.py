"""The oracle: which jobs a change must start, by a model of its own.

A job's signature is everything that decides it, as plain values, with the signatures of what it is
made from. Nothing is hashed and no file is looked at; the tables are written by hand.
"""

from typing import Any

from oracle.deciders import Deciders
from oracle.tables import CODE, MIXES, NO_ARTEFACT, NOT_REPEATABLE, PACKAGES
from oracle.world import REPORT, RUNTIMES, Disk, Job, World


class Model(Deciders):
    """The jobs of a world."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        self._signatures: dict[Job, Any] = {}

    def upstream(self, job: Job) -> list[Job]:  # noqa: PLR0911, PLR0912 - a table of rules
        """The jobs of whose outputs a job is made."""
        rule, name = job
        contract, graph = ("inspect_network", ""), ("export_onnx", "")
        weights = [("fetch_weights", "")] if self.given_weights else []
        network = [contract, *weights, *([graph] if self.kind == "onnx" else [])]
        tensors = [("encode_slices", shard) for shard in self.shards]
        reference = [("run_reference", shard) for shard in self.shards]
        engine = ("build_engine", "/".join(name.split("/")[:2]))
        names = [f"{r}/b{b}_{p}" for r, b, p in self.engines]
        searched = [("split_regions", ""), *(("blame_region", name) for name in self.judged)]
        match rule:
            case "encode_slices" | "time_preparation":
                return [contract]
            case "describe_segmentation":
                return [("list_slices", ""), contract]
            case "train":
                return [contract, *tensors]
            case "fetch_weights":
                return [("train", "")] if self.trained else []
            case "export_onnx":
                return weights
            case "time_reference":
                return [*network, *tensors]
            case "convert_onnx" | "convert_whole" | "split_regions":
                return [graph]
            case "blame_region":
                kind = name.split("/")[0]
                whole = [("convert_whole", kind)] if self.is_quantised(kind) else []
                made = [("split_regions", ""), graph, *whole, ("score_reference", "")]
                return [*made, *tensors, *reference]
            case "write_samples":
                return [*network, *tensors]
            case "run_reference":
                return [*network, ("encode_slices", name)]
            case "time_region":
                kind = name.split("/")[1]
                return [("split_regions", ""), graph, self.region_source(kind), contract]
            case "mix_regions":
                place = name.split("/")[0]
                kinds = self.mixed_from(place)
                regions = self.regions_of(kinds)
                return [
                    *(("split_regions", ""), graph, *map(self.region_source, kinds)),
                    *(("time_region", f"{place}/{region}") for region in regions),
                    *(("time_region", f"{place}/{kind}/whole") for kind in kinds),
                    *(("blame_region", region) for region in regions),
                ]
            case "build_engine":
                return [contract, self.maker_of_graph(name)]
            case "run_engine":
                return [engine, ("encode_slices", name.rsplit("/", 1)[1])]
            case "time_engine":
                return [engine]
            case "score_engine":
                answers = [("run_engine", f"{name}/{shard}") for shard in self.shards]
                return [*answers, *reference, *tensors, ("score_reference", "")]
            case "score_reference":
                return [*reference, *tensors]
            case "validate_engine":
                return [engine, ("score_engine", name)]
            case "rebuild_engine":
                kind = self.graph_of(name)
                made = graph if kind == "fp32" else ("convert_onnx", kind)
                return [engine, made, *tensors]
            case "score_rebuild":
                return [("rebuild_engine", name), *tensors, ("score_reference", "")]
            case "summarise":
                return [
                    *(("list_slices", ""), ("write_samples", ""), ("score_reference", "")),
                    *(contract, *weights, *tensors, *reference),
                    *(searched if self.judged else []),
                    *(("mix_regions", mix) for mix in self.mixes),
                    *(("rebuild_engine", name) for name in self.rebuilds),
                    *(("score_rebuild", name) for name in self.rebuilds),
                    *(("time_reference", place) for place in self.places),
                    *(("time_preparation", place) for place in self.places),
                    *(
                        (f"{what}_engine", name)
                        for what in ("build", "time", "score", "validate")
                        for name in names
                    ),
                ]
            case "write_report":
                return [("summarise", "")]
            case "make_package":
                graphs = {self.maker_of_graph(name) for name in names}
                made = ("summarise", "write_report", "describe_segmentation", "write_samples")
                engines = [("build_engine", name) for name in names]
                return [*((rule, "") for rule in made), *engines, *sorted(graphs)]
        return []

    def region_source(self, kind: str) -> Job:
        """The job that makes the graph that regions in a precision are taken from."""
        return ("convert_whole" if self.is_quantised(kind) else "convert_onnx"), kind

    def maker_of_graph(self, engine: str) -> Job:
        """The job that makes the graph of an engine."""
        kind = self.graph_of(engine)
        if kind in MIXES:
            return "mix_regions", f"{engine.partition('/')[0]}/{kind}"
        return ("export_onnx", "") if kind == "fp32" else ("convert_onnx", kind)

    def reads(self, job: Job) -> list[Job]:  # noqa: PLR0911 - a table of rules
        """The jobs whose outputs must be there as well, though they do not decide the outcome."""
        rule, name = job
        tensors = [("encode_slices", shard) for shard in self.shards]
        if rule in ("encode_slices", "time_preparation"):
            return [("list_slices", "")]
        if rule in ("time_engine", "time_region"):
            return tensors
        if rule == "mix_regions":
            quantised = any(map(self.is_quantised, self.mixed_from(name.split("/")[0])))
            return tensors if quantised else []
        if rule == "score_engine":
            return [("build_engine", name)]
        if rule == "summarise":
            return [("describe_segmentation", "")]
        if rule == "build_engine":
            return [] if self.size else tensors[:1]
        converts = rule in ("convert_onnx", "convert_whole")
        return tensors if converts and self.is_quantised(name) else []

    def made_by(self, rule: str, runtime: str = "") -> Any:
        """Versions of the code and packages that decide a rule."""
        names = {rule, f"{rule}:{runtime}"}
        known = self.world.packages | {name: self.world.machine[name] for name in RUNTIMES}
        return (
            {m: v for m, v in self.world.code.items() if v and names & set(_rules(m))},
            self.world.scripts.get(rule, 0),
            {
                package: known[package]
                for package, rules in PACKAGES.items()
                if known.get(package)
                and names & set(rules.split())
                # These rules run the network, in one way or the other.
                and not (rule in _REFERENCE and (package == "torch") == (self.kind == "onnx"))
                # The U-Net's contract is known, so nothing is run to find it.
                and not (rule == "inspect_network" and self.has_known_contract)
            },
        )

    def signature(self, job: Job) -> Any:
        """Everything that decides a job."""
        if job not in self._signatures:
            runtime = job[1].partition("/")[0].partition("@")[0]
            self._signatures[job] = repr(
                (
                    job,
                    _numbers_alike(self.own(job)),
                    self.made_by(job[0], runtime),
                    [self.signature(up) for up in sorted(self.upstream(job))],
                )
            )
        return self._signatures[job]

    def needed(self, target: Job = REPORT) -> list[Job]:
        """A job and all that it needs, in the order in which they run."""
        found: list[Job] = []

        def visit(job: Job) -> None:
            for up in (*self.reads(job), *self.upstream(job)):
                if up not in found:
                    visit(up)
            found.append(job)

        visit(target)
        return found

    def plan(self, disk: Disk, target: Job = REPORT) -> set[Job]:
        """The jobs that must run to bring `target` up to date, no fewer and no more."""
        dirty: set[Job] = set()
        for job in self.needed(target):
            changed = disk.signature.get(job) != self.signature(job) or any(
                disk.used[job].get(up) != disk.content.get(up) for up in self.upstream(job)
            )
            gone = job not in disk.present and job[0] != "run_engine"
            if changed or gone or any(up in dirty for up in self.upstream(job)):
                dirty.add(job)
        # Outputs are used up, and made again for the scores alone.
        wanted = {up for job in dirty if job[0] == "score_engine" for up in self.upstream(job)}
        return {job for job in dirty if job[0] != "run_engine"} | {
            job for job in wanted if job[0] == "run_engine"
        }

    def run(self, disk: Disk, jobs: set[Job], target: Job = REPORT) -> None:
        """What running `jobs` leaves on disk."""
        disk.runs += 1
        for job in self.needed(target):
            if job not in jobs:
                continue
            content = self.signature(job)
            disk.content[job] = (
                (content, disk.runs) if job[0] in NOT_REPEATABLE else (content, None)
            )
            disk.signature[job] = self.signature(job)
            disk.used[job] = {up: disk.content.get(up) for up in self.upstream(job)}
            disk.present.add(job)


_REFERENCE = ("run_reference", "time_reference", "write_samples")


def _numbers_alike(value: Any) -> Any:
    """The same with every number as a float: 16 and 16.0 are one setting."""
    if isinstance(value, dict):
        return {key: _numbers_alike(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers_alike(entry) for entry in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else value


def _rules(module: str) -> list[str]:
    return [] if module in NO_ARTEFACT else CODE[module].split()
