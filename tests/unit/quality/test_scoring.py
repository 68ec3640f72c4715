"""Scores of small made-up shards, whose figures follow by hand."""

import json
from dataclasses import replace

import numpy as np
import pytest
import tifffile
from example_shards import Item, answer, write_shard
from segtrt.data.geometry import VolumeGeometry
from segtrt.data.labels import IGNORED, Labels
from segtrt.data.placement import Placement
from segtrt.engines.record import EngineRecord
from segtrt.errors import SegtrtError
from segtrt.model.network_file import UNET
from segtrt.precision import Graph, Precision
from segtrt.quality.decode import Decoder
from segtrt.quality.reference_scores import read_reference_scores
from segtrt.quality.reference_scoring import score_reference
from segtrt.quality.scores import read_scores
from segtrt.quality.scoring import ShardPaths, score_engine
from segtrt.runtimes.base import BuildSettings

SIZE = 64
TUMOUR = Labels.of({255: "tumour"})
SIGMOID = Decoder("sigmoid", 0.5, largest_component=True)
RECORD = EngineRecord(
    runtime="onnxruntime",
    network=UNET,
    settings=BuildSettings(batch_size=4, precision=Precision.INT8),
    graph=Graph.INT8,
    status="built",
    graph_sha256="0" * 64,
    target={},
    code="0" * 64,
    engine_sha256="0" * 64,
    engine_bytes=0,
    build_ms=1.0,
)


def square(top, left, side, value=1.0):
    image = np.zeros((SIZE, SIZE), np.float32)
    image[top : top + side, left : left + side] = value
    return image


EMPTY = square(0, 0, 0)


class Files:
    """One shard, the reference's and an engine's answers, the record, and where results go."""

    def __init__(self, folder, items, reference, engine, *, labels=TUMOUR, decoder=SIGMOID):
        self.folder, self.items, self.labels, self.decoder = folder, items, labels, decoder
        self.budget = 2**30
        write_shard(folder / "tensors", items, labels)
        self.write("reference", reference)
        self.write("engine", engine)
        RECORD.write(folder / "engine.json")

    @classmethod
    def slices(cls, folder, subjects, truth, reference, engine, **more):
        """Two 2-D items a subject: (name, split), each with its squares."""
        items = [
            Item(
                name,
                str(number + 1),
                split,
                mask.astype(np.uint8),
                np.zeros((3, SIZE, SIZE), np.float32),
            )
            for (name, split), masks in zip(
                subjects,
                [truth[place : place + 2] for place in range(0, len(truth), 2)],
                strict=True,
            )
            for number, mask in enumerate(masks)
        ]
        return cls(folder, items, [[one] for one in reference], [[one] for one in engine], **more)

    def write(self, name, outputs, **changes):
        outputs = [np.array(one, np.float32) for one in outputs]
        answer(
            self.folder / name,
            self.folder / "tensors",
            outputs,
            replace(self.decoder, **changes),
            by=name,
            budget=self.budget,
        )

    def score_reference(self, metric="dice"):
        score_reference(
            tensor_shards=[self.folder / "tensors"],
            reference_shards=[self.folder / "reference"],
            out_json=self.folder / "reference.json",
            metric=metric,
            largest_component=self.decoder.largest_component,
        )
        return read_reference_scores(self.folder / "reference.json")

    def score_engine(self, metric="dice"):
        score_engine(
            self.folder / "engine.json",
            reference_scores=self.folder / "reference.json",
            shards=[ShardPaths(*(self.folder / n for n in ("tensors", "reference", "engine")))],
            root=self.folder,
            metric=metric,
            out_json=self.folder / "scores.json",
            predictions_dir=self.folder / "predictions",
        )
        return read_scores(self.folder / "scores.json").figures

    def score(self, metric="dice"):
        self.score_reference(metric)
        return self.score_engine(metric)

    def mask(self, subject, number):
        return tifffile.imread(self.folder / f"predictions/{subject}/{subject}_{number}_mask.tif")


