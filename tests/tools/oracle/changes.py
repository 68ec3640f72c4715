"""Changes that may happen to settings, data, code, machines and files."""

from collections.abc import Callable
from typing import Any

from oracle.bench import SUBJECTS
from oracle.disk_changes import (
    checkout_moved,
    cloned,
    copied,
    dataset_moved,
    deleted,
    engines_deleted,
    memory_lost,
    record_lost,
    shuffled,
    touched,
)
from oracle.scene import Scene
from oracle.tables import CODE, NO_ARTEFACT, PACKAGES, SCRIPTS
from oracle.world import HARDWARE, RUNTIMES

SETTINGS: dict[tuple[str, str], list[Any]] = {
    ("dataset", "subjects"): [None, list(SUBJECTS[:4]), list(SUBJECTS[3::-1]), list(SUBJECTS[:3])],
    ("dataset", "shards"): [2, 1, 3],
    ("dataset", "calibration_fraction"): [0.4, 0.2],
    ("dataset", "search_fraction"): [0, 0, 0.2, 0.4],
    ("dataset", "seed"): [0, 1],
    ("dataset", "on_bad_subject"): ["fail", "skip"],
    ("tensors", "size"): [None, None, [128, 128]],
    ("tensors", "fit"): ["linear", "area"],
    ("tensors", "axis"): [None, 0, 1],
    ("tensors", "spacing"): [None, [1, 2.0], [None, 2]],
    ("tensors", "window"): [
        {"size": None, "overlap": 0.25, "blend": "constant"},
        {"size": None, "overlap": 0.5, "blend": "constant"},
        {"size": [64, 64], "overlap": 0.25, "blend": "constant"},
    ],
    ("tensors", "samples"): [
        [{"subject": SUBJECTS[0], "slice": 1, "item": None, "patch": 0}],
        [{"subject": SUBJECTS[0], "slice": 2, "item": None, "patch": 0}],
        [
            {"subject": SUBJECTS[0], "slice": None, "item": "1", "patch": 0},
            {"subject": SUBJECTS[1], "slice": 2, "item": None, "patch": 1},
        ],
    ],
    ("model", "arguments"): [{}, {"init_features": 16}, {"init_features": 32}],
    ("model", "sha256"): [None, "a" * 64, "A" * 64],
    ("model", "activation"): ["auto", "sigmoid"],
    ("model", "output"): [None, None, "logits"],
    ("model", "input"): [
        {"channels": None, "size": None},
        {"channels": 3, "size": None},
        {"channels": None, "size": [256, 256]},
    ],
    ("model", "opset"): [21, 18],
    ("training", "epochs"): [40, 2],
    ("training", "batch_size"): [16, 8],
    ("training", "validation_fraction"): [0.25, 0.5],
    ("training", "seed"): [0, 1],
    ("training", "learning_rate"): [0.001, 0.01],
    ("engines", "runtimes"): [
        ["onnxruntime", "openvino", "tensorrt"],
        ["tensorrt", "openvino", "onnxruntime"],
        ["openvino"],
        ["tensorrt", "openvino"],
    ],
    ("engines", "batch_sizes"): [[4], [4, 1], [1, 4]],
    ("engines", "precisions"): [
        ["fp32", "int8"],
        ["int8", "fp32"],
        ["fp32", "fp16", "int8"],
        ["tf32", "fp8"],
        ["fp32", "int8", "mixed"],
        ["mixed", "fp16", "int8"],
    ],
    ("engines", "on_unsupported"): ["skip", "fail"],
    ("engines", "compute_capabilities"): [[], [], ["8.9", "9.0"], ["9.0", "8.9"]],
    ("engines", "profile"): [
        "static",
        "dynamic",
        ["static", "dynamic"],
        ["dynamic", "static"],
        ["static"],
    ],
    ("engines", "dynamic_batch"): [
        {"min": 1, "opt": 1, "max": 32},
        {"min": 1, "opt": 4, "max": 32},
        {"min": 1, "opt": 1, "max": 8},
    ],
    ("engines", "workspace_mib"): [1024, 2048],
    ("engines", "optimisation_level"): [3, 5],
    ("engines", "rebuilds"): [0, 0, 1, 2],
    ("engines", "calibration"): [
        {"method": "minmax", "slices": 16},
        {"method": "entropy", "slices": 16},
        {"method": "minmax", "slices": 8},
    ],
    ("inference", "mode"): ["stream", "graph"],
    ("inference", "iterations"): [30, 7],
    ("inference", "max_seconds"): [2, None],
    ("inference", "warmup_max_seconds"): [1, 0.5],
    ("inference", "threads"): [None, 1],
    ("validation", "decide"): [{"threshold": 0.5}, {"threshold": 0.4}, "argmax", None],
    ("validation", "largest_component"): [None, True, False],
    ("validation", "min_reference"): [0.1, 0.2],
    ("validation", "raw_mib"): [2048, 100],
    ("precision_search", "regions"): [2, 3],
    ("precision_search", "max_loss"): [[0.005], [0.005, 0.02], [0.01]],
    ("precision_search", "batch_size"): [None, 4, 2],
    ("report", "title"): ["Segmentation engines, proven on your images", "Another title"],
    ("report", "max_metric_loss"): [0.005, 0.01],
    ("report", "confident"): [False, True],
    ("report", "torch_compile"): [False, True],
    ("report", "max_latency_ms"): [None, 5.0],
    ("report", "overlay_subjects"): [3, 2],
    ("report", "overlay_slices"): [6, 4],
    ("report", "display_channel"): [None, 0],
    ("package", "name"): ["segmentation", "brain"],
    ("package", "licence"): [None, "mit"],
    ("package", "views"): [["onnx", "triton", "openvino_model_server"], ["onnx"]],
    ("publish", "tracking_uri"): [None, "https://alice:hush@mlflow.example"],
    ("publish", "experiment"): ["segtrt", "brain"],
    ("publish", "engines"): ["recommended", "all", "none"],
}
"""(group, key) -> values, the usual one first."""

