"""`segtrt pick` on made-up summaries."""

import json
from dataclasses import asdict
from pathlib import Path

import pytest
from example_summaries import CASES, make_example
from segtrt.cli.main import main
from segtrt.quality.failures import Failure
from segtrt.summary.selection import MeasuredEngine, cheapest_cover
from segtrt.summary.summarise import write_summary


@pytest.fixture(scope="module")
def examples(tmp_path_factory) -> dict[str, tuple[Path, dict]]:
    """Case -> (summary file, summary)."""
    made = {}
    for name in ("demo", "gpu", "cluster"):
        folder = tmp_path_factory.mktemp(name)
        made[name] = (folder / "summary.json", make_example(CASES[name](), folder))
    return made


def pick(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, list[str]]:
    code = main(["pick", *map(str, words)])
    out, err = capsys.readouterr()
    assert err == ""
    return code, out.splitlines()


def fact(lines: list[str], label: str) -> str:
    """The value that stands behind a label."""
    [line] = [line for line in lines if line.startswith(f"  {label}  ")]
    return line[2 + len(label) :].strip()


def test_it_repeats_the_recommendation(examples, capsys):
    path, summary = examples["demo"]
    code, lines = pick(capsys, path)
    name = summary["recommendation"]["engine"]
    engine = next(one for one in summary["engines"] if one["name"] == name)
    assert (code, lines[0]) == (0, name)
    assert fact(lines, "Dice").startswith(f"{engine['quality']['mean']:.4f}, PyTorch's ")
    ends = engine["quality"]["loss_interval"]
    assert fact(lines, "how sure").startswith(f"loss {ends['low']:.4f} to {ends['high']:.4f} with")
    assert fact(lines, "use it") == (
        f"segtrt run {path.parent}/engines/{name}/engine.bin "
        f"{path.parent}/onnx/fp32/test_data_set_0/input_0.pb"
    )
    assert lines[-1].strip() == "(the engine is not there: run the workflow to build it)"
    none = examples["gpu"]
    code, lines = pick(capsys, none[0])
    assert (code, fact(lines, "closest")) == (1, none[1]["recommendation"]["closest"])


def test_with_confidence_the_worse_end_of_the_interval_decides(examples, capsys, tmp_path):
    _, summary = examples["demo"]
    summary = json.loads(json.dumps(summary))
    for engine in summary["engines"]:
        sure = engine["name"] == "onnxruntime/b1_fp32"
        high = 0.001 if sure else 0.2
        engine["quality"] |= {"loss": 0.0, "loss_interval": {"low": 0.0, "high": high}}
    path = tmp_path / "summary.json"
    write_summary(summary, path, tmp_path / "summary.csv")
    assert pick(capsys, path)[1][0] != "onnxruntime/b1_fp32"
    code, lines = pick(capsys, path, "--confident")
    assert (code, lines[0]) == (0, "onnxruntime/b1_fp32")
    assert "Dice lost, with 95 % confidence" in fact(lines, "limits")
    code, lines = pick(capsys, path, "--confident", "--max-metric-loss", 0)
    assert (code, fact(lines, "breaks")[:29]) == (1, "worse end of the 95 % interval of the"[:29])


def test_the_command_runs_the_engine_as_it_was_timed(examples, capsys):
    words = ["--max-latency-ms", "inf", "--max-metric-loss", 1]
    code, lines = pick(capsys, examples["gpu"][0], *words)
    assert code == 0
    assert lines[0].startswith("tensorrt")
    assert fact(lines, "use it").startswith("segtrt run --mode graph ")


def test_limits_change_the_choice(examples, capsys):
    path, summary = examples["demo"]
    timed = [one for one in summary["engines"] if one["verdict"] == "pass"]
    latencies = sorted(one["timing"]["total"]["median"] for one in timed)
    code, lines = pick(capsys, path, "--max-latency-ms", latencies[0], "--max-metric-loss", 1)
    assert code == 0
    [quickest] = [one for one in timed if one["timing"]["total"]["median"] == latencies[0]]
    assert lines[0] == quickest["name"]
    assert fact(lines, "why").startswith("fastest of the 1 engine within the limits")
    assert pick(capsys, path, "--max-latency-ms", "inf")[1] == pick(capsys, path)[1]


def test_none_that_qualifies_says_what_came_closest(examples, capsys):
    path, _ = examples["demo"]
    code, lines = pick(capsys, path, "--max-latency-ms", 0.5, "--slices", 10)
    assert (code, lines[0]) == (1, "no engine qualifies")
    assert fact(lines, "closest").count("/") == 1
    assert fact(lines, "breaks").endswith(" ms, limit 0.5 ms")
    assert fact(lines, "limits").startswith("at most 0.005 Dice lost, at most 0.5 ms a batch")


def test_failed_validation_is_reported_in_words(examples, capsys, tmp_path):
    summary = json.loads(examples["demo"][0].read_text())
    failures = [Failure("metric_loss", 0.3, 0.02, of="Dice"), Failure("non_finite", 3, 0)]
    for engine in summary["engines"]:
        engine |= {"verdict": "fail", "failures": list(map(asdict, failures))}
    write_summary(summary, tmp_path / "summary.json", tmp_path / "summary.csv")
    code, lines = pick(capsys, tmp_path / "summary.json")
    assert code == 1
    assert fact(lines, "breaks") == (
        "validation: loss of Dice 0.3, limit 0.02; values that are not finite 3, limit 0"
    )


