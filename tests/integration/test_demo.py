"""The main job on the embedded demo, end to end, and what its files promise."""

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from safetensors import safe_open
from snakemake_runs import job_counts, run_snakemake

ENGINES = ("onnxruntime/b4_fp32", "onnxruntime/b4_int8")
SUBJECTS = ("DEMO_0001", "DEMO_0002", "DEMO_0003")
SMALL = (
    f"dataset={{subjects: [{', '.join(SUBJECTS)}]}}",
    "engines={runtimes: [onnxruntime], batch_sizes: [4], precisions: [fp32, int8]}",
    "inference={iterations: 5, max_seconds: 0.2, warmup_max_seconds: 0.1}",
)


@pytest.fixture(scope="module")
def results(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`results/` after a run in an empty folder; probabilities are kept to look at."""
    folder = tmp_path_factory.mktemp("demo")
    done = run_snakemake(
        folder,
        "results/report.html",
        "--notemp",
        "--config",
        *SMALL,
        snakefile=project_root / "Snakefile",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "results"


def again(project_root: Path, results: Path, *targets: str) -> tuple[int, str]:
    """Another run beside earlier results: exit status, and all it printed."""
    config = [] if "--config" in targets else ["--config", *SMALL]
    done = run_snakemake(results.parent, *targets, *config, snakefile=project_root / "Snakefile")
    return done.returncode, done.stdout + done.stderr


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def outputs(path: Path) -> NDArray[Any]:
    """The raw outputs in a file of answers, one a patch."""
    with safe_open(path, framework="numpy") as shard:
        assert json.loads(shard.metadata()["rows"]) == list(range(48))
        return shard.get_tensor("outputs")


def items(results: Path) -> list[dict[str, Any]]:
    """The images of the shard, in the order of its patches."""
    with safe_open(results / "tensors/shard_00.safetensors", framework="numpy") as shard:
        return json.loads(shard.metadata()["items"])


def test_the_report_is_there_and_names_every_engine(results: Path) -> None:
    page = (results / "report.html").read_text(encoding="utf-8")
    for name in (*ENGINES, *SUBJECTS):
        assert name in page
    assert not re.findall(r'src="https?:|<link[^>]+href="https?:|url\(["\']?https?:', page)
    assert (results / "summary.csv").read_text().count("onnxruntime") >= len(ENGINES)


def test_every_engine_passes_and_one_is_recommended(results: Path) -> None:
    summary = read(results / "summary.json")
    assert {e["name"]: e["verdict"] for e in summary["engines"]} == dict.fromkeys(ENGINES, "pass")
    for name in ENGINES:
        assert read(results / f"validation/{name}.json")["verdict"] == "pass"
    assert summary["recommendation"]["engine"] in ENGINES


def test_fp32_agrees_with_pytorch_on_every_slice(results: Path) -> None:
    expected = outputs(results / "reference/shard_00.safetensors")[:, 0]
    found = outputs(results / "answers/onnxruntime/b4_fp32/shard_00.safetensors")[:, 0]
    assert expected.shape == found.shape == (48, 256, 256)
    errors = np.abs(expected - found).max(axis=(1, 2))
    assert errors.max() <= 1e-4
    assert expected.max() > 0.9
    reported = read(results / "scores/onnxruntime/b4_fp32.json")["errors_every_item"]
    assert reported["max_abs_error"] == pytest.approx(errors.max(), rel=1e-6)


def test_int8_loses_at_most_two_hundredths_of_dice(results: Path) -> None:
    for name in ENGINES:
        scores = read(results / f"scores/{name}.json")
        assert scores["metric"]["name"] == "dice"
        quality = scores["quality"]
        assert quality["reference_mean"] - quality["mean"] <= 0.02
        assert quality["reference_mean"] >= 0.85
    # It is another engine indeed.
    errors = read(results / "scores/onnxruntime/b4_int8.json")["errors_every_item"]
    assert errors["max_abs_error"] > 1e-4


def test_masks_lie_in_the_data_sets_layout(results: Path, project_root: Path) -> None:
    from medpy.filter import largest_connected_component

    probabilities = outputs(results / "reference/shard_00.safetensors")[:, 0]
    index = [(item["subject"], item["name"]) for item in items(results)]
    folder = results / "predictions/onnxruntime/b4_fp32"
    names = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.tif")}
    data = project_root / "data/demo/kaggle_3m"
    assert names == {
        path.relative_to(data).with_suffix("").as_posix()
        for subject in SUBJECTS
        for path in (data / subject).glob("*_mask.tif")
    }
    for subject in SUBJECTS:
        rows = [row for row, (name, _) in enumerate(index) if name == subject]
        volume = largest_connected_component(probabilities[rows] > 0.5)
        for row, expected in zip(rows, volume, strict=True):
            path = folder / subject / f"{subject}_{index[row][1]}_mask.tif"
            with Image.open(path) as mask:
                assert (mask.mode, mask.size) == ("L", (256, 256))
                assert np.array_equal(np.asarray(mask), expected.astype(np.uint8) * 255)


def test_the_timings_log_has_the_published_line(results: Path) -> None:
    for name in ENGINES:
        log = (results / f"logs/time_engine/{name}.log").read_text(encoding="utf-8")
        line = r"Inference batch size 4 average over (\d+) runs is ([\d.e+]+)ms"
        (reported,) = re.findall(line, log)
        timing = read(results / f"timing/{name}.json")["timing"]
        assert int(reported[0]) == timing["iterations"]
        assert float(reported[1]) == pytest.approx(timing["total"]["mean"], rel=1e-3)


def test_a_second_run_has_nothing_to_do(results: Path, project_root: Path) -> None:
    code, reported = again(project_root, results, "results/report.html", "-n")
    assert code == 0
    assert "Nothing to be done" in reported


def test_check_passes_and_fails_by_the_tolerances(results: Path, project_root: Path) -> None:
    code, reported = again(project_root, results, "check")
    assert code == 0, reported
    tight = "validation={tolerances: {int8: {max_abs_error: 1e-9}}}"
    code, reported = again(project_root, results, "check", "--config", *SMALL, tight)
    assert code != 0
    assert re.search(
        r"1 of 2 engines failed: onnxruntime/b4_int8: "
        r"largest error of an output 0\.\d+, limit 1e-09",
        reported,
    )
    assert "Traceback" not in reported
    # Only the verdict is found anew.
    jobs = set(job_counts(reported.split("Select jobs", 1)[0]))
    assert jobs <= {"check", "validate_engine", "note_changes"}
    code, reported = again(project_root, results, "check")
    assert code == 0, reported


def test_clean_engines_leaves_all_but_the_engines(
    results: Path, project_root: Path, tmp_path: Path
) -> None:
    """In a copy, so that nothing hangs on times of files or on Snakemake's memory."""
    copy = shutil.copytree(results, tmp_path / "results")
    before = {path.relative_to(copy) for path in copy.rglob("*") if path.is_file()}
    code, reported = again(project_root, copy, "clean_engines")
    assert code == 0, reported
    after = {path.relative_to(copy) for path in copy.rglob("*") if path.is_file()}
    gone = {path.parts[:2] for path in before - after}
    assert gone - {("keys", "build_engine")} == {("engines", "onnxruntime")}
    code, reported = again(project_root, copy, "results/report.html", "-n")
    assert code == 0, reported
    follow = ("build_engine", "run_engine", "time_engine", "score_engine", "validate_engine")
    counts = job_counts(reported)
    # The reasons are written down by a job of their own.
    assert counts.pop("note_changes", 1) == 1
    assert counts == dict.fromkeys(follow, 2) | {"summarise": 1, "write_report": 1}


def test_a_bad_subject_is_named_in_one_line_or_skipped(project_root: Path, tmp_path: Path) -> None:
    for subject in SUBJECTS:
        shutil.copytree(project_root / "data/demo/kaggle_3m" / subject, tmp_path / "in" / subject)
    (tmp_path / "in/DEMO_0002/DEMO_0002_5_mask.tif").unlink()
    target = "results/dataset/manifest.json"
    config = f"dataset={{source: path, path: {tmp_path / 'in'}}}"

    def run(*more: str) -> tuple[int, str]:
        done = run_snakemake(
            tmp_path, target, "--config", *more, snakefile=project_root / "Snakefile"
        )
        return done.returncode, done.stdout + done.stderr

    code, reported = run(config)
    assert code != 0
    lines = [line for line in reported.splitlines() if "DEMO_0002_5" in line]
    assert lines, reported
    assert all(line.startswith(("segtrt: 1 bad subject", "ERROR 1 bad subject")) for line in lines)
    assert "Traceback" not in reported
    assert not (tmp_path / target).exists()
    code, reported = run(config[:-1] + ", on_bad_subject: skip}")
    assert code == 0, reported
    manifest = read(tmp_path / target)
    assert [subject["name"] for subject in manifest["skipped"]] == ["DEMO_0002"]
    assert "DEMO_0002_5" in manifest["skipped"][0]["reason"]
    assert manifest["totals"]["subjects"] == 2
