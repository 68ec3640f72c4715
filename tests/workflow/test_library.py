"""What holds for every file of the library and the project."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HEAVY = (
    "SimpleITK",
    "cuda",
    "kagglehub",
    "matplotlib",
    "medpy",
    "onnx",
    "onnxruntime",
    "onnxslim",
    "modelopt",
    "monai",
    "onnxscript",
    "openvino",
    "pandas",
    "plotly",
    "pycuda",
    "requests",
    "scipy",
    "skimage",
    "tensorrt",
    "tensorrt_rtx",
    "tifffile",
    "torch",
)
PROJECT = Path(__file__).resolve().parents[2]
LIBRARY = PROJECT / "workflow/scripts/segtrt"
MODULES = sorted(
    ".".join(path.relative_to(LIBRARY.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in LIBRARY.rglob("*.py")
    if path.name != "__init__.py" or path.parent == LIBRARY
)


def tracked(*patterns: str) -> list[Path]:
    """Files of the repository, by git's own list."""
    if not (PROJECT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=PROJECT, capture_output=True, check=True
    )
    return [PROJECT / name for name in listed.stdout.decode().split("\0") if name]


def test_importing_any_module_imports_nothing_heavy() -> None:
    """All modules in one process; one by one only to name the guilty, which costs time."""
    assert "segtrt.runtimes.tensorrt.runtime" in MODULES
    guilty = heavy_after(MODULES)
    assert not guilty, {module: heavy_after([module]) for module in MODULES}