@pytest.fixture
def two_subjects(tmp_path):
    """`a` is evaluated: its engine shifts the lesion by half; `c` calibrates and is all wrong."""
    return Files.slices(
        tmp_path,
        [("a", "evaluation"), ("c", "calibration")],
        truth=[square(10, 10, 10), EMPTY, square(50, 50, 10), EMPTY],
        reference=[square(10, 10, 10), EMPTY, square(50, 50, 10), EMPTY],
        engine=[square(10, 15, 10, 0.9), EMPTY, EMPTY, EMPTY],
    )


def test_the_metric_is_reported_per_subject_and_averaged_over_evaluation_subjects(two_subjects):
    scores = two_subjects.score()
    a, c = scores.subjects
    assert (a.subject, a.figure, a.reference_figure, a.agreement) == ("a", 0.5, 1.0, 0.5)
    assert (a.classes, a.items) == ((0.5,), 2)
    assert (c.split, c.figure) == ("calibration", 0.0)
    assert scores.quality.mean == scores.quality.median == scores.quality.worst == 0.5
    assert (scores.quality.loss, scores.quality.reference_mean) == (0.5, 1.0)
    assert (scores.quality.classes, scores.quality.reference_classes) == ((0.5,), (1.0,))
    assert scores.agreement == 0.5


def test_another_metric_is_taken_by_its_name(two_subjects):
    scores = two_subjects.score("iou")
    assert scores.quality.mean == pytest.approx(50 / 150)
    assert read_scores(two_subjects.folder / "scores.json").metric.title == "IoU"


def test_errors_leave_calibration_items_out_and_are_reported_for_every_item_too(two_subjects):
    scores = two_subjects.score()
    assert (scores.errors.patches, scores.errors.pixels) == (2, 2 * SIZE * SIZE)
    assert scores.errors.flipped_pixels == 100  # 50 lost, 50 gained
    assert scores.errors_every_item.pixels == 4 * SIZE * SIZE
    assert scores.errors_every_item.flipped_pixels == 200
    assert scores.errors.max_abs_error == 1.0
    assert scores.errors.mean_abs_error == pytest.approx((50 + 50 * 0.9 + 50 * 0.1) / (2 * 64 * 64))
    assert [one.flipped_pixels for one in scores.views] == [100, 0, 100, 0]
    assert scores.patches == 4


def test_masks_are_written_in_the_data_sets_layout_format_and_values(two_subjects):
    two_subjects.score()
    mask = two_subjects.mask("a", 1)
    assert mask.dtype == np.uint8
    assert np.array_equal(mask, square(10, 15, 10, 255))
    files = [path for path in (two_subjects.folder / "predictions").rglob("*") if path.is_file()]
    assert len(files) == 4


def test_only_the_largest_component_of_a_subjects_slices_counts(tmp_path):
    speck = square(10, 10, 10) + square(50, 50, 2)
    truth = [square(10, 10, 10), square(10, 10, 10)]
    files = Files.slices(tmp_path, [("a", "evaluation")], truth, truth, [speck, speck])
    assert files.score().subjects[0].figure == 1.0
    assert files.mask("a", 2)[50, 50] == 0
    # Answers keep every component, so the same ones are scored either way.
    files.decoder = replace(files.decoder, largest_component=False)
    assert files.score().subjects[0].figure == pytest.approx(2 * 200 / (200 + 208))


def test_outlines_are_kept_where_there_is_a_mask(two_subjects):
    outlines = [one.outlines for one in two_subjects.score().views]
    assert list(outlines[0]) == ["1"]
    assert outlines[0]["1"].startswith("M")
    assert outlines[1:] == [{}, {}, {}]


def test_an_unsupported_engine_is_not_scored(two_subjects):
    folder = two_subjects.folder
    two_subjects.score()
    (folder / "engine").unlink()
    replace(RECORD, status="unsupported", reason="no int8 here").write(folder / "engine.json")
    assert two_subjects.score_engine() is None
    assert list((folder / "predictions").iterdir()) == []
    assert list(json.loads((folder / "scores.json").read_text())) == [
        *("format", "engine", "status", "decoder", "metric"),
    ]


def test_answers_to_another_shard_or_of_another_decoder_are_refused(two_subjects):
    two_subjects.score()
    two_subjects.write("engine", [[EMPTY]] * 4, threshold=0.4)
    with pytest.raises(SegtrtError, match=r"engine does not hold answers to .*tensors like"):
        two_subjects.score_engine()
    two_subjects.budget = 1
    two_subjects.write("engine", [[EMPTY]] * 4)
    with pytest.raises(SegtrtError, match="does not hold answers"):
        two_subjects.score_engine()
    write_shard(two_subjects.folder / "tensors", two_subjects.items[:2], TUMOUR)
    with pytest.raises(SegtrtError, match="does not hold answers"):
        two_subjects.score_reference()


