"""PyTorch's other ways to run a network: which, how, and what their answers are worth."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from exported_unet import unet_files
from prepared_shards import Made, write_shard
from segtrt.engines.budget import TimingBudget
from segtrt.model.baselines import (
    Task,
    Way,
    answers,
    sample_patches,
    time_baseline,
    ways_of,
)
from segtrt.model.inference import Form, NetworkFiles, open_reference
from segtrt.model.network_file import UNET
from segtrt.model.source import Kind, describe
from segtrt.model.unet import build_unet
from segtrt.model.weights import save_weights
from segtrt.precision import Precision
from segtrt.quality.decode import Decoder

NATIVE = {"isa": "avx512_bf16 avx512f"}
BF16 = Way("eager bf16", Precision.BF16, (Form(Precision.BF16, channels_last=True),))


def kinds(source, isa=NATIVE, **asked):
    return [
        way.name for way in ways_of(source, isa, **{"on_gpu": False, "compiled": False} | asked)
    ]


@pytest.fixture(scope="module")
def source():
    return unet_files(Path("none"), 2).source


def test_by_default_they_are_eager_in_low_precision(source):
    assert kinds(source) == ["eager bf16"]
    assert kinds(source, on_gpu=True) == ["eager fp16"]
    assert kinds(replace(source, kind=Kind.FILE)) == [*("eager fp32, channels last", "eager bf16")]


def test_compiled_ones_are_asked_for(source):
    assert kinds(source, compiled=True) == ["eager bf16", "compiled fp32", "compiled bf16"]


def test_what_a_cpu_does_not_compute_in_is_skipped_and_says_so(source):
    [way] = ways_of(source, {"isa": "avx2 avx512f"}, on_gpu=False, compiled=False)
    assert way.reason == "this CPU does not compute in bf16"
    [way] = ways_of(source, {"isa": "avx2 avx512f"}, on_gpu=True, compiled=False)
    assert way.reason == ""


def test_a_graph_has_no_other_ways_and_an_exported_program_no_other_types(source):
    assert kinds(replace(source, kind=Kind.ONNX)) == []
    [way] = ways_of(replace(source, kind=Kind.EXPORTED), NATIVE, on_gpu=False, compiled=False)
    assert "exported" in way.reason


@pytest.fixture(scope="module")
def shards(tmp_path_factory):
    """Calibration subject C and evaluation subjects A and B, with 3, 40 and 2 patches."""
    folder = tmp_path_factory.mktemp("shards")
    rng = np.random.default_rng(0)
    made = []
    for name, subjects in (("0", {"C": 3, "A": 40}), ("1", {"B": 2})):
        items = [
            Made(
                subject,
                str(number),
                rng.standard_normal((3, 64, 64), dtype=np.float32) + ord(subject),
                split="calibration" if subject == "C" else "evaluation",
            )
            for subject, count in subjects.items()
            for number in range(count)
        ]
        made.append(write_shard(folder / name, items, patch=(3, 64, 64)))
    return made


def test_answers_are_compared_on_an_even_sample_of_evaluation_subjects(shards):
    sample = sample_patches(shards)
    subjects = [chr(round(float(image.mean()))) for image in sample]
    assert (len(sample), subjects.count("A"), subjects.count("B")) == (32, 30, 2)


@pytest.fixture(scope="module")
def task(tmp_path_factory, shards):
    weights = tmp_path_factory.mktemp("weights") / "weights.safetensors"
    torch.manual_seed(0)
    network = build_unet(2)
    network(torch.randn(2, 3, 64, 64) * 2 + 1)
    save_weights(network.state_dict(), weights, half=False)
    files = unet_files(weights, 2)
    sample = sample_patches(shards)[:5]
    with open_reference(files, 1) as reference:
        expected = answers(reference, UNET, sample)
    budget = TimingBudget(2, None, 0)
    # A threshold that tells pixels apart, which random weights do only about their own median.
    decoder = Decoder("sigmoid", float(np.median(expected)))
    return Task(files, UNET, decoder, shards, [1, 3], budget, 1, sample, expected)


def test_bf16_is_timed_and_its_answers_are_close_but_not_the_same(task):
    found = time_baseline(BF16, task)
    assert (found.reason, found.form) == ("", "weights in bf16, channels last")
    assert [one.batch_size for one in found.timings] == [1, 3]
    assert found.errors.patches == 5 and found.errors.pixels == 5 * 64 * 64
    assert 1e-4 < found.errors.relative_rms < 0.2
    assert 0 < found.errors.flipped_fraction < 0.2


def test_float32_in_another_layout_gives_the_same_answers(task):
    way = Way("eager fp32", Precision.FP32, (Form(channels_last=False),))
    found = time_baseline(way, task)
    assert found.form == "weights in fp32, channels first"
    assert found.errors.relative_rms < 1e-5


def test_a_way_that_is_not_tried_has_its_reason_alone(task):
    found = time_baseline(replace(BF16, reason="no bf16 here"), task)
    assert (found.reason, found.errors, found.timings) == ("no bf16 here", None, ())


FLOAT32_INSIDE = """
import torch
class Picky(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv{rank}d(3, 1, 3, padding=1)
        self.sent = torch.nn.Linear(1, 1)
    def forward(self, x):
        if {refuses}:
            raise RuntimeError("expected a view\\nof something")
        y = self.conv(x).float()
        return torch.sigmoid(self.sent(y.reshape(-1, 1)).reshape(y.shape))
def make():
    torch.manual_seed(0)
    return Picky()
"""


def picky(task, folder, *, rank=2, refuses="False"):
    (folder / "picky.py").write_text(FLOAT32_INSIDE.format(rank=rank, refuses=refuses))
    network = NetworkFiles(describe("picky.py:make", {}, folder), None, None, None)
    shape = (4, 3, *(16,) * rank)
    sample = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    items = [Made("A", str(n), image) for n, image in enumerate(sample)]
    shard = write_shard(folder / "shard", items, patch=shape[1:])
    with open_reference(network, 1) as reference:
        expected = reference.run(sample)
    return replace(task, network=network, sample=sample, expected=expected, shards=[shard])


@pytest.mark.parametrize("rank", [2, 3])
def test_a_network_with_float32_inside_runs_by_autocast(task, tmp_path, rank):
    [way] = [
        one
        for one in ways_of(
            replace(task.network.source, kind=Kind.FILE), NATIVE, on_gpu=False, compiled=False
        )
        if one.precision == Precision.BF16
    ]
    found = time_baseline(way, picky(task, tmp_path, rank=rank))
    assert (found.reason, found.form) == ("", "autocast, channels last")
    assert 0 < found.errors.relative_rms < 0.1


def test_a_network_that_refuses_a_layout_runs_in_the_other(task, tmp_path):
    refuses = "not x.is_contiguous()"
    way = Way("eager fp32", Precision.FP32, (Form(channels_last=True), Form(channels_last=False)))
    found = time_baseline(way, picky(task, tmp_path, refuses=refuses))
    assert found.form == "weights in fp32, channels first"


def test_one_that_refuses_all_says_why_in_one_line(task, tmp_path):
    found = time_baseline(BF16, picky(task, tmp_path, refuses="x.dtype == torch.bfloat16"))
    assert found.reason == "PyTorch cannot run the network so: expected a view"
    assert found.timings == ()
