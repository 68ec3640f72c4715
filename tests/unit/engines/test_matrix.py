"""The engine matrix: what is asked for, what can be had here, and what is said about the rest."""

from typing import Any, cast

import pytest
from segtrt.config.resolve import resolve_config
from segtrt.engines.matrix import Matrix, make_matrix
from segtrt.errors import SegtrtError
from segtrt.machine.facts import Machine
from segtrt.machine.gpu import GpuFacts
from segtrt.precision import Graph, Precision
from segtrt.runtimes.base import Availability, BuildSettings, Runtime
from segtrt.runtimes.registry import get_runtime


class Told:
    """A runtime that says what a test tells it to; nothing else of a runtime is asked here."""

    def __init__(
        self,
        *,
        can_build: bool = True,
        can_run: bool = True,
        reason: str = "",
        without: tuple[str, ...] = (),
        signed: bool = False,
        needs_gpu: bool = False,
        isa: str = "",
        has_profiles: bool = False,
    ) -> None:
        self.has_profiles, self.title = has_profiles, "Told"
        self.auto_precisions = (Precision.FP32, Precision.BF16, Precision.INT8)
        self._gone = Availability(False, False, "no GPU")
        self._needs_gpu = needs_gpu
        self._isa = isa
        self._state = Availability(can_build, can_run, reason)
        self._without = without
        self._signed = signed

    def availability(self, machine: Machine) -> Availability:
        return self._gone if machine.gpu is None and self._needs_gpu else self._state

    def unsupported(self, settings: BuildSettings, machine: Machine) -> str | None:
        if self._isa not in machine.isa:
            return f"no {self._isa}"
        return f"no {settings.precision} here" if settings.precision in self._without else None

    def graph(self, precision: Precision) -> Graph:
        return Graph.INT8_SIGNED if self._signed and precision == "int8" else precision.graph


HERE = {"": Machine("CPU", "avx2", None)}


def matrix(
    engines: dict[str, Any],
    machines: dict[str, Any] | None = None,
    described: dict[str, Machine] = HERE,
    **runtimes: Told,
) -> Matrix:
    config = resolve_config({"engines": engines, "machines": machines or {}})
    return make_matrix(config, lambda name: cast(Runtime, runtimes[name]), described)


def names(found: Matrix) -> list[str]:
    return [spec.name for spec in found.engines]


def test_every_combination_once_in_a_fixed_order() -> None:
    found = matrix(
        {
            "runtimes": ["openvino", "onnxruntime"],
            "batch_sizes": [4, 1],
            "precisions": ["int8", "fp32"],
        },
        onnxruntime=Told(),
        openvino=Told(),
    )
    assert names(found) == [
        f"{runtime}/b{batch}_{precision}"
        for runtime in ("onnxruntime", "openvino")
        for precision in ("fp32", "int8")
        for batch in (1, 4)
    ]
    assert found.runnable == found.engines
    assert found.graphs == ("int8",)
    assert (found.left_out, found.notes, dict(found.cannot_run)) == ((), (), {})


MIXED = {"runtimes": ["openvino"], "batch_sizes": [1, 4], "precisions": ["mixed", "int8", "fp32"]}
SEARCH = {"dataset": {"search_fraction": 0.2}}


def mixing(
    engines: dict[str, Any], search: dict[str, Any] | None = None, **runtimes: Told
) -> Matrix:
    config = resolve_config({"engines": engines, "precision_search": search or {}, **SEARCH})
    return make_matrix(config, lambda name: cast(Runtime, runtimes[name]), HERE)


def test_a_mix_for_each_budget_comes_after_what_it_is_made_of() -> None:
    found = mixing(MIXED, {"max_loss": [0.001, 0.01]}, openvino=Told())
    assert names(found) == [
        f"openvino/b{batch}_{precision}"
        for precision in ("fp32", "int8", "mixed", "mixed_b2")
        for batch in (1, 4)
    ]
    assert found.mixes == (("openvino", Precision.MIXED), ("openvino", Precision.MIXED_B2))
    assert found.graphs_to_mix("openvino") == (Graph.INT8,)
    assert found.find("openvino", 4, "mixed_b2").graph is Graph.MIXED_B2
    # A mix is no graph that anything is converted to, and no precision to judge regions in.
    assert found.graphs == found.lowered == (Graph.INT8,)