def test_other_classes_than_the_labels_name_are_refused(two_subjects):
    labels = Labels.of({1: "liver", 2: "spleen"})
    write_shard(two_subjects.folder / "tensors", two_subjects.items, labels)
    with pytest.raises(SegtrtError, match=r"1 classes .*dataset\.labels has 2 \(liver, spleen\)"):
        two_subjects.score_reference()


def test_without_an_evaluation_subject_there_is_nothing_to_score(tmp_path):
    blank = [EMPTY] * 2
    files = Files.slices(tmp_path, [("c", "calibration")], blank, blank, blank)
    with pytest.raises(SegtrtError, match=r"lower dataset\.calibration_fraction"):
        files.score()


def test_an_empty_shard_adds_nothing(two_subjects):
    folder = two_subjects.folder
    write_shard(folder / "t", [], TUMOUR, (3, SIZE, SIZE))
    for name in ("r", "e"):
        answer(folder / name, folder / "t", [], SIGMOID)
    score_reference(
        tensor_shards=[folder / "t", folder / "tensors"],
        reference_shards=[folder / "r", folder / "reference"],
        out_json=folder / "reference.json",
        metric="dice",
        largest_component=True,
    )
    score_engine(
        folder / "engine.json",
        reference_scores=folder / "reference.json",
        shards=[
            ShardPaths(folder / "t", folder / "r", folder / "e"),
            ShardPaths(folder / "tensors", folder / "reference", folder / "engine"),
        ],
        root=folder,
        metric="dice",
        out_json=folder / "scores.json",
        predictions_dir=folder / "predictions",
    )
    assert len(read_scores(folder / "scores.json").figures.subjects) == 2


def test_the_reference_is_scored_once(two_subjects):
    scores = two_subjects.score()
    path = two_subjects.folder / "reference.json"
    reference = read_reference_scores(path)
    reported = [(one.subject, one.split, one.items, one.figure) for one in reference.subjects]
    assert reported == [("a", "evaluation", 2, 1.0), ("c", "calibration", 2, 1.0)]
    assert [(one.truth_pixels, one.found_pixels) for one in reference.subjects] == [(100, 100)] * 2
    # An engine's scores take the reference's figures as they stand in its file.
    changed = replace(reference.subjects[0], figure=0.25)
    replace(reference, subjects=(changed, reference.subjects[1])).write(path)
    again = two_subjects.score_engine()
    assert (again.subjects[0].reference_figure, again.subjects[0].figure) == (0.25, 0.5)
    assert again.quality.loss == -0.25
    assert again.errors == scores.errors


def test_a_subject_that_the_reference_lacks_is_named(two_subjects):
    two_subjects.score()
    path = two_subjects.folder / "reference.json"
    reference = read_reference_scores(path)
    replace(reference, subjects=reference.subjects[1:]).write(path)
    with pytest.raises(SegtrtError, match="lack subject a"):
        two_subjects.score_engine()


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_reference_that_is_not_finite_is_refused_with_its_item(two_subjects, value):
    two_subjects.score()
    (two_subjects.folder / "scores.json").unlink()
    wrong = EMPTY.copy()
    wrong[7, :5] = value
    two_subjects.write("reference", [[EMPTY], [EMPTY], [EMPTY], [wrong]])
    reported = (
        r"reference, c, 2 \(of 1 such items\): 5 values are infinite or not numbers.*check "
        r"model\.weights"
    )
    with pytest.raises(SegtrtError, match=reported):
        two_subjects.score_engine()
    assert not (two_subjects.folder / "scores.json").exists()
    (two_subjects.folder / "reference.json").unlink()
    with pytest.raises(SegtrtError, match=reported):
        two_subjects.score_reference()
    assert not (two_subjects.folder / "reference.json").exists()


