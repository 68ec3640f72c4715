"""`segtrt run` on small engines and sample files."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import tiny_unet_graphs as graphs
from PIL import Image
from segtrt.cli.main import main
from segtrt.cli.picture import grey_levels
from segtrt.engines.build import build_engine
from segtrt.engines.record import read_record
from segtrt.graphs.samples import write_tensor
from segtrt.model.network_file import UNET
from segtrt.precision import Precision
from segtrt.quality.decode import Decoder
from segtrt.quality.scores import MetricFacts, Scores
from segtrt.quality.verdict import Verdict
from segtrt.runtimes.registry import get_runtime

DICE = MetricFacts("dice", "Dice", "", higher_is_better=True)
TIMING = r"Inference batch size (\d+) average over (\d+) runs is [\d.]+(e\+\d+)?ms"


def build(folder: Path, graph: Path, runtime: str = "onnxruntime", **settings: object) -> Path:
    precision = Precision(str(settings.pop("precision", "fp32")))
    build_engine(
        runtime,
        graphs.unet_settings(precision=precision, **{"batch_size": 2, **settings}),
        graph,
        folder / "engine.bin",
        folder / "engine.json",
        target=get_runtime(runtime).target(),
        network=UNET,
        code="f" * 64,
        cache_dir=None,
        on_unsupported="fail",
    )
    return folder


@pytest.fixture(scope="module")
def engines(tiny_graphs, tmp_path_factory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("engines")
    return {
        "fp32": build(folder / "fp32", tiny_graphs["fp32"]),
        "int8": build(folder / "int8", tiny_graphs["int8"], "openvino", precision="int8"),
        "dynamic": build(folder / "dynamic", tiny_graphs["fp32"], profile="dynamic", dynamic_max=3),
    }


@pytest.fixture(scope="module")
def truth(tiny_graphs):
    """Five slices and what the graph itself makes of them, (5, 1, 256, 256)."""
    images = graphs.slices(5)
    return images, graphs.run_with_onnxruntime(tiny_graphs["fp32"], images)


@pytest.fixture(autouse=True)
def samples(truth, tmp_path: Path, monkeypatch) -> Path:
    """The working folder, with `test_data_set_0` to `4`."""
    images, outputs = truth
    for number in range(len(images)):
        folder = tmp_path / f"test_data_set_{number}"
        write_tensor(folder / "input_0.pb", images[number : number + 1], "input")
        # As in the published example: the output without its batch axis.
        write_tensor(folder / "output_0.pb", outputs[number], "output")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*words: object) -> int:
    return main(["run", "--iterations", "2", *map(str, words)])


def inputs(*numbers: int) -> list[str]:
    return [f"test_data_set_{number}/input_0.pb" for number in numbers]


def rows(out: str) -> list[list[str]]:
    """Cells of the table, row by row."""
    lines = out.split("\n\n")[1].splitlines()[1:]
    return [re.split(r" {2,}", line) for line in lines]


def test_one_input_as_published(engines, samples, truth, capsys):
    assert run(engines["fp32"] / "engine.bin", *inputs(0)) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("onnxruntime/b2_fp32 on ")
    assert "1 input in 1 batch of 2, 1 place filled with zeros" in out
    assert re.search(TIMING, out).groups()[:2] == ("2", "2")
    [row] = rows(out)
    assert row[:2] == ["test_data_set_0/input_0.pb", "output.pgm"]
    assert row[2] == f"{np.count_nonzero(truth[1][0] > 0.5):,}"
    assert row[4:] == ["0", "1.0000", "pass"]
    with Image.open("output.pgm") as picture:
        found, expected = np.asarray(picture), grey_levels(truth[1][0, 0])
    assert np.abs(found.astype(int) - expected).max() <= 1  # rounding of a half
    assert not list(samples.glob("*.png"))


def test_more_inputs_than_the_batch_run_in_several(engines, truth, capsys):
    assert run(engines["fp32"], *inputs(4, 1, 0), "test_data_set_2", "--png") == 0
    out = capsys.readouterr().out
    assert "4 inputs in 2 batches of 2\n" in out
    assert "agreeing with the output beside: 4 of 4 inputs (relative error of the outputs at" in out
    names = [f"output_{place}.pgm" for place in range(4)]
    assert [row[1] for row in rows(out)] == names
    for name, number in zip(names, (4, 1, 0, 2), strict=True):
        expected = grey_levels(truth[1][number, 0]).astype(int)
        for path in (Path(name), Path(name).with_suffix(".png")):
            with Image.open(path) as picture:
                assert np.abs(np.asarray(picture) - expected).max() <= 1


def test_batch_repeats_the_inputs_in_turn(engines, capsys):
    assert run(engines["fp32"], *inputs(0, 1, 2), "--batch", 7) == 0
    out = capsys.readouterr().out
    assert "3 inputs, repeated to 7, in 4 batches of 2, 1 place filled with zeros" in out
    assert len(rows(out)) == 3


@pytest.mark.parametrize(
    ("words", "message", "batch"),
    [
        (inputs(0, 1, 2), "3 inputs in 1 batch of 3\n", "3"),
        (inputs(0), "1 input in 1 batch of 1\n", "1"),
        ([*inputs(0), "--batch", 2], "1 input, repeated to 2, in 1 batch of 2\n", "2"),
        (inputs(0, 1, 2, 3), "4 inputs in 2 batches of 3, 2 places filled", "3"),
    ],
)
def test_a_dynamic_engine_takes_the_batch_that_is_given(words, message, batch, engines, capsys):
    assert run(engines["dynamic"], *words) == 0
    out = capsys.readouterr().out
    assert message in out
    assert re.search(TIMING, out).group(1) == batch


def judged(engine: Path, results: Path, tolerance: dict[str, float | None]) -> Path:
    """A copy of the engine in a run's results, with scores and a verdict reached by `tolerance`."""
    record = read_record(engine / "engine.json")
    shutil.copytree(engine, results / "engines" / record.name)
    scores = Scores(record.name, "built", Decoder("sigmoid", 0.25).to_json(), DICE)
    scores.write(results / "scores" / f"{record.name}.json")
    verdict = Verdict(record.name, "pass", "", (), tolerance, None, False, None)
    verdict.write(results / "validation" / f"{record.name}.json")
    return results / "engines" / record.name