def heavy_after(modules: list[str]) -> list[str]:
    """Heavy packages that importing `modules` in a new process imports."""
    code = (
        "import sys, importlib\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print(*[name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=LIBRARY.parent, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_reading_the_configuration_and_planning_import_nothing_heavy() -> None:
    """What the Snakefile does before any job: also with a GPU runtime asked for."""
    code = (
        "import sys\n"
        "from segtrt.config.resolve import resolve_config\n"
        "from segtrt.machine.facts import this_machine\n"
        "from segtrt.engines.matrix import make_matrix\n"
        "from segtrt.runtimes.registry import all_runtimes, get_runtime\n"
        "engines = {'runtimes': list(all_runtimes()), 'on_unsupported': 'skip'}\n"
        "make_matrix(resolve_config({'engines': engines}), get_runtime, {'': this_machine()})\n"
        "for name in all_runtimes(): get_runtime(name).target()\n"
        f"print(*[name for name in {(*HEAVY, 'numpy')!r} if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=LIBRARY.parent, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def test_no_module_is_long_or_a_grab_bag() -> None:
    lines = {
        path.relative_to(LIBRARY).as_posix(): len(path.read_text("utf-8").splitlines())
        for path in LIBRARY.rglob("*.py")
    }
    assert {name: count for name, count in lines.items() if count > 300} == {}
    assert not {"utils.py", "helpers.py", "common.py", "misc.py"} & {Path(n).name for n in lines}


def test_every_module_and_public_function_says_what_it_is() -> None:
    silent = []
    for path in LIBRARY.rglob("*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        name = path.relative_to(LIBRARY).as_posix()
        if ast.get_docstring(tree) is None and path.read_text("utf-8"):
            silent.append(name)
        for node in tree.body:
            public = isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name[0] != "_"
            if public and ast.get_docstring(node) is None:
                silent.append(f"{name}: {node.name}")
    assert silent == []


TESTED_THROUGH = {
    "quality/test_metric.py": "quality.means",
    "cli/test_main.py": "__main__ cli.amounts cli.parser",
    "cli/test_pick.py": "cli.pick_options",
    "cli/test_report.py": "cli.report_options",
    "cli/test_run.py": "cli.compare cli.engine cli.limits",
    "config/test_resolve.py": "config.network config.precision_search config.resources "
    "config.schema config.typed",
    "cli/test_predict.py": "deploy.arrays deploy.job deploy.outputs deploy.predict deploy.reading",
    "data/test_encode.py": "data.encoding data.stored",
    "data/test_intensity.py": "data.normalisations",
    "data/test_listing.py": "data.entries data.walk",
    "data/test_make_manifest.py": "data.scan data.sharding",
    "data/test_preparation.py": "data.placement",
    "data/test_preparation_timing.py": "data.preparation_file",
    "data/test_volume.py": "data.geometry",
    "deploy/test_images.py": "deploy.folders",
    "deploy/test_model.py": "deploy.proven",
    "engines/test_rebuild.py": "engines.rebuild_file",
    "engines/test_record.py": "engines.load runtimes.description",
    "engines/test_run.py": "data.first_slices engines.load engines.time",
    "engines/test_timing.py": "engines.budget engines.timing_file",
    "graphs/test_samples.py": "graphs.sample",
    "machine/test_facts.py": "machine.cpu",
    "model/test_reference.py": "model.inference model.reference_timing",
    "quality/test_judging.py": "quality.check quality.failures quality.precision_proof",
    "plan/test_declare.py": "plan.jobs plan.node plan.records plan.rules",
    "quality/test_scoring.py": "quality.masks quality.reference_scores quality.reference_scoring "
    "quality.subject_labels quality.worth",
    "quality/test_rebuild_scoring.py": "quality.rebuild_scores",
    "report/test_charts.py": "report.chart report.charts_confidence report.charts_quality "
    "report.charts_speed report.charts_subjects report.charts_time",
    "report/test_page.py": "report.cautions report.matrix report.overview summary.overlay_index",
    "graphs/test_modelopt.py": "graphs.modelopt_process",
    "graphs/test_proof.py": "graphs.running",
    "model/test_contract.py": "graphs.source_graph model.network_file",
    "model/test_load.py": "model.bundle",
    "model/test_outputs.py": "model.input",
    "model/test_probe.py": "model.spec",
    "package/test_card.py": "package.manifest",
    "package/test_make.py": "config.package package.licences package.requirements package.views "
    "runtimes.serving",
    "package/test_triton.py": "package.served",
    "package/test_verify.py": "package.opened",
    "publish/test_publish.py": "config.publish publish.mlflow_run publish.published",
    "runtimes/test_onnxruntime.py": "runtimes.cpu.messages runtimes.cpu.session "
    "runtimes.onnxruntime.build runtimes.onnxruntime.run "
    "runtimes.onnxruntime.runtime",
    "runtimes/test_openvino.py": "runtimes.openvino.build runtimes.openvino.properties "
    "runtimes.openvino.run runtimes.openvino.runtime",
    "runtimes/test_registry.py": "runtimes.base runtimes.cpu.base",
    "runtimes/test_tensorrt.py": "runtimes.tensorrt.build runtimes.tensorrt.inspect "
    "runtimes.tensorrt.log runtimes.tensorrt.runtime",
    "runtimes/tensorrt/test_session.py": "runtimes.tensorrt.lane",
    "summary/test_summarise.py": "model.reference_timing_file summary.dataset summary.document "
    "summary.engines summary.machines",
    "terminal/test_story.py": "terminal.attach",
    "test_files.py": "errors",
    "test_formats.py": "precision",
    "training/test_train.py": "training.data training.device training.ending training.report "
    "training.targets training.validation",
}
"""Test -> modules that it tests though it bears another one's name."""

ONLY_TYPES = {"segtrt", "segtrt.arrays", "segtrt.data.kaggle"}
"""Modules with nothing in them that runs; `segtrt` itself has `load` alone, which
`deploy/test_model.py` tests."""


def test_every_module_is_tested_under_its_name() -> None:
    """By the test of its own name in the mirrored folder, or by one that is listed here."""
    unit = PROJECT / "tests/unit"
    through = {f"segtrt.{name}" for names in TESTED_THROUGH.values() for name in names.split()}
    assert through <= set(MODULES), "modules that are no more"
    assert [name for name in TESTED_THROUGH if not (unit / name).is_file()] == []

    def own_test(module: str) -> Path:
        *folders, name = module.split(".")[1:]
        return unit.joinpath(*folders, f"test_{name}.py")

    untested = [
        module
        for module in MODULES
        if module not in through | ONLY_TYPES and not own_test(module).is_file()
    ]
    assert untested == []


# Spelt in pieces, so that this file does not hold them itself.
FORBIDDEN = [
    "".join(pieces)
    for pieces in (
        ("py", "pi.org"),
        ("python", "hosted.org"),
        ("download.", "pytorch.org"),
        ("pypi.", "nvidia.com"),
        ("/wo", "rk/"),
        ("TO", "DO"),
        ("FIX", "ME"),
        ("XX", "X:"),
        ("for ", "now,"),
        ("simplified ", "for"),
        ("not ", "implemented yet"),
    )
]


def test_no_file_names_a_registry_a_place_or_unfinished_work() -> None:
    found = []
    for path in tracked():
        if path.suffix in (".tif", ".png", ".webp", ".safetensors", ".gz") or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")
        name = path.relative_to(PROJECT).as_posix()
        found += [f"{name}: {word}" for word in FORBIDDEN if word in text]
    assert found == []


def test_no_file_is_large_and_the_demo_keeps_its_size() -> None:
    large = [path for path in tracked() if path.is_file() and path.stat().st_size > 4e6]
    assert large == []
    assert sum(path.stat().st_size for path in tracked("data/demo")) <= 10e6