IMAGES = "{subject}/{subject}_{item}.tif"
BY_CHANNEL = "{subject}/{subject}_{item}.{channel}"
MASKS = "{subject}/{subject}_{item}_mask.tif"
OWN = "OWN"
"""In values below: the path of the user's own Python code."""

TOGETHER: dict[tuple[tuple[str, str], ...], list[tuple[Any, ...]]] = {
    tuple(("dataset", key) for key in ("images", "masks", "channels", "labels", "ignored")): [
        (IMAGES, MASKS, None, None, None),
        (IMAGES, MASKS, None, {255: "tumour"}, None),
        (IMAGES, MASKS, None, {255: "lesion"}, None),
        (IMAGES, MASKS, None, None, 128),
        (IMAGES, None, None, None, None),
        (BY_CHANNEL, MASKS, None, None, None),
        (BY_CHANNEL, MASKS, ["tif"], None, None),
    ],
    tuple(
        ("tensors", key)
        for key in ("normalisation", "mean", "std", "range", "percentiles", "nonzero_only")
    ): [
        ("slice", None, None, None, None, False),
        ("volume", None, None, None, None, False),
        ("zscore", None, None, None, None, True),
        ("zscore", [1, 2.0, 3], [1, 1, 2.0], None, None, False),
        ("scale", None, None, [0, 255], None, False),
        ("scale", None, None, None, [1, 99], False),
        (f"{OWN}:own", None, None, None, None, False),
    ],
    (("validation", "metric"),): [("dice",), ("iou",), (f"{OWN}:own",)],
}
"""Keys that are set together -> their values, the usual ones first."""

ELSEWHERE = frozenset(
    {
        ("dataset", "source"),
        ("dataset", "path"),
        ("model", "network"),
        ("model", "weights"),
        ("validation", "tolerances"),
        ("report", "compare_with"),
        ("machines", "NAME"),
        *(("package", key) for key in ("engine", "licences", "notices")),
    }
)
"""Settings that a change of its own below goes into, or of the source another test."""

MACHINES = {
    "cpu": ["Example CPU 1", "Example CPU 2"],
    "gpu": ["Example GPU A", "Example GPU B"],
    "compute_capability": ["8.9", "9.0"],
    "driver": ["580.1", "581.0"],
    "cuda": ["13.0", "13.1"],
    "openvino": ["2026.4.1", "2026.5.0"],
    "onnxruntime": ["1.31.1", "1.32.0"],
    "tensorrt": ["10.9", "11.0"],
}