def test_an_engine_of_a_run_is_judged_by_the_runs_own_tolerances(engines, samples, truth, capsys):
    changed = truth[1][1].copy()
    changed[0, 100, 100] += 0.01 if changed[0, 100, 100] < 0.5 else -0.01
    write_tensor(samples / "test_data_set_1/output_0.pb", changed, "output")
    loose = judged(engines["fp32"], samples / "loose", {"max_abs_error": 0.02})
    assert run(loose, *inputs(0, 1)) == 0
    out = capsys.readouterr().out
    verdict = "loose/validation/onnxruntime/b2_fp32.json"
    assert f"(error of an output at most 0.02; from {verdict})" in out
    assert rows(out)[0][2] == f"{np.count_nonzero(truth[1][0] > 0.25):,}"
    strict = judged(engines["fp32"], samples / "strict", {"max_abs_error": 0.005})
    assert run(strict, *inputs(0, 1)) == 1
    capsys.readouterr()
    # Of its own, without results around it, it has the defaults: one pixel is no verdict.
    assert run(engines["fp32"], *inputs(0, 1)) == 0
    out = capsys.readouterr().out
    assert "at most 0.001; the default of fp32, as the engine has no verdict here)" in out
    assert rows(out)[0][2] == f"{np.count_nonzero(truth[1][0] > 0.5):,}"
    assert run(strict, *inputs(0, 1), "--atol", "0.011") == 0
    assert "at most 0.011; as given)" in capsys.readouterr().out


def test_a_different_output_fails(engines, samples, truth, capsys):
    changed = truth[1][1].copy()
    changed[0, 100:120, 100:120] *= 0.9
    write_tensor(samples / "test_data_set_1/output_0.pb", changed, "output")
    assert run(engines["fp32"], *inputs(0, 1, 2)) == 1
    out, err = capsys.readouterr()
    assert err == ""
    assert [row[-1] for row in rows(out)] == ["pass", "FAIL", "pass"]
    fault = "FAIL  test_data_set_1/input_0.pb: relative error of the outputs 0.0"
    [reported] = [line for line in out.splitlines() if line.startswith(fault)]
    assert reported.endswith(", limit 0.001")
    assert "agreeing with the output beside: 2 of 3 inputs" in out
    assert re.search(TIMING, out)
    assert run(engines["fp32"], *inputs(0, 1, 2), "--atol", "0.2") == 0


def test_flipped_pixels_can_be_limited(engines, samples, truth, capsys):
    flipped = 1 - truth[1][0]
    write_tensor(samples / "test_data_set_0/output_0.pb", flipped, "output")
    assert run(engines["int8"], *inputs(0), "--max-flipped", 0.001) == 1
    assert "of pixels flipped, limit 0.1 %" in capsys.readouterr().out
    assert run(engines["int8"], *inputs(0), "--max-flipped", 1) == 0
    assert "at most 100 % of pixels flipped" in capsys.readouterr().out
    assert run(engines["int8"], *inputs(1), "--max-flipped", 0.5, "--atol", 0) == 1


def test_a_missing_output_is_reported_and_no_failure(engines, samples, capsys):
    (samples / "test_data_set_1/output_0.pb").unlink()
    assert run(engines["fp32"], *inputs(0, 1)) == 0
    out = capsys.readouterr().out
    assert rows(out)[1][3:] == ["–", "–", "–", "–"]
    assert "1 input not compared: no output file beside" in out
    assert run(engines["fp32"], *inputs(0, 1), "--require-outputs") == 2
    reported = "input test_data_set_1/input_0.pb has no output file beside it"
    assert capsys.readouterr().err.startswith(f"segtrt: {reported}")


