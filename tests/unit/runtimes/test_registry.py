"""The registry, the CPU's description, and what CPU runtimes say of themselves."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from segtrt.config.schema import load_schema
from segtrt.errors import SegtrtError
from segtrt.machine.cpu import available_cores, describe_cpu
from segtrt.machine.facts import Machine
from segtrt.plan.fingerprint import PACKAGE, code_fingerprint
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildSettings
from segtrt.runtimes.registry import all_runtimes, any_on_gpu, auto_order, get_runtime

CPU_RUNTIMES = ("onnxruntime", "openvino")


@pytest.mark.parametrize("name", list(all_runtimes()))
def test_every_name_leads_to_its_runtime(name: str) -> None:
    runtime = get_runtime(name)
    assert runtime.name == name
    assert get_runtime(name) is runtime


def test_the_schema_lists_the_runtimes() -> None:
    schema = load_schema()
    for part in (schema["properties"]["engines"], schema["$defs"]["machine"]):
        assert part["properties"]["runtimes"]["items"]["enum"] == ["auto", *all_runtimes()]


def test_what_a_runtime_says_of_itself() -> None:
    known = all_runtimes().values()
    assert [one.title for one in known] == ["ONNX Runtime", "OpenVINO", "TensorRT", "TensorRT-RTX"]
    colours = [colour for one in known for colour in (one.colour.light, one.colour.dark)]
    assert len(set(colours)) == len(colours)
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
    assert auto_order() == ["tensorrt", "tensorrt_rtx", "onnxruntime"]
    assert {one.name: any_on_gpu([one.name]) for one in known} == {
        "onnxruntime": False,
        "openvino": False,
        "tensorrt": True,
        "tensorrt_rtx": True,
    }
    assert not any_on_gpu(["auto"])


def test_nothing_outside_its_folder_names_a_runtime(project_root: Path) -> None:
    """But for packages that other code uses under the same name, and a folder of caches.

    ONNX Runtime and OpenVINO prove graphs, and ONNX Runtime is the reference of an ONNX file.
    """
    other = {
        *(("plan.smk", "onnxruntime"), ("plan.smk", "openvino"), ("precision.smk", "onnxruntime")),
        *(("graphs/converters.py", "onnxruntime"), ("plan/store.py", "tensorrt")),
        *(("model/inference.py", "ONNX Runtime"),),
    }
    titles = {one.title for one in all_runtimes().values()}
    found = set()
    for path in PACKAGE.rglob("*.py"):
        name = path.relative_to(PACKAGE).as_posix()
        if not name.startswith("runtimes/"):
            found |= {
                (name, node.value)
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
                if isinstance(node, ast.Constant) and node.value in {*all_runtimes(), *titles}
            }
    for path in [project_root / "Snakefile", *project_root.glob("workflow/rules/*.smk")]:
        code = re.sub("#.*", "", path.read_text(encoding="utf-8"))
        words = set(re.findall(r"[\w-]+", code))
        found |= {(path.name, word) for word in words & {*all_runtimes(), *titles}}
    assert found == other


def test_unknown_runtime_is_refused() -> None:
    with pytest.raises(SegtrtError, match="'onnx' is not known; choose from onnxruntime, openvino"):
        get_runtime("onnx")


def test_asking_a_cpu_runtime_imports_no_library() -> None:
    """Planning asks all of this for every engine; it must stay quick."""
    code = (
        "import sys\n"
        "from segtrt.runtimes.registry import get_runtime\n"
        "from segtrt.runtimes.base import BuildSettings\n"
        "from segtrt.precision import Precision\n"
        "for name in ('onnxruntime', 'openvino'):\n"
        "    runtime = get_runtime(name)\n"
        "    runtime.availability(), runtime.target(), runtime.version()\n"
        "    for precision in Precision:\n"
        "        runtime.unsupported(BuildSettings(1, precision))\n"
        "heavy = {'onnx', 'onnxruntime', 'openvino', 'torch', 'tensorrt'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_code_of_one_runtime_does_not_touch_another(tmp_path: Path) -> None:
    package = tmp_path / "segtrt"
    shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns("__pycache__"))

    def prints() -> dict[tuple[str, str], str]:
        return {
            (name, job): code_fingerprint([f"segtrt.{entry}", *modules], package)
            for name in CPU_RUNTIMES
            for job, entry, modules in (
                ("build", "engines.build", get_runtime(name).build_modules),
                ("run", "engines.run", get_runtime(name).run_modules),
            )
        }

    before = prints()
    for name, job in before:
        module = package / f"runtimes/{name}/{job}.py"
        original = module.read_text()
        module.write_text(original + "\nCHANGED = True\n")
        after = prints()
        assert {key for key in before if after[key] != before[key]} == {(name, job)}
        module.write_text(original)


@pytest.mark.parametrize("name", CPU_RUNTIMES)
def test_target_names_version_and_cpu_alone(name: str) -> None:
    runtime = get_runtime(name)
    target = runtime.target()
    assert set(target) == {"runtime", "cpu", "isa"}
    assert target["runtime"] == runtime.version()
    assert all(isinstance(value, str) and value for value in target.values())


@pytest.mark.parametrize("name", CPU_RUNTIMES)
def test_missing_package_is_reported(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = get_runtime(name)
    assert runtime.availability().can_build and runtime.availability().can_run
    monkeypatch.setattr(runtime, "package", "segtrt-no-such-package")
    assert runtime.version() is None
    availability = runtime.availability()
    assert not availability.can_build and not availability.can_run
    assert "is not installed; install the package segtrt-no-such-package" in availability.reason


@pytest.mark.parametrize("name", CPU_RUNTIMES)
def test_mismatch(name: str) -> None:
    runtime = get_runtime(name)
    here = runtime.target()
    assert runtime.mismatch(here) is None
    assert runtime.mismatch({**here, "cpu": "a sibling with the same extensions"}) is None
    older = runtime.mismatch({**here, "runtime": "1.0"})
    assert older is not None and "1.0, this machine has " + here["runtime"] in older
    isa = here["isa"].split()
    richer = runtime.mismatch({**here, "isa": " ".join([*isa, "avx1024"])})
    assert richer is not None and "this one lacks avx1024" in richer
    poorer = runtime.mismatch({**here, "isa": " ".join(isa[1:])})
    assert poorer is not None and f"this one has also {isa[0]}" in poorer


@pytest.mark.parametrize("name", CPU_RUNTIMES)
def test_precisions(name: str) -> None:
    runtime = get_runtime(name)
    assert runtime.unsupported(BuildSettings(1, Precision.FP32)) is None
    assert runtime.unsupported(BuildSettings(1, Precision.INT8)) is None
    for precision in (Precision.TF32, Precision.FP8):
        reason = runtime.unsupported(BuildSettings(1, precision))
        assert reason and "\n" not in reason


def test_openvino_takes_bf16_where_the_cpu_has_it() -> None:
    for isa, expected in (("avx2 avx512_bf16", True), ("avx2 amx_bf16", True), ("avx2", False)):
        there = Machine("x", isa, None)
        reason = get_runtime("openvino").unsupported(BuildSettings(1, Precision.BF16), there)
        assert (reason is None) == expected
        assert get_runtime("onnxruntime").unsupported(BuildSettings(1, Precision.BF16), there)


@pytest.mark.parametrize("name", CPU_RUNTIMES)
def test_dynamic_profile(name: str) -> None:
    runtime = get_runtime(name)
    dynamic = {"precision": Precision.FP32, "profile": "dynamic", "dynamic_min": 2}
    assert runtime.unsupported(BuildSettings(batch_size=4, **dynamic)) is None
    for batch in (1, 33):
        reason = runtime.unsupported(BuildSettings(batch_size=batch, **dynamic))
        assert reason == f"batch size {batch} lies outside the dynamic profile 2..32"


@pytest.mark.parametrize("name", CPU_RUNTIMES)
def test_only_deciding_settings_reach_the_key(name: str) -> None:
    """A change of TensorRT's workspace must not rebuild a CPU engine."""
    key_settings = get_runtime(name).key_settings
    plain = BuildSettings(4, Precision.FP32)
    assert key_settings(plain) == key_settings(BuildSettings(4, Precision.FP32, workspace_mib=7))
    assert key_settings(plain) != key_settings(BuildSettings(1, Precision.FP32))
    assert key_settings(plain) != key_settings(BuildSettings(4, Precision.INT8))
    wide = BuildSettings(4, Precision.FP32, profile="dynamic", dynamic_max=8)
    wider = BuildSettings(4, Precision.FP32, profile="dynamic", dynamic_max=16)
    assert key_settings(plain) != key_settings(wide) != key_settings(wider)


