"""Changes that may happen to a checkout, its settings, data, machine and results."""

import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from oracle_bench import SUBJECTS, Bench
from oracle_model import REPORT, Disk, Job, Model, World
from oracle_tables import CODE, NO_ARTEFACT, PACKAGES, SCRIPTS

SETTINGS: dict[tuple[str, str], list[Any]] = {
    ("dataset", "subjects"): [None, list(SUBJECTS[:4]), list(SUBJECTS[3::-1]), list(SUBJECTS)],
    ("dataset", "shards"): [2, 1, 3],
    ("dataset", "calibration_fraction"): [0.4, 0.2],
    ("dataset", "seed"): [0, 1],
    ("dataset", "on_bad_subject"): ["fail", "skip"],
    ("tensors", "normalisation"): ["slice", "volume"],
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
    ("validation", "threshold"): [0.5, 0.4],
    ("validation", "largest_component"): [True, False],
    ("report", "title"): ["Segmentation engines, proven on your images", "Another title"],
    ("report", "max_dice_loss"): [0.005, 0.01],
    ("report", "max_latency_ms"): [None, 5.0],
    ("report", "overlay_subjects"): [3, 2],
    ("report", "overlay_slices"): [6, 4],
}
"""(group, key) -> values, the usual one first."""

ELSEWHERE = frozenset(
    {
        ("dataset", "source"),
        ("dataset", "path"),
        ("model", "weights"),
        ("model", "sha256"),
        ("engines", "on_unsupported"),
        ("engines", "compute_capabilities"),
        ("training", "batch_size"),
        ("training", "validation_fraction"),
        ("training", "seed"),
        ("validation", "tolerances"),
        ("report", "compare_with"),
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


class Scene:
    """A bench, the world it shows, and what the model believes to be on disk."""

    def __init__(self, bench: Bench, world: World, disk: Disk, rng: random.Random) -> None:
        self.bench, self.world, self.disk, self.rng = bench, world, disk, rng

    def change(self) -> str:
        """Make one change; says which."""
        told: str = self.rng.choices(list(CHANGES), list(CHANGES.values()))[0](self)
        self.bench.show(self.world)
        return told

    def compare(self, target: Job = REPORT, *arguments: str) -> tuple[set[Job], set[Job]]:
        """What Snakemake plans, and what the model says."""
        expected = Model(self.world).plan(self.disk, target)
        return self.bench.plan(self.world, target, *arguments), expected

    def run(self, jobs: set[Job], target: Job = REPORT) -> None:
        """Do what was planned."""
        Model(self.world).run(self.disk, jobs, target)
        self.bench.run(self.world, jobs, self.disk.runs)

    def one_present(self) -> Job:
        """A job whose outputs are there."""
        return self.rng.choice(sorted(j for j in self.disk.present if j[0] != "run_engine"))

    def files(self) -> list[Path]:
        """Every file of the results, data and checkout."""
        return [path for path in sorted(self.bench.folder.rglob("*")) if path.is_file()]


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
    tolerances[precision] = {**tolerances[precision], "dice_loss": loss}
    return f"validation.tolerances.{precision}.dice_loss = {loss}"


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


def dataset_moved(scene: Scene) -> str:
    """The data set lies in another folder of the same name."""
    target = scene.bench.folder / f"images{scene.rng.randrange(1000)}/kaggle_3m"
    if target.exists():
        return "nothing"
    target.parent.mkdir()
    shutil.move(scene.bench.images, target)
    scene.bench.images = target
    scene.bench.forget_images()
    scene.world.config["dataset"]["path"] = str(target)
    return "data set moved"


def touched(scene: Scene) -> str:
    """New times for everything, or for some."""
    share = scene.rng.choice([1.0, 0.3])
    for path in scene.files():
        if scene.rng.random() < share:
            os.utime(path)
    return f"touched {share:.0%} of the files"


def shuffled(scene: Scene) -> str:
    """Times from the past or the future, in no order, as copies without times have."""
    begin = scene.rng.choice([1_000_000_000, 1_700_000_000, 2_000_000_000])
    for path in scene.files():
        time = begin + scene.rng.randrange(10_000_000)
        os.utime(path, (time, time))
    return f"times shuffled from {begin}"


def checkout_moved(scene: Scene) -> str:
    """The checkout, its results with it, lies elsewhere."""
    target = scene.bench.folder / f"checkout{scene.rng.randrange(10_000)}"
    if target.exists():
        return "nothing"
    scene.bench.checkout.rename(target)
    scene.bench.moved(target)
    return "checkout moved"


def copied(scene: Scene) -> str:
    """A copy without times or Snakemake's own memory takes the checkout's place."""
    target = scene.bench.folder / f"checkout{scene.rng.randrange(10_000)}"
    if target.exists():
        return "nothing"
    ignore = shutil.ignore_patterns(".snakemake", "__pycache__")
    shutil.copytree(scene.bench.checkout, target, ignore=ignore, copy_function=shutil.copyfile)
    shutil.rmtree(scene.bench.checkout)
    scene.bench.moved(target)
    return "checkout copied without times"


def cloned(scene: Scene) -> str:
    """A git clone of the checkout, with the old results moved into it."""
    target = scene.bench.folder / f"checkout{scene.rng.randrange(10_000)}"
    if target.exists():
        return "nothing"
    source = scene.bench.checkout
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    (source / ".gitignore").write_text("results/\n.snakemake/\n__pycache__/\n")
    for command in (["init", "-q"], ["add", "-A"], [*who, "commit", "-qm", "all"]):
        subprocess.run(["git", *command], cwd=source, check=True)
    subprocess.run(["git", "clone", "-q", source, target], check=True, capture_output=True)
    if (source / "results").exists():
        (source / "results").rename(target / "results")
    shutil.rmtree(source)
    shutil.rmtree(target / ".git")
    scene.bench.moved(target)
    return "cloned"


def memory_lost(scene: Scene) -> str:
    """Snakemake's own memory, or that of hashes, is lost or damaged."""
    shutil.rmtree(scene.bench.checkout / ".snakemake", ignore_errors=True)
    hashes = scene.bench.checkout / "results/keys/hashes.json"
    if scene.rng.random() < 0.5:
        hashes.unlink(missing_ok=True)
    else:
        hashes.write_text(scene.rng.choice(["", "[]", '{"a": 1}']))
    return "memory lost"


def deleted(scene: Scene) -> str:
    """An artefact is deleted, one of its files at least."""
    job = scene.one_present()
    if job not in scene.bench.outputs:
        return "nothing"
    path = scene.bench.checkout / scene.rng.choice(scene.bench.outputs[job])
    shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    scene.disk.present.discard(job)
    return f"{path.name} of {job} deleted"


def engines_deleted(scene: Scene) -> str:
    """All engines are deleted by hand."""
    shutil.rmtree(scene.bench.checkout / "results/engines", ignore_errors=True)
    scene.disk.present = {job for job in scene.disk.present if job[0] != "build_engine"}
    return "engines deleted"


def record_lost(scene: Scene) -> str:
    """A key record is lost or cut short."""
    job = scene.one_present()
    if job not in scene.bench.records:
        return "nothing"
    path = scene.bench.checkout / scene.bench.records[job]
    if scene.rng.random() < 0.5:
        path.unlink(missing_ok=True)
    else:
        path.write_text(scene.rng.choice(["", "{", "{}", "[1]"]))
    scene.disk.signature.pop(job, None)
    return f"record of {job} lost"


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