def test_values_of_the_engine_that_are_not_finite_are_counted_and_reported(two_subjects, caplog):
    wrong = EMPTY.copy()
    wrong[:2, :2] = np.nan
    two_subjects.write("engine", [[EMPTY], [wrong], [EMPTY], [EMPTY]])
    assert two_subjects.score().errors.non_finite == 4
    reported = "a, 2 (of 1 such items): 4 values are infinite or not numbers: the engine fails"
    assert reported in caplog.text


def test_without_masks_engines_are_judged_by_agreement(tmp_path):
    items = [
        Item("a", str(n), "evaluation", None, np.zeros((1, SIZE, SIZE), np.float32)) for n in (1, 2)
    ]
    outputs = [[square(10, 10, 10)], [EMPTY]]
    shifted = [[square(10, 15, 10)], [EMPTY]]
    files = Files(tmp_path, items, outputs, shifted, labels=None)
    reference = files.score_reference()
    assert (reference.has_truth, reference.class_names) == (False, ("class 1",))
    assert (reference.subjects[0].figure, reference.subjects[0].truth_pixels) == (None, None)
    scores = files.score_engine()
    assert scores.quality is None
    assert (scores.agreement, scores.errors.flipped_pixels) == (0.5, 100)
    assert set(np.unique(files.mask("a", 1))) == {0, 1}


def test_classes_are_scored_one_by_one_and_ignored_pixels_not_at_all(tmp_path):
    labels = Labels.of({3: "liver", 7: "spleen"}, 9)
    truth = np.zeros((4, SIZE, SIZE), np.uint8)
    truth[1, :4, :4], truth[2, 10:14, 10:14], truth[1, 30:, :] = 1, 2, IGNORED
    outputs = np.zeros((3, 4, SIZE, SIZE), np.float32)
    outputs[1, 1, :4, :4] = outputs[2, 2, 10:14, 12:16] = outputs[2, 1, 40:50, :] = 1
    outputs[0] = 0.5
    item = Item(
        "a", "a", "evaluation", truth, np.zeros((1, 4, SIZE, SIZE), np.float32), spacing=(5, 1, 1)
    )
    item = replace(
        item,
        source={
            "subject": "a",
            "name": "a",
            "images": ["a.npy"],
            "mask": "a_mask.npy",
            "files": ["a.npy"],
            "output": "a_mask.npy",
        },
    )
    files = Files(
        tmp_path, [item], [outputs], [outputs], labels=labels, decoder=Decoder("softmax", None)
    )
    reference = files.score_reference()
    assert reference.class_names == ("liver", "spleen")
    [subject] = reference.subjects
    assert subject.classes == (1.0, 0.5)
    assert subject.figure == 0.75
    assert subject.slices == 4
    scores = files.score_engine()
    assert scores.subjects[0].classes == (1.0, 0.5)
    written = np.load(tmp_path / "predictions/a_mask.npy")
    assert sorted(np.unique(written)) == [0, 3, 7]
    assert [one.plane for one in scores.views] == [1, 2]
    assert list(scores.views[0].outlines) == ["1", "2"]


def test_a_distance_that_is_infinite_counts_as_the_diagonal(tmp_path):
    truth = np.zeros((2, 8, 8), np.uint8)
    truth[0, 2:4, 2:4] = 1
    item = Item(
        "a", "1", "evaluation", truth, np.zeros((1, 2, 8, 8), np.float32), spacing=(3.0, 1.0, 2.0)
    )
    found, nothing = truth[np.newaxis].astype(np.float32), np.zeros((1, 2, 8, 8), np.float32)
    files = Files(tmp_path, [item], [found], [nothing])
    scores = files.score("hd95")
    diagonal = np.sqrt((2 * 3) ** 2 + 8**2 + (8 * 2) ** 2)
    assert scores.quality.mean == scores.quality.loss == pytest.approx(diagonal)
    assert scores.quality.reference_mean == 0.0
    assert scores.quality.worst == scores.quality.mean
    assert files.score_reference("hd95").metric.unit == "mm"
    assert files.score_reference("dice").metric.unit == ""