NAMED: list[dict[str, Any]] = [
    {},
    {"a": {}},
    {"a": {}, "b": {"runtimes": ["openvino"]}},
    {"b": {"runtimes": ["openvino"]}, "a": {}},
    {"a": {"runtimes": ["tensorrt", "openvino"]}, "b": {}},
]
"""Machines that the configuration may name."""


def setting(scene: Scene) -> str:
    """Another value of a key, which may be the one it has."""
    group, key = scene.rng.choice(sorted(SETTINGS))
    value = scene.rng.choice(SETTINGS[group, key])
    scene.world.config[group][key] = value
    return f"{group}.{key} = {value}"


def together(scene: Scene) -> str:
    """Other values of keys that go together."""
    keys = scene.rng.choice(list(TOGETHER))
    values = scene.rng.choice(TOGETHER[keys])
    _set(scene, keys, values)
    return f"{keys[0][0]}: {', '.join(key for _, key in keys)} = {values}"


def usual_settings(scene: Scene) -> str:
    """Every setting as it was."""
    for (group, key), values in SETTINGS.items():
        scene.world.config[group][key] = values[0]
    for keys, several in TOGETHER.items():
        _set(scene, keys, several[0])
    return "usual settings"


def _set(scene: Scene, keys: tuple[tuple[str, str], ...], values: tuple[Any, ...]) -> None:
    own = str(scene.bench.folder / "own/own.py")
    for (group, key), value in zip(keys, values, strict=True):
        is_own = isinstance(value, str) and value.startswith(OWN)
        scene.world.config[group][key] = value.replace(OWN, own) if is_own else value


def tolerance(scene: Scene) -> str:
    """Another tolerance of one precision."""
    precision = scene.rng.choice(["fp32", "fp16", "int8", "fp8", "mixed"])
    loss = scene.rng.choice([0.01, 0.02, 0.03])
    tolerances = scene.world.config["validation"]["tolerances"]
    tolerances[precision] = {**tolerances[precision], "metric_loss": loss}
    return f"validation.tolerances.{precision}.metric_loss = {loss}"


def compared(scene: Scene) -> str:
    """The report compares with an earlier summary, or not, or with another one."""
    scene.world.compared = scene.rng.randrange(3)
    path = scene.rng.choice([None, str(scene.bench.folder / "earlier/summary.json")])
    scene.world.config["report"]["compare_with"] = path
    return f"compare with {path}, version {scene.world.compared}"


def weights(scene: Scene) -> str:
    """Other weights under the same name."""
    scene.world.weights = scene.rng.randrange(3)
    return f"weights {scene.world.weights}"


def weights_from(scene: Scene) -> str:
    """Weights that the workflow trains, those from a file, or those that the network brings."""
    local = str(scene.bench.folder / "weights/weights.safetensors")
    source = scene.rng.choice([local, "results/training/weights.safetensors", None])
    scene.world.config["model"]["weights"] = source
    return f"model.weights = {source}"


def network(scene: Scene) -> str:
    """The U-Net, one of the user's own, or one that is a file."""
    own = scene.bench.folder / "own"
    chosen = scene.rng.choice(["unet", "unet", f"{own}/own.py:own", f"{own}/network.onnx"])
    scene.world.config["model"]["network"] = chosen
    return f"model.network = {chosen}"


def own_code(scene: Scene) -> str:
    """An edit of the user's own code, or another network in the ONNX file."""
    scene.world.own, scene.world.graph = scene.rng.randrange(2), scene.rng.randrange(2)
    return f"own code {scene.world.own}, own graph {scene.world.graph}"


def settle(scene: Scene) -> None:
    """Settings that contradict the others give way."""
    model, engines = scene.world.config["model"], scene.world.config["engines"]
    if model["network"] == "unet" and model["weights"] is None:
        model["weights"] = str(scene.bench.folder / "weights/weights.safetensors")
    if model["network"].endswith(".onnx"):
        model |= {"weights": None, "arguments": {}}
    if model["weights"] is None:
        model["sha256"] = None
    if not {"fp32", "int8"} >= set(engines["precisions"]) or engines["compute_capabilities"]:
        engines["on_unsupported"] = "skip"
    dataset = scene.world.config["dataset"]
    if "mixed" in engines["precisions"]:
        dataset["search_fraction"] = dataset["search_fraction"] or 0.2


