"""Which jobs a configuration asks for; the whole of it is known before anything is downloaded."""

import importlib.util
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from segtrt.precision import Precision
from segtrt.runtimes.base import BuildSettings
from segtrt.runtimes.registry import get_runtime
from snakemake_runs import engines_listed, job_counts, run_snakemake

DryRun = Callable[[Sequence[str]], str]

FP32_AND_INT8 = "engines={precisions: [fp32, int8]}"
"""What every CPU can do."""


def per_engine(count: int, shards: int = 1) -> dict[str, int]:
    """Jobs of so many engines that are built, run, timed and judged."""
    rules = ("build_engine", "time_engine", "score_engine", "validate_engine")
    return dict.fromkeys(rules, count) | {"run_engine": count * shards}


def held(message: str, expected: dict[str, int]) -> None:
    """Compare the jobs of the rules in `expected`, and that each other rule has one."""
    counts = job_counts(message)
    assert {rule: counts.get(rule, 0) for rule in expected} == expected
    assert {rule: n for rule, n in counts.items() if rule not in expected and n != 1} == {}


def test_a_fresh_clone_lists_every_job(clone: Path) -> None:
    done = run_snakemake(clone, "-n")
    output = done.stdout + done.stderr
    assert done.returncode == 0, output
    precisions = {"onnxruntime": {"fp32", "int8"}, "openvino": {"fp32", "int8"}}
    if not get_runtime("openvino").unsupported(BuildSettings(1, Precision.BF16)):
        precisions["openvino"].add("bf16")  # as the CPU here computes in it
    engines = {
        f"{runtime}/b{batch}_{precision}"
        for runtime, named in precisions.items()
        for precision in named
        for batch in (1, 4, 16)
    }
    held(output, {**per_engine(len(engines)), "convert_onnx": 2, "fetch_dataset": 0, "train": 0})
    assert engines_listed(output) == engines
    for rule in ("all", "list_slices", "encode_slices", "export_onnx", "write_report"):
        assert job_counts(output)[rule] == 1
    # A dry run leaves the clone as it was.
    assert not (clone / "results/report.html").exists()


def test_the_kaggle_data_need_no_download_to_be_planned(
    dry_run: DryRun, project_root: Path, tmp_path: Path
) -> None:
    kaggle = str(project_root / "config/kaggle.yaml")
    reported = dry_run(["--configfile", kaggle, "--config", FP32_AND_INT8])
    shards = 8
    sharded = {"encode_slices": shards, "run_reference": shards}
    held(reported, {**per_engine(12, shards), **sharded, "fetch_dataset": 1, "convert_onnx": 2})
    assert not (tmp_path / "data").exists()
    assert not (tmp_path / "results/model").exists()


def test_the_published_examples_settings(dry_run: DryRun, project_root: Path) -> None:
    overlays = [str(project_root / f"config/{name}.yaml") for name in ("kaggle", "tensorrt_intro")]
    reported = dry_run(["--configfile", *overlays])
    assert {name.split("/")[1] for name in engines_listed(reported)} == {
        "b1_fp32",
        "b3_fp32",
        "b4_fp32",
    }
    assert "runtimes: auto takes" in reported
    assert job_counts(reported)["fetch_dataset"] == 1
    assert "convert_onnx" not in job_counts(reported)


def test_regions_are_judged_once_in_each_graph_of_low_precision(dry_run: DryRun) -> None:
    """4 regions in 2 graphs, whatever the batch sizes."""
    regions = ["dataset={search_fraction: 0.2}", "precision_search={regions: 4}"]
    reported = dry_run(["--config", *regions, FP32_AND_INT8])
    searching = {"blame_region": 8, "convert_whole": 2, "split_regions": 1}
    held(reported, {**per_engine(12), **searching, "convert_onnx": 2})
    assert "results/precision/sensitivity/int8_openvino/03.json" in reported
    assert "results/precision/sensitivity/int8/04.json" not in reported


def test_mixes_time_each_region_on_each_runtime_and_solve_once_for_each_budget(
    dry_run: DryRun,
) -> None:
    """As docs/precision_search.md says: (R + 1) x P' jobs on each runtime, one for each budget."""
    engines = "engines={precisions: [fp32, int8, mixed], batch_sizes: [1, 4]}"
    config = ["--config", "dataset={search_fraction: 0.2}", engines]
    regions, runtimes, batches = 12, 2, 2
    reported = dry_run(config)
    searching = {"blame_region": 24, "convert_whole": 2, "split_regions": 1}
    timing = {"time_region": (regions + 1) * runtimes, "mix_regions": runtimes}
    held(reported, {**per_engine(runtimes * batches * 3), **searching, **timing, "convert_onnx": 2})
    assert {"onnxruntime/b1_mixed", "openvino/b4_mixed"} <= engines_listed(reported)
    several = dry_run([*config, "precision_search={regions: 3, max_loss: [0.001, 0.01, 0.1]}"])
    searching = {"blame_region": 6, "convert_whole": 2, "split_regions": 1}
    timing = {"time_region": (3 + 1) * runtimes, "mix_regions": 3 * runtimes}
    held(several, {**per_engine(runtimes * batches * 5), **searching, **timing, "convert_onnx": 2})
    assert "results/precision/mix/openvino/mixed_b3/model.onnx" in several
    assert "results/precision/gain/openvino/int8_openvino/whole.json" in several