def test_no_engine_at_all_says_why(examples, capsys, tmp_path):
    summary = json.loads(examples["demo"][0].read_text())
    for engine in summary["engines"]:
        engine |= {
            "verdict": "not_run",
            "reason": "no \x1b GPU here",
            "timing": None,
            "quality": None,
        }
    write_summary(summary, tmp_path / "summary.json", tmp_path / "summary.csv")
    code, lines = pick(capsys, tmp_path / "summary.json")
    assert code == 1
    assert fact(lines, "why") == "no \\x1b GPU here"


def test_slices_are_covered_by_engines_within_the_limits(examples, capsys):
    path, summary = examples["gpu"]
    qualified = [
        MeasuredEngine(one["name"], one["batch_size"], one["timing"]["total"]["median"])
        for one in summary["engines"]
        if one["verdict"] == "pass" and one["quality"]["loss"] <= 0.001
    ]
    code, lines = pick(
        capsys, path, "--max-metric-loss", 0.001, "--max-latency-ms", "inf", "--slices", 155
    )
    assert code == 0
    cover = cheapest_cover(qualified, 155)
    reported = " + ".join(f"{count} x {engine.name}" for engine, count in cover.runs)
    assert reported in fact(lines, "cheapest")
    assert fact(lines, "one engine").count(" x ") == 1


def test_without_a_machine_the_best_of_all_is_taken_and_its_machine_reported(examples, capsys):
    path, summary = examples["cluster"]
    code, lines = pick(capsys, path, "--slices", 50)
    assert (code, lines[0]) == (0, summary["recommendation"]["engine"])
    assert lines[0].startswith("tensorrt_rtx@a100/")
    assert fact(lines, "machine") == (
        "a100, Example GPU 80GB (fastest of 2 machines, --machine takes another)"
    )
    assert "50 slices on a100, one batch after the other" in lines
    assert "@epyc-9" not in " ".join(lines)
    assert not any(line.startswith("  machine") for line in pick(capsys, examples["demo"][0])[1])


def test_slices_are_covered_on_one_machine(examples, capsys, tmp_path):
    summary = json.loads(examples["cluster"][0].read_text())
    [elsewhere] = [one for one in summary["engines"] if one["name"] == "openvino@epyc-9/b1_int8"]
    elsewhere["timing"]["total"]["median"] = 0.001  # any cover would take it
    write_summary(summary, tmp_path / "summary.json", tmp_path / "summary.csv")
    _, lines = pick(capsys, tmp_path / "summary.json", "--slices", 50)
    assert lines[0].startswith("tensorrt_rtx@a100/")
    assert "@epyc-9" not in " ".join(lines)


def test_a_machines_engines_alone_are_weighed(examples, capsys):
    path, summary = examples["cluster"]
    own = [one for one in summary["engines"] if one["machine"] == "epyc-9" and one["timing"]]
    qualified = [one for one in own if one["verdict"] == "pass"]
    code, lines = pick(capsys, path, "--machine", "epyc-9", "--slices", 50)
    assert (code, lines[0]) == (0, summary["machines"][1]["recommended"])
    assert fact(lines, "machine") == f"epyc-9, {summary['machines'][1]['facts']['cpu']}"
    assert fact(lines, "why") == (
        f"fastest of the {len(qualified)} engines within the limits ({len(own)} were run)"
    )
    cover = cheapest_cover(
        [
            MeasuredEngine(one["name"], one["batch_size"], one["timing"]["total"]["median"])
            for one in qualified
        ],
        50,
    )
    reported = " + ".join(f"{count} x {engine.name}" for engine, count in cover.runs)
    assert reported in fact(lines, "cheapest")
    assert "@a100" not in " ".join(lines)


def test_none_that_qualifies_on_a_machine_though_some_do_elsewhere(examples, capsys):
    path, _ = examples["cluster"]
    limit = "--max-latency-ms", 5
    assert pick(capsys, path, *limit)[0] == 0
    code, lines = pick(capsys, path, *limit, "--machine", "epyc-9")
    assert (code, lines[0]) == (1, "no engine qualifies on epyc-9")
    assert "@epyc-9/" in fact(lines, "closest")


def test_mistakes_are_reported_in_one_line(examples, capsys, tmp_path):
    path, _ = examples["demo"]
    (tmp_path / "other.json").write_text('{"format": "other"}')
    (tmp_path / "cut.json").write_text(path.read_text()[:-100])
    for words, reported in (
        ([path, "--slices", 10**9], "--slices 1000000000 is too many; give at most 1000000"),
        ([tmp_path / "other.json"], "is not a summary this version can read"),
        ([tmp_path / "cut.json"], "is not valid JSON"),
        ([examples["cluster"][0], "--machine", "h100"], "; it has a100, epyc-9"),
        ([path, "--machine", "h100"], f"--machine h100 is not in {path}; it names none"),
    ):
        assert main(["pick", *map(str, words)]) == 2
        err = capsys.readouterr().err
        assert err.startswith("segtrt: ") and err.count("\n") == 1 and reported in err
