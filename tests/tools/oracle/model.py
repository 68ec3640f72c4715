"""The oracle: which jobs a change must start, by a model of its own.

A job's signature is everything that decides it, as plain values, with the signatures of what it is
made from. Nothing is hashed and no file is looked at; the tables are written by hand.
"""

import copy
from typing import Any

from segtrt.data.sharding import assign_shards, assign_splits

from oracle.tables import CODE, GRAPHS, NO_ARTEFACT, NOT_REPEATABLE, PACKAGES
from oracle.world import HARDWARE, REPORT, SLICES, Disk, Job, World


class Model:
    """The jobs of a world."""

    def __init__(self, world: World) -> None:
        self.world = world
        config = world.config
        self.places = [f"@{name}" for name in sorted(config["machines"])] or [""]
        self.engines = [
            (runtime + place, batch, precision)
            for place in self.places
            for runtime in sorted(self._runtimes(place))
            for precision in ("fp32", "fp16", "int8")
            for batch in sorted(config["engines"]["batch_sizes"])
            if precision in config["engines"]["precisions"] and (runtime, precision) in GRAPHS
        ]
        self.graphs = sorted({GRAPHS[_runtime(r), p] for r, _, p in self.engines} - {"fp32"})
        self.shards = [f"{k:02d}" for k in range(config["dataset"]["shards"])]
        self.trained = config["model"]["weights"] == "results/training/weights.safetensors"
        wanted = config["dataset"]["subjects"]
        self._subjects = {
            name: version
            for name, version in world.subjects.items()
            if wanted is None or name in wanted
        }
        self._shard_of = assign_shards(dict.fromkeys(self._subjects, SLICES), len(self.shards))
        self._split_of = assign_splits(
            list(self._subjects),
            config["dataset"]["calibration_fraction"],
            config["dataset"]["seed"],
        )
        self._signatures: dict[Job, Any] = {}

    def _runtimes(self, place: str) -> list[str]:
        config = self.world.config
        own = config["machines"][place[1:]]["runtimes"] if place else None
        runtimes: list[str] = own or config["engines"]["runtimes"]
        return runtimes

    def upstream(self, job: Job) -> list[Job]:  # noqa: PLR0911, PLR0912 - a table of rules
        """The jobs of whose outputs a job is made."""
        rule, name = job
        weights, graph = ("fetch_weights", ""), ("export_onnx", "")
        tensors = [("encode_slices", shard) for shard in self.shards]
        reference = [("run_reference", shard) for shard in self.shards]
        place, _, cell = name.partition("/")
        engine = ("build_engine", "/".join(name.split("/")[:2]))
        names = [f"{r}/b{b}_{p}" for r, b, p in self.engines]
        match rule:
            case "train":
                return tensors
            case "fetch_weights":
                return [("train", "")] if self.trained else []
            case "export_onnx" | "time_reference":
                return [weights]
            case "convert_onnx":
                return [graph]
            case "write_samples":
                return [weights, *tensors]
            case "run_reference":
                return [weights, ("encode_slices", name)]
            case "build_engine":
                kind = GRAPHS[_runtime(place), cell.split("_")[1]]
                return [graph if kind == "fp32" else ("convert_onnx", kind)]
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
            case "summarise":
                return [
                    ("list_slices", ""),
                    ("write_samples", ""),
                    weights,
                    *tensors,
                    *(("time_reference", place) for place in self.places),
                    *(("time_preparation", place) for place in self.places),
                    ("score_reference", ""),
                    *(
                        (each, name)
                        for each in (
                            "build_engine",
                            "time_engine",
                            "score_engine",
                            "validate_engine",
                        )
                        for name in names
                    ),
                ]
            case "write_report":
                return [("summarise", "")]
        return []

    def reads(self, job: Job) -> list[Job]:
        """The jobs whose outputs must be there as well, though they do not decide the outcome."""
        rule, name = job
        tensors = [("encode_slices", shard) for shard in self.shards]
        if rule in ("encode_slices", "time_preparation"):
            return [("list_slices", "")]
        if rule in ("time_reference", "time_engine"):
            return tensors
        if rule == "score_engine":
            return [("build_engine", name)]
        return tensors if rule == "convert_onnx" and name != "fp16" else []

    def own(self, job: Job) -> Any:  # noqa: PLR0911, PLR0912 - a table of rules
        """What decides a job beside what it is made from."""
        rule, name = job
        config = self.world.config
        dataset, engines = config["dataset"], config["engines"]
        place, _, cell = name.partition("/")
        whole = {n: (v, self._split_of[n]) for n, v in self._subjects.items()}
        skips = whole if dataset["on_bad_subject"] == "skip" else None
        match rule:
            case "list_slices":
                stacked = config["tensors"]["normalisation"] == "volume"
                return whole, self._shard_of, dataset["on_bad_subject"], stacked
            case "encode_slices":
                mine = {n: whole[n] for n, k in self._shard_of.items() if k == int(name)}
                return mine, _encoding(config), skips
            case "train":
                return config["training"], config["model"]["init_features"]
            case "fetch_weights":
                content = None if self.trained else self.world.weights
                return content, config["model"]["init_features"], config["model"]["sha256"]
            case "export_onnx":
                return config["model"]["opset"], config["model"]["init_features"]
            case "convert_onnx" if name != "fp16":
                images = {n: v for n, (v, split) in whole.items() if split == "calibration"}
                return (
                    engines["calibration"],
                    images,
                    _encoding(config),
                    skips,
                    self._made_by("encode_slices"),
                )
            case "write_samples":
                return config["tensors"]["samples"]
            case "time_preparation":
                return _encoding(config), self._hardware(name)["cpu"]
            case "time_reference":
                return (
                    sorted(engines["batch_sizes"]),
                    _without_mode(config["inference"]),
                    self._hardware(name),
                )
            case "build_engine":
                return self._settings(_runtime(place), cell), self._target(place)
            case "time_engine":
                return config["inference"], self._target(place)
            case "score_reference":
                return config["validation"]["metric"]
            case "validate_engine":
                return config["validation"]["tolerances"][cell.split("_")[1]]
            case "summarise":
                return self._report_config(), self.engines
            case "write_report":
                return {name: v for name, v in self.world.templates.items() if v}
        return None

    def _settings(self, runtime: str, cell: str) -> Any:
        engines = self.world.config["engines"]
        dynamic = engines["dynamic_batch"]
        batches = dynamic if engines["profile"] == "dynamic" else None
        if runtime == "tensorrt":
            scratch = engines["workspace_mib"], engines["optimisation_level"]
            return cell, engines["profile"], batches, scratch
        return cell, batches and (batches["min"], batches["max"])

    def _hardware(self, place: str) -> dict[str, str]:
        """Of the machine that `place`, with a runtime before `@` or none, is on."""
        name = place.partition("@")[2]
        machine = self.world.described[name] if name else self.world.machine
        return {kind: machine[kind] for kind in HARDWARE}

    def _target(self, place: str) -> Any:
        runtime, hardware = _runtime(place), self._hardware(place)
        kinds = HARDWARE[1:] if runtime == "tensorrt" else HARDWARE[:1]
        return self.world.machine[runtime], [hardware[kind] for kind in kinds]

    def _report_config(self) -> Any:
        """Every setting; paths by their last name, lists without their order."""
        config = copy.deepcopy(self.world.config)
        for group, key in (("dataset", "path"), ("model", "weights"), ("report", "compare_with")):
            config[group][key] = (config[group][key] or "").rsplit("/", 1)[-1]
        for group, key in (
            ("dataset", "subjects"),
            ("engines", "runtimes"),
            ("engines", "batch_sizes"),
            ("engines", "precisions"),
        ):
            config[group][key] = sorted(config[group][key] or [])
        config["machines"] = {
            name: sorted(machine["runtimes"] or [])
            for name, machine in sorted(config["machines"].items())
        }
        return config, self.world.compared if config["report"]["compare_with"] else None

    def _made_by(self, rule: str, runtime: str = "") -> Any:
        """Versions of the code and packages that decide a rule."""
        names = {rule, f"{rule}:{runtime}"}
        return (
            {m: v for m, v in self.world.code.items() if v and names & set(_rules(m))},
            self.world.scripts.get(rule, 0),
            {
                p: v
                for p, v in self.world.packages.items()
                if v and names & set(PACKAGES[p].split())
            },
            self.world.machine["onnxruntime"] if rule == "convert_onnx" else None,
        )

    def signature(self, job: Job) -> Any:
        """Everything that decides a job."""
        if job not in self._signatures:
            runtime = _runtime(job[1].partition("/")[0])
            self._signatures[job] = repr(
                (
                    job,
                    _numbers_alike(self.own(job)),
                    self._made_by(job[0], runtime),
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


def _encoding(config: Any) -> Any:
    """What of the settings decides patches."""
    return {key: value for key, value in config["tensors"].items() if key != "samples"}


def _without_mode(inference: dict[str, Any]) -> dict[str, Any]:
    """How PyTorch is timed; how engines run means nothing to it."""
    return {key: value for key, value in inference.items() if key != "mode"}


def _numbers_alike(value: Any) -> Any:
    """The same with every number as a float: 16 and 16.0 are one setting."""
    if isinstance(value, dict):
        return {key: _numbers_alike(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return [_numbers_alike(entry) for entry in value]
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number else value


def _runtime(place: str) -> str:
    return place.partition("@")[0]


def _rules(module: str) -> list[str]:
    if module in NO_ARTEFACT:
        return []
    return CODE[module].split()
