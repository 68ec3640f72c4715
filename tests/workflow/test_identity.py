"""Over random configurations: no two jobs of a plan share a key or an entry of the store.

The one exception are jobs that differ in the machine's name alone, where the hardware that matters
is equal: they make the same bytes.
"""

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from real_plan import all_nodes, real_plan
from segtrt.files import sha256_json
from segtrt.machine.facts import Machine
from segtrt.plan import job, node
from segtrt.plan.declare import Plan
from segtrt.plan.node import Node
from small_world import SUBJECTS, a_machine, become, describe, write_world

CPU_RUNTIMES = ("onnxruntime", "openvino")
GPU_RUNTIMES = ("tensorrt", "tensorrt_rtx")
PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "int8", "fp8")
TRAINED = "results/training/weights.safetensors"

MACHINES = st.dictionaries(
    st.sampled_from(["a", "b", "c"]),
    st.builds(
        a_machine,
        gpu=st.sampled_from(["GPU A", "GPU B", None]),
        driver=st.sampled_from(["580", "581"]),
        cpu=st.sampled_from(["CPU 1", "CPU 2"]),
    ),
    max_size=3,
)


@st.composite
def configurations(draw: st.DrawFn) -> tuple[dict[str, Any], dict[str, Machine]]:
    """Settings that lead to many jobs alike, and the machines that they name."""

    def some(values: tuple[Any, ...]) -> list[Any]:
        return draw(st.lists(st.sampled_from(values), unique=True, min_size=1))

    # A runtime for CPUs that has fp32, so that some engine can be built on each machine.
    runtimes = {draw(st.sampled_from(CPU_RUNTIMES)), *some((*CPU_RUNTIMES, *GPU_RUNTIMES))}
    engines = {
        "runtimes": sorted(runtimes),
        "batch_sizes": some((1, 2, 4, 16)),
        "precisions": draw(st.permutations(["fp32", *set(some(PRECISIONS)) - {"fp32"}])),
        "on_unsupported": "skip",
        "profile": draw(st.sampled_from(["static", "dynamic", ["static", "dynamic"]])),
        "optimisation_level": draw(st.integers(0, 5)),
        "calibration": {
            "method": draw(st.sampled_from(["minmax", "entropy", "percentile"])),
            "slices": draw(st.integers(1, 4)),
        },
    }
    config = {
        "dataset": {
            "shards": draw(st.integers(1, 4)),
            "seed": draw(st.integers(0, 2)),
            "subjects": draw(st.none() | st.just(list(SUBJECTS[:3]))),
            "on_bad_subject": draw(st.sampled_from(["fail", "skip"])),
        },
        "tensors": {"normalisation": draw(st.sampled_from(["slice", "volume"]))},
        "model": {
            "arguments": {"init_features": draw(st.sampled_from([2, 16]))},
            **draw(st.sampled_from([{}, {"weights": TRAINED}])),
        },
        "engines": engines,
        "validation": {
            "decide": {"threshold": draw(st.sampled_from([0.4, 0.5]))},
            # All alike, so that nothing but what they are tells verdicts apart.
            "tolerances": {name: {"metric_loss": 0.1} for name in PRECISIONS},
        },
    }
    return config, draw(MACHINES)


def planned(
    folder: Path, config: Mapping[str, Any], machines: Mapping[str, Machine]
) -> Iterator[tuple[Plan, Node]]:
    """Every job of a configuration; the plan can be asked while the loop runs."""
    base = write_world(folder)
    laid = {name: {**base.get(name, {}), **group} for name, group in config.items()}
    laid["machines"] = describe(folder, machines)
    with real_plan(folder, laid) as plan:
        yield from ((plan, made) for made in all_nodes(plan))


def store_key(plan: Plan, made: Node, machines: Mapping[str, Machine]) -> str:
    """The key by which the store would know the job's outputs.

    All inputs have one content, but for what other hardware makes of them.
    """
    rule = plan.rules[made.rule]
    wildcards = rule.match(made.outputs[0])
    assert wildcards is not None
    inputs: dict[str, dict[str, str]] = {}
    for name in made.decided_by:
        paths = rule.uses[name].fill(wildcards)
        inputs[name] = {
            path: sha256_json(repr(what_it_is(plan, plan.maker(path), machines)[-1]))
            for path in ([paths] if isinstance(paths, str) else paths)
        }
    return job.content_key(made.as_params(), inputs, len(made.outputs))


def what_it_is(plan: Plan, made: Node, machines: Mapping[str, Machine]) -> tuple[Any, ...]:
    """What its outputs' bytes follow from: rule, wildcards, and of the machine what matters."""
    wildcards = plan.rules[made.rule].match(made.outputs[0])
    assert wildcards is not None
    if "at" not in wildcards:
        return made.rule, tuple(sorted(wildcards.items())), None
    machine = machines[wildcards.pop("at").removeprefix("@")]
    on_cpu = made.rule == "time_preparation" or wildcards.get("runtime") in CPU_RUNTIMES
    on_gpu = wildcards.get("runtime") in GPU_RUNTIMES
    hardware = (None if on_gpu else machine.cpu), (None if on_cpu else machine.gpu)
    return made.rule, tuple(sorted(wildcards.items())), hardware


def shared(
    config: Mapping[str, Any], machines: Mapping[str, Machine]
) -> dict[str, dict[str, set[tuple[Any, ...]]]]:
    """By kind of key: key -> what the jobs are that have it, where they are not all the same."""
    found: dict[str, dict[str, set[tuple[Any, ...]]]] = {
        kind: defaultdict(set) for kind in ("plan", "store")
    }
    here = dict(machines) or {"": a_machine()}
    with tempfile.TemporaryDirectory() as folder:
        for plan, made in planned(Path(folder), config, machines):
            what = what_it_is(plan, made, here)
            found["plan"][made.key].add(what)
            found["store"][store_key(plan, made, here)].add(what)
    assert len(found["plan"]) > 10
    return {
        kind: {key: whats for key, whats in keys.items() if len(whats) > 1}
        for kind, keys in found.items()
    }


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    become(monkeypatch, a_machine())


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(configurations())
def test_jobs_that_share_a_key_make_the_same_bytes(
    configuration: tuple[dict[str, Any], dict[str, Machine]],
) -> None:
    assert shared(*configuration) == {"plan": {}, "store": {}}


EVERY_KIND = {
    "engines": {
        "runtimes": [*CPU_RUNTIMES, *GPU_RUNTIMES],
        "batch_sizes": [1, 4],
        "precisions": list(PRECISIONS),
        "on_unsupported": "skip",
    }
}


@pytest.mark.parametrize(("kind", "module"), [("plan", node), ("store", job)])
def test_the_property_needs_what_a_job_is_in_both_keys(
    monkeypatch: pytest.MonkeyPatch, kind: str, module: ModuleType
) -> None:
    """Without it, graphs that differ in their precision alone have one key, and more besides."""
    assert shared(EVERY_KIND, {}) == {"plan": {}, "store": {}}
    monkeypatch.setattr(
        module,
        "sha256_json",
        lambda value: sha256_json({k: v for k, v in value.items() if k != "identity"}),
    )
    [mixed] = [found for name, found in shared(EVERY_KIND, {}).items() if name == kind]
    assert ["convert_onnx"] * 2 in [[rule for rule, *_ in whats] for whats in mixed.values()]