def test_a_runtime_mixes_its_own_graphs() -> None:
    found = mixing(
        {
            **MIXED,
            "runtimes": ["openvino", "tensorrt"],
            "precisions": ["fp16", "int8", "mixed"],
            "on_unsupported": "skip",
        },
        openvino=Told(without=("fp16",)),
        tensorrt=Told(signed=True),
    )
    assert found.graphs_to_mix("openvino") == (Graph.INT8,)
    assert found.graphs_to_mix("tensorrt") == (Graph.FP16, Graph.INT8_SIGNED)


@pytest.mark.parametrize(
    ("precisions", "runtime", "reason"),
    [
        (["fp32", "mixed"], Told(), "of engines.precisions this runtime has none"),
        (["fp32", "tf32", "mixed"], Told(), "of engines.precisions this runtime has none"),
        (["fp32", "int8", "mixed"], Told(without=("int8",)), "this runtime has none"),
        (["int8", "mixed"], Told(can_run=False, reason="no GPU"), "cannot be timed: no GPU"),
    ],
)
def test_a_mix_of_nothing_is_left_out_with_its_reason(
    precisions: list[str], runtime: Told, reason: str
) -> None:
    engines = {**MIXED, "precisions": precisions, "on_unsupported": "skip"}
    found = mixing(engines, openvino=runtime)
    left = {cell.name: cell.reason for cell in found.left_out}
    assert reason in left["openvino/b4_mixed"]
    assert found.mixes == ()


def test_settings_reach_every_engine() -> None:
    found = matrix(
        {
            "runtimes": ["tensorrt_rtx"],
            "batch_sizes": [3],
            "precisions": ["tf32"],
            "profile": "dynamic",
            "dynamic_batch": {"min": 2, "opt": 3, "max": 8},
            "workspace_mib": 7,
            "optimisation_level": 5,
            "compute_capabilities": ["8.9", "8.6"],
        },
        tensorrt_rtx=Told(),
    )
    settings = found.find("tensorrt_rtx", 3, "tf32").settings
    assert (settings.batch_size, settings.precision) == (3, "tf32")
    assert (settings.dynamic_min, settings.dynamic_opt, settings.dynamic_max) == (2, 3, 8)
    assert (settings.workspace_mib, settings.optimisation_level) == (7, 5)
    assert settings.compute_capabilities == ("8.6", "8.9")
    assert settings.largest_batch == 8
    # TF32 is a flag, so its engines come from the fp32 graph.
    assert found.graphs == ()
    with pytest.raises(KeyError):
        found.find("tensorrt_rtx", 4, "tf32")


def test_both_profiles_make_two_engines_where_a_runtime_has_profiles() -> None:
    found = matrix(
        {
            "runtimes": ["openvino", "tensorrt"],
            "batch_sizes": [4, 1],
            "precisions": ["fp32"],
            "profile": ["dynamic", "static"],
        },
        openvino=Told(),
        tensorrt=Told(has_profiles=True),
    )
    assert names(found) == [
        *("openvino/b1_fp32", "openvino/b4_fp32"),
        *("tensorrt/b1_fp32", "tensorrt/b1_fp32_dynamic"),
        *("tensorrt/b4_fp32", "tensorrt/b4_fp32_dynamic"),
    ]
    [note] = found.notes
    assert note == "openvino: static engines alone, as Told has no optimisation profiles"
    own, wide = (found.find("tensorrt", 4, name) for name in ("fp32", "fp32_dynamic"))
    assert (own.settings.profile, wide.settings.profile) == ("static", "dynamic")
    assert (own.settings.largest_batch, wide.settings.largest_batch) == (4, 32)
    assert own.graph == wide.graph


@pytest.mark.parametrize("profile", ["dynamic", ["dynamic"]])
def test_one_profile_is_in_no_name(profile: Any) -> None:
    engines = {"runtimes": ["openvino"], "batch_sizes": [1], "precisions": ["fp32"]}
    found = matrix({**engines, "profile": profile}, openvino=Told())
    [engine] = found.engines
    assert (engine.name, engine.settings.profile) == ("openvino/b1_fp32", "dynamic")
    assert found.notes == ()


def test_each_runtime_names_its_graph() -> None:
    found = matrix(
        {"runtimes": ["onnxruntime", "tensorrt"], "batch_sizes": [1], "precisions": ["int8"]},
        onnxruntime=Told(),
        tensorrt=Told(signed=True),
    )
    assert found.graphs == ("int8", "int8_signed")