@pytest.mark.parametrize(
    ("text", "cpu", "isa"),
    [
        (
            "processor\t: 0\nvendor_id\t: GenuineIntel\ncpu family\t: 6\nmodel\t\t: 143\n"
            "model name\t: Intel(R) Xeon(R) Platinum 8480+\ncpu cores\t: 56\n"
            "flags\t\t: fpu sse4_2 avx2 avx512_vnni amx_int8 rdpid\n\nprocessor\t: 1\n",
            "Intel(R) Xeon(R) Platinum 8480+ (GenuineIntel family 6 model 143)",
            "amx_int8 avx2 avx512_vnni sse4_2",
        ),
        (
            "processor\t: 0\nBogoMIPS\t: 2100.00\nFeatures\t: fp asimd asimddp i8mm bf16\n"
            "CPU implementer\t: 0x41\nCPU part\t: 0xd4f\n\n",
            "implementer 0x41 part 0xd4f",
            "asimd asimddp bf16 i8mm",
        ),
    ],
)
def test_cpu_description(tmp_path: Path, text: str, cpu: str, isa: str) -> None:
    cpuinfo = tmp_path / "cpuinfo"
    cpuinfo.write_text(text)
    description = describe_cpu(cpuinfo)
    assert description["isa"] == isa
    assert description["cpu"].strip("()") == cpu.strip("()")


def test_cpu_without_cpuinfo_is_still_described(tmp_path: Path) -> None:
    assert all(describe_cpu(tmp_path / "absent").values())


def test_available_cores() -> None:
    assert available_cores() >= 1