@pytest.mark.parametrize(
    ("config", "reported"),
    [
        (
            ["engines={precisions: [fp32, int8, mixed]}"],
            "engines.precisions has mixed, whose regions are judged on subjects of their own",
        ),
        (
            ["engines={precisions: [fp32, mixed]}", "dataset={search_fraction: 0.2}"],
            "mixed takes regions from graphs in low precision",
        ),
        (
            [
                "engines={precisions: [fp32, int8, mixed]}",
                "dataset={search_fraction: 0.2, subjects: [DEMO_0001, DEMO_0002]}",
                "tensors={samples: []}",
            ],
            "2 subjects, of which dataset.search_fraction 0.2 leaves none",
        ),
    ],
)
def test_a_mix_of_nothing_or_on_nothing_is_reported_in_one_line(
    project_root: Path, tmp_path: Path, config: list[str], reported: str
) -> None:
    arguments = ["results/report.html", "-n", "--config", *config]
    done = run_snakemake(tmp_path, *arguments, snakefile=project_root / "Snakefile")
    message = done.stdout + done.stderr
    assert done.returncode != 0 and "Traceback" not in message
    assert len([line for line in message.splitlines() if reported in line]) == 1


def test_each_engine_is_built_again_as_often_as_asked_for(dry_run: DryRun) -> None:
    """12 engines; the shards change nothing of the number of builds."""
    reported = dry_run(
        ["--config", "engines={precisions: [fp32, int8], rebuilds: 3}", "dataset={shards: 2}"]
    )
    sharded = {"encode_slices": 2, "run_reference": 2, "convert_onnx": 2}
    rebuilt = {"rebuild_engine": 36, "score_rebuild": 36}
    held(reported, {**per_engine(12, 2), **sharded, **rebuilt})
    assert "results/rebuilds/openvino/b16_int8/3/shard_01.safetensors" in reported
    assert "results/rebuilds/openvino/b16_int8/4/" not in reported


@pytest.mark.parametrize(
    ("config", "reported"),
    [
        ("engines={batch_sizes: [1]}", "dataset.search_fraction is 0; set it, e.g. to 0.2"),
        ("engines={precisions: [fp32]}", "no precision below float32, so there is nothing to"),
        (
            "dataset={search_fraction: 0.2, subjects: [DEMO_0001, DEMO_0002]}",
            "2 subjects, of which dataset.search_fraction 0.2 leaves none",
        ),
    ],
)
def test_blame_without_anything_to_judge_is_reported_in_one_line(
    project_root: Path, tmp_path: Path, config: str, reported: str
) -> None:
    samples = "tensors={samples: []}"
    arguments = ["blame", "-n", "--config", config, samples]
    done = run_snakemake(tmp_path, *arguments, snakefile=project_root / "Snakefile")
    message = done.stdout + done.stderr
    assert done.returncode != 0 and "Traceback" not in message
    assert len([line for line in message.splitlines() if reported in line]) == 1


def test_training_is_planned_if_its_weights_are_the_networks(dry_run: DryRun) -> None:
    reported = dry_run(["--config", "model={weights: results/training/weights.safetensors}"])
    assert job_counts(reported)["train"] == 1


@pytest.mark.skipif(
    importlib.util.find_spec("tensorrt_rtx") is None, reason="TensorRT-RTX is not installed"
)
def test_engines_built_ahead_of_time_are_not_run(dry_run: DryRun) -> None:
    from segtrt.runtimes.registry import get_runtime

    if get_runtime("tensorrt_rtx").availability().can_run:
        pytest.skip("a GPU is here")
    reported = dry_run(
        [
            "--config",
            "engines={runtimes: [onnxruntime, tensorrt_rtx], batch_sizes: [1, 4], "
            "precisions: [fp32, fp16, int8], compute_capabilities: ['8.9', '12.0'], "
            "on_unsupported: skip}",
        ]
    )
    assert "tensorrt_rtx: engines are built but not run: no NVIDIA GPU" in reported
    ahead = {name for name in engines_listed(reported) if name.startswith("tensorrt_rtx/")}
    assert {"tensorrt_rtx/b1_fp32", "tensorrt_rtx/b4_fp16"} <= ahead
    counts = job_counts(reported)
    assert counts["build_engine"] == len(engines_listed(reported))
    assert counts["time_engine"] == counts["build_engine"] - len(ahead)
    assert "results/timing/tensorrt_rtx" not in reported
    # INT8 is one graph for each of the two kinds of runtime, fp16 one for both.
    assert "results/onnx/int8_signed/model.onnx" in reported
    assert "results/onnx/fp16/model.onnx" in reported


