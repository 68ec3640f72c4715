"""What decides the jobs of a world beside what they are made from."""

import copy
from abc import ABC, abstractmethod
from typing import Any

from segtrt.data.sharding import assign_shards, assign_splits

from oracle.tables import GRAPHS, MIXES, PRECISIONS
from oracle.world import HARDWARE, SLICES, Job, World


class Deciders(ABC):
    """A world's settings, images and machines as far as they decide jobs."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.config = config = world.config
        model, engines, dataset = config["model"], config["engines"], config["dataset"]
        self.kind = _kind(model["network"])
        self.given_weights = model["weights"] is not None
        self.trained = model["weights"] == "results/training/weights.safetensors"
        self.places = [f"@{name}" for name in sorted(config["machines"])] or [""]
        profile = engines["profile"]
        self._both = both = not isinstance(profile, str) and len(profile) > 1
        self._profile = "static" if both else profile if isinstance(profile, str) else profile[0]
        self.engines = [
            (runtime + place, batch, precision + second)
            for place in self.places
            for runtime in sorted(self._runtimes(place))
            for precision in PRECISIONS
            for batch in sorted(engines["batch_sizes"])
            for second in (("", "_dynamic") if both and runtime == "tensorrt" else ("",))
            if precision in engines["precisions"] and (runtime, precision) in GRAPHS
            # TensorRT builds for the GPU that it is on, and for no list of GPUs.
            if runtime != "tensorrt" or not engines["compute_capabilities"]
        ]
        budgets = len(config["precision_search"]["max_loss"])
        self.mixes = [
            f"{place}/{mix}"
            for place in dict.fromkeys(place for place, _, _ in self.engines)
            for mix in MIXES[:budgets]
            if "mixed" in engines["precisions"] and self.mixed_from(place)
        ]
        # The mixes are engines like any others, after all that they are made of.
        self.engines += [
            (place, batch, mix + second)
            for place, mix in (name.split("/") for name in self.mixes)
            for batch in sorted(engines["batch_sizes"])
            for second in (("", "_dynamic") if both and place.startswith("tensorrt") else ("",))
        ]
        self.shards = [f"{k:02d}" for k in range(dataset["shards"])]
        wanted = dataset["subjects"]
        self._subjects = {
            name: version
            for name, version in world.subjects.items()
            if wanted is None or name in wanted
        }
        self._shard_of = assign_shards(dict.fromkeys(self._subjects, SLICES), len(self.shards))
        self._split_of = assign_splits(
            list(self._subjects),
            dataset["calibration_fraction"],
            dataset["seed"],
            dataset["search_fraction"],
        )
        self._labels = _labels(dataset)

    @abstractmethod
    def made_by(self, rule: str, runtime: str = "") -> Any:
        """Versions of the code and packages that decide a rule."""

    @property
    def size(self) -> Any:
        """Patches' size as far as the settings say it."""
        tensors = self.config["tensors"]
        stacked = (256, 256) if tensors["normalisation"] == "volume" else None
        return tensors["window"]["size"] or tensors["size"] or stacked

    @property
    def has_known_contract(self) -> bool:
        """Whether the network is the U-Net, and no setting says other of it."""
        return self.kind == "unet" and self._overrides == (None, None, (None, None))

    def graph_of(self, engine: str) -> str:
        """The graph that an engine is built from."""
        place, _, cell = engine.partition("/")
        precision = _precision(cell)
        return precision if precision in MIXES else GRAPHS[place.partition("@")[0], precision]

    def mixed_from(self, place: str) -> list[str]:
        """The graphs that a mix for a place takes regions from."""
        return sorted(
            {self.graph_of(f"{p}/b{b}_{v}") for p, b, v in self.engines if p == place}
            - {"fp32", *MIXES}
        )

    @property
    def judged(self) -> list[str]:
        """Regions in each precision, where subjects are set aside to judge them on."""
        if not self.config["dataset"]["search_fraction"]:
            return []
        # OpenVINO's short floats are of the float32 graph; the rest is called after its graph.
        kinds = {self.graph_of(f"{place}/b{batch}_{cell}") for place, batch, cell in self.engines}
        return self.regions_of(sorted(kinds - {"fp32", *MIXES}))

    def regions_of(self, kinds: list[str]) -> list[str]:
        """Each region in each of these graphs."""
        numbers = range(self.config["precision_search"]["regions"])
        return [f"{kind}/{n:02d}" for kind in kinds for n in numbers]

    @property
    def rebuilds(self) -> list[str]:
        """Every rebuild of every engine; all engines of the oracle's worlds can be run."""
        numbers = range(1, self.config["engines"]["rebuilds"] + 1)
        return [f"{r}/b{b}_{p}/{n}" for r, b, p in self.engines for n in numbers]

    def is_quantised(self, graph: str) -> bool:
        """Whether calibration images decide a graph."""
        return graph.startswith(("int8", "fp8"))

    def own(self, job: Job) -> Any:  # noqa: PLR0911, PLR0912 - a table of rules
        """What decides a job beside what it is made from."""
        rule, name = job
        config = self.config
        model, validation, tensors = config["model"], config["validation"], config["tensors"]
        place, _, cell = name.partition("/")
        match rule:
            case "list_slices":
                demands = (
                    tensors["normalisation"] == "volume",
                    tensors["axis"] or 0,
                    tensors["spacing"] is not None,
                )
                form = config["dataset"]["images"], config["dataset"]["channels"], self._labels
                return self._whole, self._shard_of, self._skips is not None, demands, form
            case "encode_slices":
                mine = {n: self._whole[n] for n, k in self._shard_of.items() if k == int(name)}
                # A shard without images takes the size of patches from those of the others.
                others = self._skips if mine else self._whole
                return mine, self._encoding, others, self._labels
            case "time_preparation":
                return self._images, self._labels, self._encoding, self._hardware(name)["cpu"]
            case "describe_segmentation":
                return self._encoding, self._decoding, self._keeps_largest
            case "inspect_network" if not self.has_known_contract:
                return self._source, self._overrides, model["opset"]
            case "train":
                return config["training"], self._source
            case "fetch_weights":
                content = None if self.trained else self.world.weights
                return content, self._source, (model["sha256"] or "").lower()
            case "export_onnx":
                return model["opset"], self._source, self._overrides
            case "split_regions":
                return config["precision_search"]["regions"]
            case "blame_region":
                return self._own_code(validation["metric"])
            case "convert_onnx" | "convert_whole" if self.is_quantised(name):
                return (
                    config["engines"]["calibration"],
                    {n: v for n, (v, split) in self._whole.items() if split == "calibration"},
                    self._encoding,
                    self._skips,
                    self.made_by("encode_slices"),
                    self.made_by("inspect_network"),
                )
            case "write_samples":
                return tensors["samples"], self._source, model["output"]
            case "run_reference":
                return self._source, model["output"], self._deciding
            case "time_reference":
                return (
                    *(self._source, model["output"], self._decoding),
                    config["report"]["torch_compile"],
                    sorted(config["engines"]["batch_sizes"]),
                    {key: value for key, value in config["inference"].items() if key != "mode"},
                    self._hardware(name),
                )
            case "build_engine":
                settings = self._settings(place.partition("@")[0], cell)
                return settings, self._target(place), self._size_or_source
            case "time_region":
                search, engines = config["precision_search"], config["engines"]
                batch = search["batch_size"] or max(engines["batch_sizes"])
                settings = self._settings(place.partition("@")[0], f"b{batch}_fp32")
                timing = config["inference"], self._target(place)
                return settings, timing, self._size_or_source
            case "mix_regions":
                return config["precision_search"]["max_loss"][MIXES.index(cell)]
            case "run_engine":
                return self._deciding
            case "time_engine":
                return config["inference"], self._target(place)
            case "score_reference":
                own = self._own_code(validation["metric"])
                return validation["metric"], own, self._keeps_largest
            case "score_engine" | "score_rebuild":
                return self._own_code(validation["metric"])
            case "rebuild_engine":
                return self._deciding, config["inference"], self._target(place)
            case "validate_engine":
                precision = _precision(cell)
                own = "mixed" if precision in MIXES else precision
                tolerance = validation["tolerances"][own]
                return tolerance, config["report"]["confident"]
            case "summarise":
                return self._report_config(), self.engines
            case "make_package":
                return config["package"]
            case "write_report":
                return {name: v for name, v in self.world.templates.items() if v}
        return None

    @property
    def _images(self) -> dict[str, Any]:
        """Subject -> version of its files, and whether there are masks or images alone.

        The patterns of images that the configuration may have lead to the same files.
        """
        masks = self.config["dataset"]["masks"]
        return {name: (version, masks) for name, version in self._subjects.items()}

    @property
    def _whole(self) -> dict[str, Any]:
        return {n: (v, self._split_of[n]) for n, v in self._images.items()}

    @property
    def _skips(self) -> Any:
        """All images, where any of them may turn out bad and be skipped."""
        return self._whole if self.config["dataset"]["on_bad_subject"] == "skip" else None

    @property
    def _size_or_source(self) -> Any:
        """Patches' size, or what decides it: one subject, that may not be skipped."""
        if self.size:
            return self.size
        tensors = self.config["tensors"]
        calibrating = [n for n, split in self._split_of.items() if split == "calibration"]
        one = min(calibrating or self._images)
        skips = self.config["dataset"]["on_bad_subject"] == "skip"
        images = self._images if skips else {one: self._images[one]}
        code, script, _ = self.made_by("encode_slices")
        return images, tensors["axis"], tensors["spacing"], code, script

    @property
    def _encoding(self) -> Any:
        """What of the settings decides patches."""
        tensors = self.config["tensors"]
        settings = {key: value for key, value in tensors.items() if key != "samples"}
        return settings, self._own_code(tensors["normalisation"])

    @property
    def _source(self) -> Any:
        """What decides the network but for its weights."""
        model = self.config["model"]
        if self.kind == "onnx":
            return self.kind, self.world.graph
        if self.kind == "file":
            return self.kind, model["arguments"], self.world.own
        return self.kind, {"init_features": 16, **model["arguments"]}

    @property
    def _overrides(self) -> Any:
        model = self.config["model"]
        given = model["input"]
        activation = None if model["activation"] == "auto" else model["activation"]
        return activation, model["output"], (given["channels"], given["size"])

    @property
    def _decoding(self) -> Any:
        """What decides labels."""
        validation = self.config["validation"]
        ignores = self._labels is not None and self._labels[1] is not None
        return validation["decide"], ignores

    @property
    def _deciding(self) -> Any:
        """What decides labels, and how much of the raw outputs is kept."""
        return self._decoding, self.config["validation"]["raw_mib"] * 2**20 // len(self.shards)

    @property
    def _keeps_largest(self) -> bool:
        """Whether only the largest component of each class is scored."""
        asked: bool | None = self.config["validation"]["largest_component"]
        return self.kind == "unet" if asked is None else asked

    def _own_code(self, setting: str) -> Any:
        """Version of the user's own code, if a setting names a function in it."""
        return self.world.own if ":" in setting else None

    def _runtimes(self, place: str) -> list[str]:
        own = self.config["machines"][place[1:]]["runtimes"] if place else None
        runtimes: list[str] = own or self.config["engines"]["runtimes"]
        return runtimes

    def _settings(self, runtime: str, cell: str) -> Any:
        engines = self.config["engines"]
        dynamic = engines["dynamic_batch"]
        profile = "dynamic" if cell.endswith("_dynamic") else self._profile
        batches = dynamic if profile == "dynamic" else None
        if runtime == "tensorrt":
            scratch = engines["workspace_mib"], engines["optimisation_level"]
            return cell, profile, batches, scratch
        return cell, batches and (batches["min"], batches["max"])

    def _hardware(self, place: str) -> dict[str, str]:
        """Of the machine that `place`, with a runtime before `@` or none, is on."""
        name = place.partition("@")[2]
        machine = self.world.described[name] if name else self.world.machine
        return {kind: machine[kind] for kind in HARDWARE}

    def _target(self, place: str) -> Any:
        runtime, hardware = place.partition("@")[0], self._hardware(place)
        kinds = HARDWARE[1:] if runtime == "tensorrt" else HARDWARE[:1]
        return self.world.machine[runtime], [hardware[kind] for kind in kinds]

    def _report_config(self) -> Any:
        """Every setting; paths by their last name, lists without their order."""
        config = copy.deepcopy(self.config)
        for group, key in (
            *(("dataset", "path"), ("report", "compare_with")),
            *(("model", "weights"), ("model", "network")),
        ):
            config[group][key] = (config[group][key] or "").rsplit("/", 1)[-1]
        for group, key in (
            ("dataset", "subjects"),
            *(("engines", key) for key in ("runtimes", "batch_sizes", "precisions")),
            ("engines", "compute_capabilities"),
        ):
            config[group][key] = sorted(config[group][key] or [])
        del config["package"], config["publish"]
        config["engines"]["profile"] = [self._profile, self._both]
        config["machines"] = {
            name: sorted(machine["runtimes"] or [])
            for name, machine in sorted(config["machines"].items())
        }
        return config, self.world.compared if config["report"]["compare_with"] else None


def _precision(cell: str) -> str:
    """The precision in `b{batch}_{precision}` or `b{batch}_{precision}_dynamic`."""
    return cell.partition("_")[2].removesuffix("_dynamic")


def _kind(network: str) -> str:
    if network.endswith(".onnx"):
        return "onnx"
    return "file" if ":" in network else network


def _labels(dataset: dict[str, Any]) -> Any:
    """Name of each value in masks, and the value that is ignored; None where there are no masks."""
    if dataset["labels"] is None and dataset["masks"] is None:
        return None
    labels = {255: "tumour"} if dataset["labels"] is None else dataset["labels"]
    return sorted(labels.items()), dataset["ignored"]
