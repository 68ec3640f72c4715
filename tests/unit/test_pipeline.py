"""The workflow's jobs as nodes: which edit, setting or machine changes which key."""

import ast
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from segtrt import deciding, pipeline
from segtrt.codeprint import PACKAGE, code_fingerprint, import_closure
from segtrt.config import resolve_config
from segtrt.deciding import PACKAGES, deciding_config
from segtrt.gpu import GpuFacts
from segtrt.matrix import make_matrix
from segtrt.pipeline import Pipeline
from segtrt.runtimes import cpu as cpu_runtimes
from segtrt.runtimes import get_runtime
from segtrt.runtimes import tensorrt as tensorrt_runtimes
from segtrt.runtimes.base import Availability
from segtrt.sources import DatasetDigest

DATASET = DatasetDigest(
    Path("images"), {"subjects": {"a": 1, "b": 2}}, ({"a": 1}, {"b": 2}), {"a": 1}
)
ENGINES: dict[str, Any] = {
    "runtimes": ["onnxruntime", "openvino", "tensorrt"],
    "batch_sizes": [1, 4],
    "precisions": ["fp32", "int8"],
}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A machine with a GPU; call it to change the machine."""

    def become(
        gpu: str = "GPU A", driver: str = "580", cpu: str = "CPU 1", trt: str = "11"
    ) -> None:
        facts = GpuFacts(gpu, "9.0", driver, "13.0", 80_000)
        monkeypatch.setattr(deciding.gpu, "facts", lambda: facts)
        for module in (deciding, cpu_runtimes):
            monkeypatch.setattr(module, "describe_cpu", lambda: {"cpu": cpu, "isa": "avx2"})
        monkeypatch.setattr(tensorrt_runtimes.TensorRT, "version", lambda _: trt)
        here = Availability(True, True)
        monkeypatch.setattr(tensorrt_runtimes.TensorRT, "availability", lambda _: here)

    become()
    return become


def keys(
    *, dataset: DatasetDigest = DATASET, weights: str = "0", **groups: dict[str, Any]
) -> dict[str, str]:
    """Label -> key of every node."""
    engines = ENGINES | groups.pop("engines", {})
    shards = {"shards": 2, **groups.pop("dataset", {})}
    config = resolve_config({"engines": engines, "dataset": shards, **groups})
    matrix = make_matrix(config, get_runtime)
    made = Pipeline(config, matrix, dataset, {"content": weights}, get_runtime)
    return {node.label: node.key for node in made.nodes.values()}


def changed(before: dict[str, str], after: dict[str, str]) -> set[str]:
    """Rules, or `rule runtime` for those of an engine, of which a key changed."""
    assert before.keys() == after.keys()
    labels = [label for label in before if before[label] != after[label]]
    return {label.split("/")[0] if "/" in label else label.split(" ")[0] for label in labels}


def test_every_rule_has_its_script_and_every_output_its_own_job() -> None:
    config = resolve_config({"engines": ENGINES, "dataset": {"shards": 2}})
    matrix = make_matrix(config, get_runtime)
    made = Pipeline(config, matrix, DATASET, {}, get_runtime)
    assert all((PACKAGE.parent / f"{rule}.py").is_file() for rule, _ in made.nodes)
    outputs = [path for node in made.nodes.values() for path in node.outputs]
    assert len(outputs) == len(set(outputs))
    records = [node.record for node in made.nodes.values()]
    assert len(records) == len(set(records))


def test_keys_hold_no_path_host_or_time(tmp_path: Path) -> None:
    before = keys(report={"compare_with": str(tmp_path / "one/summary.json")})
    after = keys(report={"compare_with": str(tmp_path / "two/summary.json")})
    assert changed(before, after) == set()


def test_the_order_of_lists_does_not_count() -> None:
    turned = {key: ENGINES[key][::-1] for key in ENGINES}
    assert changed(keys(), keys(engines=turned)) == set()


def test_the_compared_summary_counts_by_content(tmp_path: Path) -> None:
    earlier = tmp_path / "summary.json"
    earlier.write_text("{}")
    before = keys(report={"compare_with": str(earlier)})
    earlier.write_text("{ }")
    after = keys(report={"compare_with": str(earlier)})
    assert changed(before, after) == {"summarise", "write_report"}


def test_another_gpu_or_driver_rebuilds_its_engines_alone(machine: Callable[..., None]) -> None:
    before = keys()
    expected = {
        f"{rule} tensorrt"
        for rule in ("build_engine", "run_engine", "time_engine", "score_engine", "validate_engine")
    } | {"time_reference", "time_preparation", "summarise", "write_report"}
    for change in ({"gpu": "GPU B"}, {"driver": "581"}):
        machine(**change)
        assert changed(before, keys()) == expected
    machine(trt="10.9")
    assert changed(before, keys()) == expected - {"time_reference", "time_preparation"}


def test_two_machines_alike_have_the_same_keys(
    machine: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = keys()
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    monkeypatch.setattr("platform.node", lambda: "elsewhere")
    monkeypatch.setattr("socket.gethostname", lambda: "elsewhere")
    assert keys() == before
    machine(cpu="CPU 2")
    after = keys()
    engines = [label for label in before if label.startswith("build_engine tensorrt")]
    assert engines and all(before[label] == after[label] for label in engines)


@pytest.mark.parametrize(
    ("groups", "rules"),
    [
        ({"validation": {"threshold": 0.4}}, {"score_engine", "validate_engine"}),
        ({"inference": {"iterations": 3}}, {"time_engine", "time_reference"}),
        ({"report": {"title": "Other"}}, set()),
        ({"tensors": {"samples": [{"subject": "a", "slice": 1}]}}, {"write_samples"}),
    ],
)
def test_a_setting_counts_where_it_is_used(groups: dict[str, Any], rules: set[str]) -> None:
    found = {label.split(" ")[0] for label in changed(keys(), keys(**groups))}
    assert found == rules | {"summarise", "write_report"}


def test_a_builder_setting_of_tensorrt_leaves_other_engines_alone() -> None:
    found = changed(keys(), keys(engines={"workspace_mib": 2048}))
    assert "build_engine tensorrt" in found
    assert not {each for each in found if each.endswith(("onnxruntime", "openvino"))}


def test_evaluation_images_do_not_touch_calibrated_engines() -> None:
    shards = (DATASET.shards[0], {"b": 3})
    dataset = DatasetDigest(DATASET.root, {"subjects": {"a": 1, "b": 3}}, shards, {"a": 1})
    found = changed(keys(), keys(dataset=dataset))
    assert not {rule for rule in found if rule.startswith(("build_engine", "convert_onnx"))}
    assert {"encode_slices", "run_reference", "score_engine openvino"} <= found


def test_calibration_images_touch_quantised_engines_alone() -> None:
    dataset = DatasetDigest(DATASET.root, DATASET.whole, DATASET.shards, {"a": 2})
    before, after = keys(), keys(dataset=dataset)
    built = {label for label in before if before[label] != after[label] and "build" in label}
    assert built and all(label.endswith("int8") for label in built)


def test_weights_count_by_content_and_lead_to_every_engine() -> None:
    before, after = keys(), keys(weights="1")
    same = {label.split(" ")[0] for label in before if before[label] == after[label]}
    assert same == {"list_slices", "encode_slices", "time_preparation", "train"}


def test_the_report_follows_its_templates(monkeypatch: pytest.MonkeyPatch) -> None:
    before = keys()
    monkeypatch.setattr(pipeline, "digest_templates", lambda: {"report.css": "other"})
    assert changed(before, keys()) == {"write_report"}


# --- what an edit of the library changes, tried on a copy of it ---


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
    found = edited(library, "metrics.py", lambda text: text + "\nEDITED = 1\n")
    assert "score_engine" in found
    assert not {name for name in found if name.startswith(("build_engine", "export", "convert"))}
    assert not found & {"encode_slices", "run_reference", "run_engine", "time_engine"}


@pytest.mark.parametrize("runtime", ["onnxruntime", "openvino", "tensorrt"])
def test_editing_a_builder_rebuilds_its_runtimes_engines_alone(library: Path, runtime: str) -> None:
    found = edited(library, f"runtimes/{runtime}_build.py", lambda text: text + "\nEDITED = 1\n")
    assert found == {f"build_engine {runtime}"}


def test_formatting_the_whole_library_changes_no_fingerprint(library: Path) -> None:
    before = fingerprints(library)
    for path in library.rglob("*.py"):
        path.write_text("# reformatted\n" + ast.unparse(ast.parse(path.read_text())) + "\n# end\n")
        os.utime(path, (1, 1))
    assert fingerprints(library) == before


def test_imported_packages_are_in_the_keys_or_decide_nothing() -> None:
    """Every package that a rule's code imports is versioned in its key, or listed here with why."""
    names = {"PIL": "pillow", "skimage": "scikit-image"}
    nothing = {
        "tqdm": "progress",
        "requests": "download, checked by hash",
        "kagglehub": "download, checked by hash",
        "filelock": "locks",
        "psutil": "memory told beside a timing",
        "pynvml": "state of the GPU told beside a timing",
        "jsonschema": "checks",
        "yaml": "reads the schema, shows the configuration",
        "markupsafe": "comes with jinja2",
        "google": "protobuf reads what onnx writes",
        "safetensors": "a fixed format",
        "pycuda": "moves bytes",
        "cuda": "moves bytes",
        "onnxruntime": "the runtime's own version is in its target; export only compares with it",
        "openvino": "the runtime's own version is in its target",
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
        ("write_report", "jinja2"),
        ("write_report", "plotly"),
    }
    assert all(package in PACKAGES[rule] for rule, package in must)
    for script in PACKAGE.parent.glob("*.py"):
        for name, path in import_closure([script]).items():
            for node in ast.walk(ast.parse(path.read_text())):
                found = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    found = [node.module]
                for module in {each.split(".")[0] for each in found}:
                    package = names.get(module, module)
                    known = module in sys.stdlib_module_names or module == "segtrt"
                    versioned = package in PACKAGES.get(script.stem, ())
                    assert known or versioned or package in nothing, (script.stem, name, module)


def test_a_package_that_is_not_installed_has_no_version(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PACKAGES, "train", ("no-such-package",))
    assert deciding.versions_of("train") == {"no-such-package": None}


def test_paths_are_reduced_to_names() -> None:
    given = {"dataset": {"source": "path", "path": "/a/kaggle_3m"}, "model": {"weights": "b/w.pt"}}
    config = deciding_config(resolve_config(given))
    assert config["dataset"]["path"] == "kaggle_3m" and config["model"]["weights"] == "w.pt"
    url = "https://example.org/a/w-0123abcd.pt"
    assert deciding_config(resolve_config({"model": {"weights": url}}))["model"]["weights"] == url


def test_keys_are_the_same_in_another_process() -> None:
    code = (
        "from segtrt.codeprint import *; "
        "print(code_fingerprint([PACKAGE.parent / 'build_engine.py']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE.parent), "PYTHONHASHSEED": "7"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == code_fingerprint([PACKAGE.parent / "build_engine.py"])