@pytest.mark.skipif(
    importlib.util.find_spec("tensorrt") is not None, reason="TensorRT is installed"
)
def test_a_runtime_that_is_not_here_fails_or_is_skipped_as_configured(
    dry_run: DryRun, project_root: Path, tmp_path: Path
) -> None:
    engines = "runtimes: [onnxruntime, tensorrt], batch_sizes: [1], precisions: [fp32]"
    reported = dry_run(["--config", f"engines={{{engines}, on_unsupported: skip}}"])
    assert engines_listed(reported) == {"onnxruntime/b1_fp32"}
    done = run_snakemake(
        tmp_path,
        "results/report.html",
        "-n",
        "--config",
        f"engines={{{engines}}}",
        snakefile=project_root / "Snakefile",
    )
    assert done.returncode != 0
    message = done.stdout + done.stderr
    assert "1 of the engines asked for cannot be had (tensorrt: TensorRT is not" in message
    assert "set engines.on_unsupported to skip" in message
    assert "Traceback" not in message


@pytest.mark.parametrize(
    ("config", "reported"),
    [
        ("engines={runtime: [openvino]}", "unknown key engines.runtime (did you mean runtimes?)"),
        (
            "dataset={source: web}",
            "dataset.source is 'web', allowed: auto | demo | kaggle | path | nnunet",
        ),
        ("engines={rebuilds: -1}", "engines.rebuilds is -1, allowed: integer, at least 0"),
        ("dataset={source: path, path: nowhere}", "nowhere"),
        ("dataset={source: kaggle, path: absent.zip}", "dataset.path is 'absent.zip', but there"),
        ("model={weights: absent.pt}", "model.weights is 'absent.pt', but there is no such file"),
        ("report={compare_with: results/summary.json}", "report.compare_with is 'results/summary"),
        ("report={compare_with: absent.json}", "report.compare_with: summary absent.json does not"),
        ("inference={warmup_max_seconds: .inf}", "inference.warmup_max_seconds is inf, allowed"),
        ("dataset={subjects: [DEMO_001]}", "does not have: DEMO_001 (close: DEMO_0001"),
        ("tensors={samples: [{subject: DEMO_9, slice: 1}]}", "names the subject DEMO_9, which is"),
        ("tensors={samples: [{subject: DEMO_0001, slice: 99}]}", "names slice 99 of DEMO_0001"),
    ],
)
def test_a_wrong_configuration_is_reported_in_one_line(
    project_root: Path, tmp_path: Path, config: str, reported: str
) -> None:
    done = run_snakemake(tmp_path, "-n", "--config", config, snakefile=project_root / "Snakefile")
    assert done.returncode != 0
    message = done.stdout + done.stderr
    assert "Traceback" not in message
    lines = [line for line in message.splitlines() if "Command: " not in line]
    assert len([line for line in lines if reported in line]) == 1


def test_calibration_without_subjects_is_reported_where_it_is_needed(
    dry_run: DryRun, project_root: Path, tmp_path: Path
) -> None:
    config = ["dataset={subjects: [DEMO_0001]}", "tensors={samples: []}"]
    done = run_snakemake(tmp_path, "-n", "--config", *config, snakefile=project_root / "Snakefile")
    output = done.stdout + done.stderr
    assert done.returncode != 0 and "Traceback" not in output
    [line] = [line for line in output.splitlines() if "leaves none to calibrate with" in line]
    assert line.startswith("segtrt: engines.precisions asks for int8 or fp8")
    dry_run(["--config", *config, "engines={precisions: [fp32]}"])


def test_samples_that_no_job_writes_are_not_looked_at(project_root: Path, tmp_path: Path) -> None:
    done = run_snakemake(
        tmp_path,
        "results/training/weights.safetensors",
        "-n",
        "--config",
        "tensors={samples: [{subject: absent, slice: 1}]}",
        snakefile=project_root / "Snakefile",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_group_given_twice_in_a_file_is_named_with_its_lines(
    project_root: Path, tmp_path: Path
) -> None:
    file = tmp_path / "twice.yaml"
    file.write_text("report:\n  title: a\nengines: {precisions: [fp32]}\nreport: {}\n")
    done = run_snakemake(
        tmp_path, "-n", "--configfile", str(file), snakefile=project_root / "Snakefile"
    )
    output = done.stdout + done.stderr
    assert done.returncode != 0 and "Traceback" not in output
    assert f"configuration: {file} gives report in line 1 and again in line 4" in output


def test_what_means_the_same_by_config_and_in_a_file_plans_the_same_keys(
    project_root: Path, tmp_path: Path
) -> None:
    """Told by the records' keys that jobs would be given: nothing to do is left after a run."""
    file = tmp_path / "settings.yaml"
    file.write_text("report: {compare_with: null, max_latency_ms: .inf}\ndataset: {shards: 2.0}\n")
    target = ["results/dataset/manifest.json", "-c1"]
    snakefile = project_root / "Snakefile"
    done = run_snakemake(tmp_path, *target, "--configfile", str(file), snakefile=snakefile)
    assert done.returncode == 0, done.stdout + done.stderr
    config = ["report={compare_with: ~, max_latency_ms: null}", "dataset={shards: 2, path: null}"]
    done = run_snakemake(tmp_path, *target, "-n", "--config", *config, snakefile=snakefile)
    assert "Nothing to be done" in done.stdout + done.stderr, done.stdout + done.stderr
