"""The code against TensorRT's own names, members and signatures, which cannot be run here.

A copy of the code, in which the module that it is handed is the module `tensorrt`, is type-checked
with stubs that were read from the bindings of two versions (tools/write_tensorrt_stubs.py).
"""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[4]
LIBRARY = PROJECT / "workflow/scripts"
STUBS = PROJECT / "tests/tools/tensorrt_stubs"
VERSIONS = ("10.13", "11.4")
OF_RTX = {
    "ComputeCapability",
    "DynamicShapesKernelSpecializationStrategy",
    "EngineInvalidityDiagnostics",
    "IRuntimeCache",
    "get_engine_validity",
    "num_compute_capabilities",
    "set_compute_capability",
}
"""What TensorRT-RTX alone has, and the code asks for there alone."""


def typed_copy(folder: Path) -> None:
    """The library in `folder`, with the module `tensorrt` for every `trt`."""
    package = folder / "segtrt/runtimes/tensorrt"
    shutil.copytree(LIBRARY / "segtrt", folder / "segtrt")
    for path in package.glob("*.py"):
        text = path.read_text("utf-8")
        text = re.sub(r"\btrt: Any\b", "trt_: Any", text)
        text = re.sub(r"^    trt = place\.trt\n", "", text, flags=re.MULTILINE)
        text = re.sub(r"\b(?:place\.trt|self\._trt)\b(?! =)", "trt", text)
        text = text.replace("trt=self._module()", "trt_=self._module()")
        text = re.sub(
            r"\A(\"\"\".*?\"\"\"\n)", r"\1import tensorrt as trt\n", text, flags=re.DOTALL
        )
        path.write_text(text, encoding="utf-8")


def faults(folder: Path, version: str) -> list[str]:
    """What mypy finds in the copied package with the stubs of a version."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--config-file", "", "--no-error-summary"),
            *("--no-strict-optional", "--no-warn-no-return"),
            *("--ignore-missing-imports", "--follow-imports=silent", "--show-error-codes"),
            *("--cache-dir", str(folder / "cache"), "--package", "segtrt.runtimes.tensorrt"),
        ],
        cwd=folder,
        env={"MYPYPATH": f"{folder}:{STUBS / version}", "PATH": ""},
        text=True,
        capture_output=True,
        check=False,
    )
    assert done.stderr == ""
    return [line for line in done.stdout.splitlines() if line.startswith("segtrt/")]


def is_of_rtx(fault: str) -> bool:
    found = re.search(r'has no attribute "(\w+)"', fault)
    return found is not None and found[1] in OF_RTX


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the typed copy; one for all, so that mypy reads NumPy's types once."""
    folder = tmp_path_factory.mktemp("typed")
    typed_copy(folder)
    return folder


@pytest.mark.parametrize("version", VERSIONS)
def test_the_code_uses_what_tensorrt_has(library: Path, version: str) -> None:
    found = faults(library, version)
    assert [fault for fault in found if not is_of_rtx(fault)] == []
    # The check sees through the code: it does find what this TensorRT has not.
    assert any("ComputeCapability" in fault for fault in found)


WRONG = (
    ("build", "MemoryPoolType.WORKSPACE", "MemoryPoolType.SCRATCH", 'attribute "SCRATCH"'),
    ("build", "builder.create_network(", "builder.create_network_v2(", "create_network_v2"),
    ("build", "profile.set_shape(tensor.name, *", "profile.set_shape(*", "set_shape"),
    ("lane", "execute_async_v3(self.buffers.handle)", "execute_async_v3()", "Missing positional"),
    ("inspect", "trt.Runtime(log)", "trt.Runtime(log, 1, 2)", "Too many arguments"),
    ("log", "def log(self, severity", "def log(self, one, severity", "incompatible"),
)
"""Module, what stands in it, something wrong in its place, and what mypy says of that."""


def test_wrong_names_and_signatures_are_found(library: Path) -> None:
    kept = {}
    for module, right, wrong, _ in WRONG:
        path = library / f"segtrt/runtimes/tensorrt/{module}.py"
        text = path.read_text("utf-8")
        kept.setdefault(path, text)
        assert text.count(right) == 1
        path.write_text(text.replace(right, wrong), encoding="utf-8")
    try:
        found = [fault for fault in faults(library, VERSIONS[-1]) if not is_of_rtx(fault)]
    finally:
        for path, text in kept.items():
            path.write_text(text, encoding="utf-8")
    missed = [
        wrong
        for module, _, wrong, reported in WRONG
        if not any(f"/{module}.py:" in fault and reported in fault for fault in found)
    ]
    assert missed == [], found


@pytest.mark.slow
@pytest.mark.parametrize("version", VERSIONS)
def test_the_stubs_are_those_of_the_bindings(version: str) -> None:
    path = PROJECT / "tools/write_tensorrt_stubs.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    if shutil.which("gcc") is None or shutil.which("nm") is None:
        pytest.skip("gcc is missing")
    try:
        made = tool.make_stub(tool.VERSIONS[version])
    except subprocess.CalledProcessError as error:
        if "download" not in error.cmd:
            raise
        pytest.skip(f"the bindings of {version} cannot be downloaded")
    assert made == (STUBS / version / "tensorrt.pyi").read_text("utf-8")
