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
from oracle.world import HARDWARE

SETTINGS: dict[tuple[str, str], list[Any]] = {
    ("dataset", "subjects"): [None, list(SUBJECTS[:4]), list(SUBJECTS[3::-1]), list(SUBJECTS[:3])],
    ("dataset", "shards"): [2, 1, 3],
    ("dataset", "calibration_fraction"): [0.4, 0.2],
    ("dataset", "seed"): [0, 1],
    ("dataset", "on_bad_subject"): ["fail", "skip"],
    ("tensors", "normalisation"): ["slice", "volume"],
    ("tensors", "fit"): ["linear", "area"],
    ("tensors", "samples"): [
        [{"subject": SUBJECTS[0], "slice": 1}],
        [{"subject": SUBJECTS[0], "slice": 2}],
        [{"subject": SUBJECTS[0], "slice": 1}, {"subject": SUBJECTS[1], "slice": 2}],
    ],
    ("model", "init_features"): [16, 32],
    ("model", "opset"): [20, 18],
    ("training", "epochs"): [40, 2],
    ("training", "learning_rate"): [0.001, 0.01],
    ("engines", "runtimes"): [
        ["onnxruntime", "openvino", "tensorrt"],
        ["tensorrt", "openvino", "onnxruntime"],
        ["openvino"],
        ["tensorrt", "openvino"],
    ],
    ("engines", "batch_sizes"): [[4], [4, 1], [1, 4]],
    ("engines", "precisions"): [["fp32", "int8"], ["int8", "fp32"], ["fp32", "fp16", "int8"]],
    ("engines", "profile"): ["static", "dynamic"],
    ("engines", "dynamic_batch"): [
        {"min": 1, "opt": 1, "max": 32},
        {"min": 1, "opt": 4, "max": 32},
        {"min": 1, "opt": 1, "max": 8},
    ],
    ("engines", "workspace_mib"): [1024, 2048],
    ("engines", "optimisation_level"): [3, 5],
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
    ("validation", "metric"): ["dice", "iou"],
    ("validation", "largest_component"): [True, False],
    ("report", "title"): ["Segmentation engines, proven on your images", "Another title"],
    ("report", "max_metric_loss"): [0.005, 0.01],
    ("report", "max_latency_ms"): [None, 5.0],
    ("report", "overlay_subjects"): [3, 2],
    ("report", "overlay_slices"): [6, 4],
}
"""(group, key) -> values, the usual one first."""

ELSEWHERE = frozenset(
    {
        ("dataset", "source"),
        ("dataset", "path"),
        ("dataset", "images"),
        ("dataset", "masks"),
        ("dataset", "channels"),
        ("dataset", "labels"),
        ("dataset", "ignored"),
        ("tensors", "mean"),
        ("tensors", "std"),
        ("tensors", "range"),
        ("tensors", "percentiles"),
        ("tensors", "nonzero_only"),
        ("tensors", "size"),
        ("tensors", "axis"),
        ("tensors", "spacing"),
        ("tensors", "window"),
        ("model", "weights"),
        ("model", "sha256"),
        ("engines", "on_unsupported"),
        ("engines", "compute_capabilities"),
        ("training", "batch_size"),
        ("training", "validation_fraction"),
        ("training", "seed"),
        ("validation", "tolerances"),
        ("report", "compare_with"),
        ("machines", "NAME"),
    }
)
"""Settings that a change of its own below or another test goes into."""

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


def usual_settings(scene: Scene) -> str:
    """Every setting as it was."""
    for (group, key), values in SETTINGS.items():
        scene.world.config[group][key] = values[0]
    return "usual settings"


def tolerance(scene: Scene) -> str:
    """Another tolerance of one precision."""
    precision = scene.rng.choice(["fp32", "fp16", "int8", "bf16"])
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


def trained(scene: Scene) -> str:
    """Weights that the workflow trains, or those from a file."""
    local = str(scene.bench.folder / "weights/weights.safetensors")
    source = scene.rng.choice([local, "results/training/weights.safetensors"])
    scene.world.config["model"]["weights"] = source
    return f"model.weights = {source}"


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
    name = scene.rng.choice(sorted(set(PACKAGES) - {"onnxruntime"}))
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
    setting: 12,
    usual_settings: 2,
    tolerance: 2,
    compared: 2,
    weights: 3,
    trained: 1,
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
    told: str = scene.rng.choices(list(CHANGES), list(CHANGES.values()))[0](scene)
    scene.bench.show(scene.world)
    return told