def test_what_cannot_be_had_fails_with_every_reason() -> None:
    with pytest.raises(SegtrtError) as caught:
        matrix(
            {
                "runtimes": ["onnxruntime", "tensorrt"],
                "batch_sizes": [1, 2],
                "precisions": ["fp32", "fp8"],
            },
            onnxruntime=Told(without=("fp8",)),
            tensorrt=Told(can_build=False, can_run=False, reason="not installed"),
        )
    message = str(caught.value)
    assert message.startswith("6 of the engines asked for cannot be had (")
    assert "onnxruntime: no fp8 here; tensorrt: not installed" in message
    assert "set engines.on_unsupported to skip" in message
    assert "\n" not in message


def test_what_cannot_be_had_is_left_out_with_its_reason() -> None:
    found = matrix(
        {
            "runtimes": ["onnxruntime", "tensorrt"],
            "batch_sizes": [1],
            "precisions": ["fp32", "fp8"],
            "on_unsupported": "skip",
        },
        onnxruntime=Told(without=("fp8",)),
        tensorrt=Told(can_build=False, can_run=False, reason="not installed"),
    )
    assert names(found) == ["onnxruntime/b1_fp32"]
    assert {cell.name: cell.reason for cell in found.left_out} == {
        "onnxruntime/b1_fp8": "no fp8 here",
        "tensorrt/b1_fp32": "not installed",
        "tensorrt/b1_fp8": "not installed",
    }


def test_nothing_left_to_build_is_refused_even_when_skipping() -> None:
    with pytest.raises(SegtrtError, match="no engine can be built: tensorrt: not installed"):
        matrix(
            {"runtimes": ["tensorrt"], "on_unsupported": "skip"},
            tensorrt=Told(can_build=False, can_run=False, reason="not installed"),
        )


def test_engines_for_other_machines_are_built_and_not_run() -> None:
    found = matrix(
        {"runtimes": ["onnxruntime", "tensorrt_rtx"], "batch_sizes": [1], "precisions": ["fp32"]},
        onnxruntime=Told(),
        tensorrt_rtx=Told(can_run=False, reason="no GPU"),
    )
    assert names(found) == ["onnxruntime/b1_fp32", "tensorrt_rtx/b1_fp32"]
    assert [spec.name for spec in found.runnable] == ["onnxruntime/b1_fp32"]
    assert found.cannot_run == {"tensorrt_rtx": "no GPU"}
    assert found.notes == ("tensorrt_rtx: engines are built but not run: no GPU",)


ABSENT = Told(can_build=False, can_run=False, reason="not installed")
AHEAD_OF_TIME = Told(can_run=False, reason="no GPU")


@pytest.mark.parametrize(
    ("tensorrt", "tensorrt_rtx", "chosen", "message"),
    [
        (Told(), Told(), "tensorrt", "auto takes tensorrt"),
        (ABSENT, Told(), "tensorrt_rtx", "auto takes tensorrt_rtx (tensorrt: not installed)"),
        (
            ABSENT,
            AHEAD_OF_TIME,
            "onnxruntime",
            "auto takes onnxruntime (tensorrt: not installed; tensorrt_rtx: no GPU)",
        ),
    ],
)
def test_auto_takes_what_can_run_and_says_why(
    tensorrt: Told, tensorrt_rtx: Told, chosen: str, message: str
) -> None:
    found = matrix(
        {"runtimes": ["auto"], "batch_sizes": [1], "precisions": ["fp32"]},
        tensorrt=tensorrt,
        tensorrt_rtx=tensorrt_rtx,
        onnxruntime=Told(),
    )
    assert names(found) == [f"{chosen}/b1_fp32"]
    assert found.notes == (f"runtimes: {message}",)


def test_auto_beside_named_runtimes_adds_no_second_of_them() -> None:
    found = matrix(
        {"runtimes": ["auto", "onnxruntime"], "batch_sizes": [1], "precisions": ["fp32"]},
        tensorrt=ABSENT,
        tensorrt_rtx=ABSENT,
        onnxruntime=Told(),
    )
    assert names(found) == ["onnxruntime/b1_fp32"]


def test_the_demos_matrix_can_be_had_on_any_machine() -> None:
    found = make_matrix(resolve_config({}), get_runtime, HERE)
    assert len(found.runnable) == 12
    assert found.left_out == ()