def test_distances_of_images_without_spacing_are_in_pixels(two_subjects):
    assert two_subjects.score_reference("hd95").metric.unit == "pixels"
    spaced = square(10, 10, 10).astype(np.uint8)
    items = [
        Item(name, "1", "evaluation", spaced, spaced[np.newaxis] * np.float32(0), spacing=spacing)
        for name, spacing in (("a", (1.0, 1.0)), ("b", None))
    ]
    outputs = [spaced[np.newaxis].astype(np.float32)] * 2
    mixed = Files(two_subjects.folder / "mixed", items, outputs, outputs)
    with pytest.raises(SegtrtError, match=r"a, 1 says how large its pixels are, b, 1 does not"):
        mixed.score_reference("assd")
    assert mixed.score_reference("dice").metric.unit == ""


def test_figures_and_masks_are_on_the_items_own_grid(tmp_path):
    """Slices that `volume` drops are scored as background, and said."""
    box = VolumeGeometry((4, 16, 16), (1, 3), (0, 16), (0, 16))
    placement = Placement((4, 16, 16), (2, 8, 8), axis=0, box=box)
    truth = np.zeros((4, 16, 16), np.uint8)
    truth[:, 4:8, 4:8] = 1
    grid = np.zeros((1, 2, 8, 8), np.float32)
    grid[:, :, 2:4, 2:4] = 1
    names = [f"a/a_{n}" for n in range(1, 5)]
    source = {
        "slices": [
            {
                "subject": "a",
                "name": str(n + 1),
                "images": [f"{name}.tif"],
                "mask": f"{name}_mask.tif",
                "files": [f"{name}.tif"],
                "output": f"{name}_mask.tif",
            }
            for n, name in enumerate(names)
        ]
    }
    item = Item("a", "a", "evaluation", truth, grid * 0, placement, source=source)
    files = Files(tmp_path, [item], [grid], [grid])
    [subject] = files.score_reference().subjects
    assert (subject.slices, subject.slices_seen) == (4, 2)
    assert subject.figure == pytest.approx(2 * 32 / (32 + 64))
    files.score_engine()
    assert [files.mask("a", n).any() for n in range(1, 5)] == [False, True, True, False]
    assert np.array_equal(files.mask("a", 2), truth[1] * np.uint8(255))


def test_windows_are_stitched_before_they_are_scored(tmp_path):
    rng = np.random.default_rng(0)
    truth = (rng.random((40, 50)) > 0.5).astype(np.uint8)
    item = Item(
        "a",
        "1",
        "evaluation",
        truth,
        np.zeros((1, 40, 50), np.float32),
        patch=(16, 16),
        overlap=0.25,
    )
    decoder = Decoder("sigmoid", 0.5)
    outputs = truth[np.newaxis].astype(np.float32)
    files = Files(tmp_path, [item], [outputs], [outputs], decoder=decoder)
    scores = files.score()
    assert scores.quality.mean == 1.0
    assert scores.errors.pixels == truth.size
    assert scores.patches == scores.errors.patches == 3 * 4


def test_errors_rest_on_the_patches_that_were_kept(two_subjects):
    two_subjects.budget = 2 * 4 * SIZE * SIZE
    two_subjects.write("reference", [[EMPTY]] * 4)
    two_subjects.write("engine", [[square(0, 0, 8)]] * 4)
    scores = two_subjects.score()
    assert (scores.errors.patches, scores.errors_every_item.patches, scores.patches) == (1, 2, 4)
    assert scores.errors.pixels == 2 * SIZE * SIZE  # labels of all


@pytest.mark.parametrize(
    ("reference", "truth", "message"),
    [
        (square(10, 10, 10), square(10, 10, 10), ""),
        (square(40, 40, 10), square(10, 10, 10), "mean Dice 0.0000 of the reference, at least 0.1"),
        (EMPTY, square(10, 10, 10), "finds nothing in any image"),
        (square(10, 10, 10), EMPTY, "the ground truth of every evaluation subject is empty"),
    ],
)
@pytest.mark.parametrize("metric", ["dice", "hd95"])
def test_a_reference_that_finds_nothing_is_doubted(tmp_path, reference, truth, message, metric):
    files = Files.slices(
        tmp_path, [("a", "evaluation")], [truth, EMPTY], [reference, EMPTY], [EMPTY, EMPTY]
    )
    doubt = files.score_reference(metric).doubt(0.1)
    assert message in doubt
    assert bool(message) == bool(doubt)
    assert not doubt or doubt.endswith("so no verdict on engines means anything")