def module(scene: Scene) -> str:
    """An edit of a library module that means something."""
    name = scene.rng.choice(sorted(CODE) + sorted(NO_ARTEFACT))
    scene.world.code[name] = scene.rng.randrange(3)
    return f"module {name} {scene.world.code[name]}"


def script(scene: Scene) -> str:
    """An edit of a job's script that means something."""
    name = scene.rng.choice(SCRIPTS)
    scene.world.scripts[name] = scene.rng.randrange(3)
    return f"script {name} {scene.world.scripts[name]}"


def looks(scene: Scene) -> str:
    """Comments, docstrings and formatting of several files."""
    code = [path for path in sorted(scene.bench.originals) if path.suffix == ".py"]
    chosen = scene.rng.sample(code, 5)
    for path in chosen:
        scene.bench.looks[path] = scene.rng.randrange(5)
    return f"comments and formatting of {', '.join(path.stem for path in chosen)}"


def template(scene: Scene) -> str:
    """An edit of what the page is drawn with."""
    name = scene.rng.choice(["report.css", "report.html.j2", "charts.js"])
    scene.world.templates[name] = scene.rng.randrange(3)
    return f"template {name} {scene.world.templates[name]}"


def package(scene: Scene) -> str:
    """Another version of a package."""
    name = scene.rng.choice(sorted(set(PACKAGES) - set(RUNTIMES)))
    scene.world.packages[name] = scene.rng.randrange(3)
    return f"package {name} {scene.world.packages[name]}"


def machine(scene: Scene) -> str:
    """Another machine, driver or runtime version."""
    fact = scene.rng.choice(sorted(MACHINES))
    scene.world.machine[fact] = scene.rng.choice(MACHINES[fact])
    return f"{fact} = {scene.world.machine[fact]}"


def machines_named(scene: Scene) -> str:
    """Engines for other machines, which jobs may reach in another way."""
    chosen = scene.rng.choice(NAMED)
    partition = scene.rng.choice(["gpu", "long"])
    scene.world.config["machines"] = {
        name: {"runtimes": None, "resources": {"slurm_partition": partition}, **own}
        for name, own in chosen.items()
    }
    return f"machines {chosen}, partition {partition}"


def machine_described(scene: Scene) -> str:
    """A machine of the cluster got other hardware, or another driver."""
    name, fact = scene.rng.choice(sorted(scene.world.described)), scene.rng.choice(HARDWARE)
    scene.world.described[name][fact] = scene.rng.choice(MACHINES[fact])
    return f"{fact} of {name} = {scene.world.described[name][fact]}"


def subject(scene: Scene) -> str:
    """A subject is changed, goes, or comes."""
    there = scene.world.subjects
    others = sorted(
        {*SUBJECTS, "TCGA_YY_2001_20200101", "TCGA_YY_2002_20200101"} - set(SUBJECTS[:4])
    )
    name = scene.rng.choice([*SUBJECTS[:4], *others, *others])
    if name not in there:
        there[name] = scene.rng.randrange(2)
        return f"subject {name} comes"
    if name in others and scene.rng.random() < 0.5:
        del there[name]
        return f"subject {name} goes"
    there[name] = scene.rng.randrange(3)
    return f"subject {name} {there[name]}"


CHANGES: dict[Callable[[Scene], str], int] = {
    setting: 16,
    together: 5,
    usual_settings: 2,
    tolerance: 2,
    compared: 2,
    weights: 3,
    weights_from: 2,
    network: 3,
    own_code: 3,
    module: 12,
    script: 4,
    looks: 4,
    template: 2,
    package: 3,
    machine: 5,
    machines_named: 4,
    machine_described: 3,
    subject: 6,
    dataset_moved: 1,
    touched: 2,
    shuffled: 2,
    checkout_moved: 1,
    copied: 1,
    cloned: 1,
    memory_lost: 2,
    deleted: 4,
    engines_deleted: 1,
    record_lost: 2,
}
"""Change -> how often it is drawn."""


def make_one(scene: Scene) -> str:
    """Make one change, drawn by lot; says which."""
    reported: str = scene.rng.choices(list(CHANGES), list(CHANGES.values()))[0](scene)
    settle(scene)
    scene.bench.show(scene.world)
    return reported