def test_auto_precisions_are_each_runtimes_own_on_each_machine() -> None:
    machines = {"old": Machine("CPU A", "avx2", None), "new": Machine("CPU B", "amx_bf16", None)}
    settings = {"engines": {"batch_sizes": [4], "runtimes": ["onnxruntime", "openvino"]}}
    config = resolve_config({**settings, "machines": {name: {} for name in machines}})
    found = make_matrix(config, get_runtime, machines)
    assert names(found) == [
        *(f"onnxruntime@new/b4_{precision}" for precision in ("fp32", "int8")),
        *(f"openvino@new/b4_{precision}" for precision in ("fp32", "bf16", "int8")),
        *(f"onnxruntime@old/b4_{precision}" for precision in ("fp32", "int8")),
        *(f"openvino@old/b4_{precision}" for precision in ("fp32", "int8")),
    ]
    assert found.left_out == ()
    assert found.notes == (
        "precisions: auto takes fp32, int8 (onnxruntime@new); fp32, bf16, int8 (openvino@new); "
        "fp32, int8 (onnxruntime@old); fp32, int8 (openvino@old)",
    )


def test_auto_precisions_leave_int8_out_where_nothing_is_set_aside_to_calibrate_with() -> None:
    config = resolve_config({"dataset": {"calibration_fraction": 0}})
    found = make_matrix(config, get_runtime, HERE)
    assert {spec.settings.precision for spec in found.engines} == {Precision.FP32}


def test_a_runtime_that_is_not_here_is_left_out_with_all_its_precisions() -> None:
    found = matrix(
        {"batch_sizes": [1], "runtimes": ["openvino", "tensorrt"], "on_unsupported": "skip"},
        openvino=Told(without=("bf16",)),
        tensorrt=ABSENT,
    )
    assert names(found) == ["openvino/b1_fp32", "openvino/b1_int8"]
    assert [cell.name for cell in found.left_out] == [
        f"tensorrt/b1_{precision}" for precision in ("fp32", "bf16", "int8")
    ]


GPUS = {
    "a100": Machine("CPU A", "avx2", GpuFacts("NVIDIA A100", "8.0", "580", "13.0", 40_000)),
    "node": Machine("CPU B", "avx2 amx", None),
}


def test_each_machine_has_the_engines_that_it_can_have() -> None:
    found = matrix(
        {
            "runtimes": ["openvino", "tensorrt"],
            "batch_sizes": [4],
            "precisions": ["fp32"],
            "on_unsupported": "skip",
        },
        {"a100": {}, "node": {}},
        GPUS,
        openvino=Told(isa="amx"),
        tensorrt=Told(needs_gpu=True),
    )
    assert names(found) == ["tensorrt@a100/b4_fp32", "openvino@node/b4_fp32"]
    assert {cell.name: cell.reason for cell in found.left_out} == {
        "openvino@a100/b4_fp32": "no amx",
        "tensorrt@node/b4_fp32": "no GPU",
    }
    assert found.find("tensorrt@a100", 4, "fp32").machine == "a100"


@pytest.mark.parametrize("on_unsupported", ["skip", "fail"])
def test_what_a_machine_cannot_have_is_reported_with_its_name(on_unsupported: str) -> None:
    engines = {"runtimes": ["tensorrt"], "on_unsupported": on_unsupported}
    with pytest.raises(SegtrtError) as reported:
        matrix(engines, {"node": {}}, {"node": GPUS["node"]}, tensorrt=Told(needs_gpu=True))
    assert "tensorrt@node: no GPU" in str(reported.value)
    assert "not as described, run: snakemake describe_machines" in str(reported.value)
    assert ("machines.NAME.runtimes" in str(reported.value)) == (on_unsupported == "fail")


def test_a_machine_may_name_its_own_runtimes() -> None:
    found = matrix(
        {"runtimes": ["openvino"], "batch_sizes": [1], "precisions": ["fp32"]},
        {"a100": {"runtimes": ["auto"]}, "node": {}},
        GPUS,
        openvino=Told(),
        tensorrt=Told(needs_gpu=True),
    )
    assert names(found) == ["tensorrt@a100/b1_fp32", "openvino@node/b1_fp32"]
    assert found.notes == ("runtimes: auto takes tensorrt on a100",)


def test_a_machine_that_builds_alone_leaves_the_other_to_run() -> None:
    found = matrix(
        {"runtimes": ["tensorrt_rtx"], "batch_sizes": [1], "precisions": ["fp32"]},
        {"a100": {}, "node": {}},
        GPUS,
        tensorrt_rtx=Ahead(),
    )
    assert found.cannot_run == {"tensorrt_rtx@node": "no GPU"}
    assert [spec.name for spec in found.runnable] == ["tensorrt_rtx@a100/b1_fp32"]


class Ahead(Told):
    """Builds anywhere, runs on a GPU."""

    def availability(self, machine: Machine) -> Availability:
        found = machine.gpu is not None
        return Availability(can_build=True, can_run=found, reason="" if found else "no GPU")
