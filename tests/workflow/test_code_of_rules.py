"""What an edit of the library changes, tried on a copy of it."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from real_plan import real_plan
from segtrt.plan.fingerprint import PACKAGE, code_fingerprint, import_closure
from segtrt.runtimes.registry import get_runtime


@pytest.fixture
def library(tmp_path: Path) -> Path:
    """A copy of the scripts and the library."""
    copied = tmp_path / "scripts"
    shutil.copytree(
        PACKAGE.parent, copied, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info")
    )
    return copied


def fingerprints(library: Path) -> dict[str, str]:
    """Fingerprint of each script, and of each runtime's builder."""
    package = library / "segtrt"
    found = {p.stem: code_fingerprint([p], package) for p in library.glob("*.py")}
    for name in ("onnxruntime", "openvino", "tensorrt"):
        roots = [library / "build_engine.py", *get_runtime(name).build_modules]
        found[f"build_engine {name}"] = code_fingerprint(roots, package)
    return found


def edited(library: Path, module: str, edit: Callable[[str], str]) -> set[str]:
    before = fingerprints(library)
    path = library / "segtrt" / module
    path.write_text(edit(path.read_text()))
    after = fingerprints(library)
    return {name for name in before if before[name] != after[name]}


def test_editing_a_metric_rebuilds_no_engine(library: Path) -> None:
    found = edited(library, "quality/metric.py", lambda text: text + "\nEDITED = 1\n")
    assert "score_engine" in found
    assert not {name for name in found if name.startswith(("build_engine", "export", "convert"))}
    assert not found & {"encode_slices", "run_reference", "run_engine", "time_engine"}


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "tensorrt"])
def test_editing_a_builder_rebuilds_its_runtimes_engines_alone(library: Path, runtime: str) -> None:
    found = edited(library, f"runtimes/{runtime}/build.py", lambda text: text + "\nEDITED = 1\n")
    assert found == {f"build_engine {runtime}"}


def test_formatting_the_whole_library_changes_no_fingerprint(library: Path) -> None:
    before = fingerprints(library)
    for path in library.rglob("*.py"):
        path.write_text("# reformatted\n" + ast.unparse(ast.parse(path.read_text())) + "\n# end\n")
        os.utime(path, (1, 1))
    assert fingerprints(library) == before


def test_fingerprints_are_the_same_in_another_process() -> None:
    code = (
        "from segtrt.plan.fingerprint import *; "
        "print(code_fingerprint([PACKAGE.parent / 'build_engine.py']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == code_fingerprint([PACKAGE.parent / "build_engine.py"])


def declared_packages(folder: Path) -> dict[str, set[str]]:
    """Rule -> the packages whose versions are in its keys, for the U-Net or a network of a file.

    Those of rules that build engines are their runtime's own.
    """
    graph = folder / "network.onnx"
    graph.touch()
    found: dict[str, set[str]] = {}
    for network in ("unet", str(graph)):
        with real_plan(folder, {"model": {"network": network}}) as plan:
            for name, rule in plan.rules.items():
                if name not in ("build_engine", "rebuild_engine", "time_region"):
                    packages = rule.packages
                    named = packages(SimpleNamespace()) if callable(packages) else packages
                    found.setdefault(name, set()).update(named)
    return found


def test_imported_packages_are_in_the_keys_or_decide_nothing(tmp_path: Path) -> None:
    """Every package that a rule's code imports is versioned in its key, or listed here with why."""
    names = {
        **{"PIL": "pillow", "skimage": "scikit-image", "SimpleITK": "simpleitk"},
        "modelopt": "nvidia-modelopt",
    }
    nothing = {
        "tqdm": "progress",
        "requests": "download, checked by hash",
        "kagglehub": "download, checked by hash",
        "filelock": "locks",
        "psutil": "memory reported beside a timing",
        "pynvml": "state of the GPU reported beside a timing",
        "jsonschema": "checks",
        "yaml": "reads the schema, shows the configuration",
        "markupsafe": "comes with jinja2",
        "google": "protobuf reads what onnx writes",
        "safetensors": "a fixed format",
        "pycuda": "moves bytes",
        "cuda": "moves bytes",
        "onnxruntime": "the runtime's own version is in its target; export only compares with it",
        "openvino": "the runtime's own version is in its target",
        "mlflow": "takes what it is given",
        "monai": "the code of it that a network is made with is in the network's own part",
        "matplotlib": "decides a curve's look",
        "numpy": "moves and counts whole arrays, or comes with the package that computes",
        "pillow": "image files are decoded or written without loss",
        "onnx": "reads and writes a fixed format",
        "torch": "reads and writes a fixed format",
        "scipy": "comes with the package that computes",
        "scikit-image": "not called on this way",
    }
    must = {
        ("encode_slices", "scikit-image"),
        ("export_onnx", "torch"),
        ("export_onnx", "onnx"),
        ("convert_onnx", "onnx"),
        ("convert_onnx", "onnxruntime"),
        ("run_reference", "torch"),
        ("time_reference", "torch"),
        ("score_engine", "scipy"),
        ("score_reference", "scipy"),
        ("write_report", "jinja2"),
        ("write_report", "plotly"),
    }
    declared = declared_packages(tmp_path)
    assert all(package in declared[rule] for rule, package in must)
    for script in PACKAGE.parent.glob("*.py"):
        for name, path in import_closure([script]).items():
            for node in ast.walk(ast.parse(path.read_text())):
                found = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found = [node.module]
                for module in {each.split(".")[0] for each in found}:
                    package = names.get(module, module)
                    known = module in sys.stdlib_module_names or module == "segtrt"
                    versioned = package in declared.get(script.stem, ())
                    assert known or versioned or package in nothing, (script.stem, name, module)
