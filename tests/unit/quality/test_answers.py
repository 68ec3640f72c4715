"""Files of answers: what was written comes back, and what is no such file is refused."""

import numpy as np
import pytest
from example_shards import Item, answer, write_shard
from segtrt.data.labels import Labels
from segtrt.data.prepared import Prepared
from segtrt.data.tensor_file import write_tensors
from segtrt.errors import SegtrtError
from segtrt.quality.answers import Answers, kept_rows, write_answers
from segtrt.quality.decode import Decoder

DECODER = Decoder("softmax", None)
ORGANS = Labels.of({1: "liver", 2: "spleen"})


@pytest.fixture
def shard(tmp_path):
    """Two volumes of `a`, cut into slices, and one of `b`."""
    items = [
        Item(subject, name, "evaluation", None, np.zeros((2, planes, 3, 5), np.float32))
        for subject, name, planes in (("a", "x", 4), ("a", "y", 3), ("b", "z", 2))
    ]
    return write_shard(tmp_path / "shard", items, None)


def outputs(shard, seed=0):
    rng = np.random.default_rng(seed)
    with Prepared(shard) as prepared:
        return [rng.random((3, *item.placement.grid)).astype(np.float32) for item in prepared.items]


def test_labels_and_outputs_come_back(tmp_path, shard):
    given = outputs(shard)
    path = answer(tmp_path / "answers", shard, given, DECODER, by="openvino/b4_fp32")
    with Prepared(shard) as prepared, Answers(path) as answers:
        assert (answers.by, answers.status, answers.reason) == ("openvino/b4_fp32", "built", "")
        assert answers.decoder == DECODER
        assert answers.classes == 2
        assert answers.rows == tuple(range(9))
        assert answers.non_finite == (0, 0, 0)
        for place, item in enumerate(prepared.items):
            assert np.array_equal(answers.labels(place, item), given[place].argmax(axis=0))
        planes = np.concatenate([one.swapaxes(0, 1) for one in given])
        assert np.array_equal(answers.outputs(), planes)
        assert np.array_equal(answers.outputs(3, 5), planes[3:5])


def test_a_small_budget_keeps_an_even_sample_over_subjects(tmp_path, shard):
    size = 4 * 3 * 3 * 5
    path = answer(tmp_path / "answers", shard, outputs(shard), DECODER, budget=4 * size)
    with Prepared(shard) as prepared, Answers(path) as answers:
        assert answers.rows == kept_rows(prepared, size, 4 * size)
        # Two of each: of `a` those in the middle of its halves, over both volumes.
        assert answers.rows == (1, 5, 7, 8)
        assert len(answers.outputs()) == 4


def test_one_class_takes_a_bit_a_pixel(tmp_path, shard):
    given = [one[:1] for one in outputs(shard)]
    decoder = Decoder("sigmoid", 0.5)
    path = answer(tmp_path / "answers", shard, given, decoder, budget=1)
    assert path.stat().st_size < 2000
    with Prepared(shard) as prepared, Answers(path) as answers:
        found = answers.labels(1, prepared.items[1])
        assert np.array_equal(found, given[1][0] > 0.5)


def test_an_unsupported_engine_has_no_items(tmp_path):
    with write_answers(tmp_path / "a", "x", DECODER, (3, 4, 4), unsupported="no int8 here"):
        pass
    with Answers(tmp_path / "a") as answers:
        assert (answers.status, answers.reason) == ("unsupported", "no int8 here")
        assert (answers.rows, answers.non_finite) == ((), ())
        assert answers.outputs().shape == (0, 3, 4, 4)


def test_nothing_appears_if_the_block_fails(tmp_path):
    def fail():
        with write_answers(tmp_path / "a", "x", DECODER, (3, 4, 4)):
            raise RuntimeError("half way")

    with pytest.raises(RuntimeError):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_labels_of_another_size_are_refused(tmp_path, shard):
    path = answer(tmp_path / "answers", shard, outputs(shard), DECODER)
    with (
        Prepared(shard) as prepared,
        Answers(path) as answers,
        pytest.raises(SegtrtError, match=r"damaged: labels of a, y: .* expected"),
    ):
        answers.labels(0, prepared.items[1])


@pytest.mark.parametrize(
    "damage",
    [
        {"format": "other"},
        {"decoder": "{}"},
        {"classes": "many"},
        {"rows": "[0]"},
        {"non_finite": "{"},
        {"by": None},
    ],
)
def test_what_is_no_file_of_answers_is_refused(tmp_path, damage):
    import json

    good = {
        "format": "segtrt-answers-1",
        "by": "x",
        "status": "built",
        "reason": "",
        "decoder": json.dumps(DECODER.to_json()),
        "classes": "2",
        "rows": "[]",
        "non_finite": "[]",
    }
    with write_tensors(tmp_path / "a") as file:
        file.begin("outputs", (3, 4, 4))
        file.metadata |= {k: v for k, v in {**good, **damage}.items() if v is not None}
    with pytest.raises(SegtrtError, match=r"is damaged: .*; delete it") as caught:
        Answers(tmp_path / "a")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_reported(tmp_path):
    with pytest.raises(SegtrtError, match="does not exist; run the workflow"):
        Answers(tmp_path / "none")