def test_an_input_of_another_name_has_an_output_of_its_own(engines, capsys):
    shutil.copy("test_data_set_0/input_0.pb", "input_7.pb")
    shutil.copy("test_data_set_0/output_0.pb", "output_7.pb")
    shutil.copy("test_data_set_0/input_0.pb", "slice.pb")
    assert run(engines["fp32"], "input_7.pb", "slice.pb") == 0
    assert [row[-1] for row in rows(capsys.readouterr().out)] == ["pass", "–"]


@pytest.mark.parametrize("engine", ["fp32", "int8", "dynamic"])
@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_an_input_that_is_not_finite_is_refused(engine, value, engines, samples, capsys):
    """By every engine: a ReLU, a pooling or a quantisation may make a number of what is none."""
    image = np.full((1, *graphs.SHAPE), value, np.float32)
    write_tensor(samples / "test_data_set_3/input_0.pb", image, "input")
    reported = "test_data_set_3/input_0.pb has 196,608 values that are not finite numbers"
    check_mistake([engines[engine], *inputs(0, 3)], reported, capsys)
    image[0, :, 1:] = 0
    write_tensor(samples / "test_data_set_3/input_0.pb", image, "input")
    check_mistake([engines[engine], *inputs(3)], "has 768 values that are not finite", capsys)


def test_pictures_go_where_they_are_wanted_and_timing_can_be_left_out(engines, capsys):
    words = [*inputs(0), "--out-dir", "a/b", "--iterations", 0, "--threads", 1]
    assert run(engines["fp32"], *words) == 0
    assert Path("a/b/output.pgm").is_file() and not Path("output.pgm").exists()
    out = capsys.readouterr().out
    assert "Inference batch size" not in out
    assert ", 1 thread\n" in out


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def for_a_gpu(path: Path) -> None:
    text = path.read_text().replace('"runtime": "onnxruntime"', '"runtime": "tensorrt"')
    path.write_text(text)


def left_out(path: Path) -> None:
    text = (
        path.read_text()
        .replace('"built"', '"unsupported"')
        .replace('"reason": ""', '"reason": "too old"')
    )
    path.write_text(text)


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("engine.bin", cut, "bytes, its record says"),
        ("engine.bin", change, "was changed after it was built"),
        ("engine.bin", Path.unlink, "does not exist; run the workflow"),
        ("engine.json", Path.unlink, "has no record"),
        ("engine.json", cut, "is not valid JSON"),
        ("engine.json", for_a_gpu, "cannot run here: "),
        ("engine.json", left_out, "was left out when it was to be built: too old"),
    ],
)
def test_a_bad_engine_is_reported_in_one_line(name, damage, message, engines, capsys):
    shutil.copytree(engines["fp32"], "engine")
    damage(Path("engine") / name)
    check_mistake(["engine", *inputs(0)], message, capsys)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (Path.unlink, "cannot be read (No such file or directory)"),
        (cut, "input_0.pb is not a whole ONNX TensorProto"),
        (lambda path: path.write_bytes(b"no tensor"), "is not a whole ONNX TensorProto"),
        (lambda path: path.write_bytes(b""), "is not a whole ONNX TensorProto"),
        (
            lambda path: write_tensor(path, np.zeros((1, 3, 128, 128), np.float32), "input"),
            "has float32 (1, 3, 128, 128); expected float32 (1, 3, 256, 256)",
        ),
        (
            lambda path: write_tensor(path, np.zeros((3, 256, 256)), "input"),
            "has float64 (3, 256, 256)",
        ),
    ],
)
def test_a_bad_input_is_reported_in_one_line(make, message, engines, samples, capsys):
    make(samples / "test_data_set_1/input_0.pb")
    check_mistake([engines["fp32"], *inputs(0, 1)], message, capsys)


def test_other_mistakes_are_reported_in_one_line(engines, samples, truth, capsys):
    fp32 = engines["fp32"]
    check_mistake([fp32, *inputs(0, 1), "--batch", 1], "--batch 1 is less than the 2", capsys)
    check_mistake([samples, *inputs(0)], "has no record", capsys)
    Path("file").touch()
    check_mistake([fp32, *inputs(0), "--out-dir", "file"], "file: File exists", capsys)
    output = truth[1][0].copy()
    output[0, 0, 0] = np.nan
    write_tensor(samples / "test_data_set_0/output_0.pb", output, "output")
    check_mistake([fp32, *inputs(0)], "output_0.pb has values that are not finite", capsys)
    cut(samples / "test_data_set_0/output_0.pb")
    check_mistake([fp32, *inputs(0)], "output_0.pb is not a whole ONNX TensorProto", capsys)


def check_mistake(words: list[object], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*words) == 2
    err = capsys.readouterr().err
    assert err.startswith("segtrt: ") and err.count("\n") == 1 and message in err, err


def test_the_record_names_the_engine(engines, capsys):
    assert run(engines["fp32"] / "engine.json", *inputs(0)) == 0
    name = read_record(engines["fp32"] / "engine.json").name
    assert capsys.readouterr().out.startswith(name)
