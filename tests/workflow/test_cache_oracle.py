"""The plan of the real Snakemake against a model of its own: nothing stale, nothing needless."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest
from oracle.bench import ROOT, SUBJECTS, TARGETS, Bench, base_config
from oracle.changes import ELSEWHERE, MACHINES, SETTINGS, TOGETHER, make_one
from oracle.model import Model
from oracle.scene import Scene
from oracle.tables import CODE, NO_ARTEFACT, SCRIPTS
from oracle.world import HARDWARE, MACHINE, PACKAGED, REPORT, Disk, World
from segtrt.config.schema import load_schema
from segtrt.plan.fingerprint import PACKAGE, import_closure
from segtrt.runtimes.registry import get_runtime


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    """Results that are up to date."""
    world = World(base_config(tmp_path), dict.fromkeys(SUBJECTS, 0))
    world.described = {
        "a": {kind: MACHINE[kind] for kind in HARDWARE},
        "b": {kind: values[1] for kind, values in MACHINES.items() if kind in HARDWARE},
    }
    bench = Bench(tmp_path)
    bench.show(world)
    made = Scene(bench, world, Disk(), random.Random(0))
    planned, expected = made.compare()
    assert planned == expected and len(planned) > 40
    made.run(planned)
    yield made
    bench.close()


def play(scene: Scene, seed: int, changes: int) -> int:
    """Make changes, compare plan and model after each, and now and then run what is planned.

    Returns:
        How many changes led to a job.
    """
    scene.rng = random.Random(seed)
    story = [f"seed {seed}"]
    counted = 0
    for _ in range(changes):
        story.append(make_one(scene))
        planned, expected = scene.compare(REPORT, "--cores", str(scene.rng.randint(1, 64)))
        assert planned == expected, (
            f"stale: {sorted(expected - planned)}\nneedless: {sorted(planned - expected)}\n"
            + "\n".join(story)
        )
        counted += bool(planned)
        lot = scene.rng.random()
        if lot < 0.55:
            scene.run(planned)
            story.append("run")
        elif lot < 0.7:
            model = Model(scene.world)
            wanted = [*model.needed(), *([PACKAGED] if model.engines else [])]
            target = scene.rng.choice([job for job in sorted(TARGETS) if job in wanted])
            planned, expected = scene.compare(target)
            assert planned == expected, "\n".join([*story, str(target)])
            scene.run(planned, target)
            story.append(f"run {target}")
    return counted


def test_every_module_and_script_is_in_the_tables() -> None:
    scripts = ROOT / "workflow/scripts"
    modules = {
        ".".join(path.relative_to(scripts / "segtrt").with_suffix("").parts).removesuffix(
            ".__init__"
        )
        for path in scripts.glob("segtrt/**/*.py")
        if path.name != "__init__.py"
    }
    assert modules == set(CODE) | NO_ARTEFACT
    assert not set(CODE) & NO_ARTEFACT
    aside = {"blame", "check", "clean_cache", "clean_engines", "clean_results", "fetch_dataset"}
    aside |= {"describe_machine", "describe_machines", "note_changes", "publish", "verify"}
    assert {path.stem for path in scripts.glob("*.py")} == set(SCRIPTS) | aside


def test_every_module_decides_what_the_table_says() -> None:
    runtimes = ("onnxruntime", "openvino", "tensorrt")
    found: dict[str, set[str]] = {name: set() for name in CODE}
    for rule in SCRIPTS:
        for name in runtimes:
            runtime = get_runtime(name)
            modules = {
                "build_engine": runtime.build_modules,
                "run_engine": runtime.run_modules,
                "rebuild_engine": (*runtime.build_modules, *runtime.run_modules),
                "time_engine": runtime.run_modules,
                "time_region": (*runtime.build_modules, *runtime.run_modules),
            }.get(rule, ())
            for module in import_closure([PACKAGE.parent / f"{rule}.py", *modules]):
                if module.startswith("segtrt."):
                    found[module.removeprefix("segtrt.")].add(f"{rule}:{name}")
    reported = {
        module: {
            f"{rule}:{name}"
            for each in rules.split()
            for rule, _, only in [each.partition(":")]
            for name in ([only] if only else runtimes)
        }
        for module, rules in CODE.items()
    }
    assert found == reported


def test_every_setting_is_changed_by_some_change() -> None:
    settings = {
        (group, key)
        for group, part in load_schema()["properties"].items()
        for key in part.get("properties", ["NAME"])
    }
    together = {key for keys in TOGETHER for key in keys}
    assert settings == set(SETTINGS) | together | ELSEWHERE


def test_a_few_changes_start_what_they_must_and_no_more(scene: Scene) -> None:
    assert scene.compare() == (set(), set())
    assert play(scene, seed=1, changes=12) > 3


@pytest.mark.slow
def test_a_mix_times_solves_and_judges_what_it_must(scene: Scene) -> None:
    """Blame is no machine's own, another budget is solved alone, another tolerance only judges."""

    def planned() -> set[str]:
        scene.bench.show(scene.world)
        found, expected = scene.compare()
        assert found == expected
        scene.run(found)
        return {rule for rule, _ in found}

    config = scene.world.config
    config["dataset"]["search_fraction"] = 0.2
    config["engines"]["precisions"] = ["fp32", "int8", "mixed"]
    assert {"blame_region", "time_region", "mix_regions", "build_engine"} <= planned()
    engine = {f"{what}_engine" for what in ("build", "run", "time", "score", "validate")}
    ends = {"summarise", "write_report"}
    config["precision_search"]["max_loss"] = [0.005, 0.02]
    assert planned() == {"mix_regions", *engine, *ends}
    config["precision_search"]["max_loss"] = [0.005, 0.03]
    assert planned() == {"mix_regions", *engine, *ends}
    tolerances = config["validation"]["tolerances"]
    tolerances["mixed"] = {**tolerances["mixed"], "metric_loss": 0.01}
    assert planned() == {"validate_engine", *ends}
    config["precision_search"]["batch_size"] = 2
    assert planned() == {"time_region", "mix_regions", *engine, *ends}
    scene.world.machine["gpu"] = "Example GPU B"
    found = planned()
    assert {"time_region", "mix_regions"} <= found
    assert not found & {"blame_region", "split_regions", "convert_whole", "convert_onnx"}


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 18))
def test_changes_start_what_they_must_and_no_more(scene: Scene, seed: int) -> None:
    play(scene, seed, changes=25)


@pytest.mark.slow
def test_a_package_follows_what_it_is_made_from_and_decides_nothing(scene: Scene) -> None:
    def planned() -> set[str]:
        found, expected = scene.compare(PACKAGED)
        assert found == expected
        scene.run(found, PACKAGED)
        return {rule for rule, _ in found}

    config = scene.world.config
    assert planned() == {"make_package"}
    assert planned() == set()
    config["package"] |= {"name": "brain", "licence": "mit"}
    scene.bench.show(scene.world)
    assert scene.compare() == (set(), set())
    assert planned() == {"make_package"}
    config["report"]["title"] = "Another title"
    scene.world.code["package.card"] = 1
    scene.bench.show(scene.world)
    assert planned() == {"summarise", "write_report", "make_package"}
