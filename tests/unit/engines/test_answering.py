"""The loop from patches to labels: batches, stitching, resizing, and what is kept."""

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import prepared_shards
import pytest
from numpy.typing import NDArray
from prepared_shards import TUMOUR, Made
from segtrt.data.prepared import Prepared
from segtrt.engines.answering import answer, decoder_of
from segtrt.errors import SegtrtError
from segtrt.model.network_file import UNET
from segtrt.model.spec import Activation, NetworkSpec
from segtrt.quality.answers import Answers
from segtrt.quality.decode import Decoder

USUAL = {"decide": None, "ignored": None}

write_shard = partial(prepared_shards.write_shard, labels=None)
"""Without masks, so that networks may have any number of classes."""


def scores(*shape: int, seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal(shape, dtype=np.float32)


class Doubling:
    """Answers each patch with twice its values, and remembers what it was given."""

    def __init__(self, change: Any = lambda outputs: outputs) -> None:
        self.batches: list[int] = []
        self._change = change

    def __call__(self, batches: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        for images in batches:
            self.batches.append(len(images))
            yield self._change(2 * images)


def answered(
    shard: Path, out: Path, run: Any, decoder: Decoder, *, batch_size: int = 4, **more: Any
) -> Answers:
    with Prepared(shard) as opened:
        settings = {"output": opened.patch, "raw_bytes": 2**30, **more}
        answer(opened, out, run, by="test", batch_size=batch_size, decoder=decoder, **settings)
    return Answers(out)


def test_batches_go_on_across_items_and_labels_are_each_items_own(tmp_path: Path) -> None:
    images = [scores(3, 8, 12, seed=seed) for seed in range(5)]
    items = [Made("A", str(number), image) for number, image in enumerate(images)]
    shard = write_shard(tmp_path / "shard", items)
    run = Doubling()
    found = answered(shard, tmp_path / "out", run, Decoder("none", None), batch_size=2)
    assert run.batches == [2, 2, 1]
    assert found.rows == (0, 1, 2, 3, 4) and found.non_finite == (0,) * 5
    np.testing.assert_array_equal(found.outputs(), 2 * np.stack(images))
    with Prepared(shard) as opened:
        for place, item in enumerate(opened.items):
            np.testing.assert_array_equal(
                found.labels(place, item), images[place].argmax(axis=0).astype(np.uint8)
            )


@pytest.mark.parametrize("size", [(8, 8), (6, 5, 7)])
def test_windows_are_stitched_to_the_whole_item(size: tuple[int, ...], tmp_path: Path) -> None:
    """Twice a pixel's values is the same in every window that sees it."""
    image = scores(2, *(3 * side - 2 for side in size))
    shard = write_shard(tmp_path / "shard", [Made("A", "a", image, size=size)])
    found = answered(shard, tmp_path / "out", Doubling(), Decoder("none", None), batch_size=3)
    with Prepared(shard) as opened:
        labels = found.labels(0, opened.items[0])
    np.testing.assert_array_equal(labels, image.argmax(axis=0))


def test_smaller_answers_are_resized_before_labels_and_kept_as_they_come(tmp_path: Path) -> None:
    """A constant half-size answer with one class everywhere stays so at full size."""
    image = np.zeros((1, 8, 8), np.float32)
    shard = write_shard(tmp_path / "shard", [Made("A", "a", image)])
    small = np.zeros((1, 2, 4, 4), np.float32)
    small[:, 1, :, 2:] = 1
    small[:, 0, :, :2] = 1
    found = answered(
        *(shard, tmp_path / "out", lambda batches: (small for _ in batches)),
        Decoder("none", None),
        output=(2, 4, 4),
    )
    np.testing.assert_array_equal(found.outputs(), small)
    with Prepared(shard) as opened:
        labels = found.labels(0, opened.items[0])
    np.testing.assert_array_equal(labels, np.repeat([[0, 1]], 8, 0).repeat(4, 1))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("decoder", [Decoder("sigmoid"), Decoder("none"), Decoder("none", None)])
def test_values_that_are_not_finite_are_counted_and_background(
    value: float, decoder: Decoder, tmp_path: Path
) -> None:
    image = np.stack([np.zeros((4, 4)), np.ones((4, 4))]).astype(np.float32)
    shard = write_shard(tmp_path / "shard", [Made("A", "a", image), Made("A", "b", image)])

    def spoil(outputs: NDArray[np.float32]) -> NDArray[np.float32]:
        outputs[1, :, 2, 3] = value
        return outputs

    found = answered(shard, tmp_path / "out", Doubling(spoil), decoder)
    assert found.non_finite == (0, 2)
    with Prepared(shard) as opened:
        good, bad = (found.labels(place, item) for place, item in enumerate(opened.items))
    assert (good > 0).all()
    assert np.argwhere(bad == 0).tolist() == [[2, 3]]


def test_raw_outputs_are_kept_within_the_budget(tmp_path: Path) -> None:
    images = [scores(1, 4, 4, seed=seed) for seed in range(6)]
    items = [Made(f"S{n % 2}", str(n), image) for n, image in enumerate(images)]
    shard = write_shard(tmp_path / "shard", items)
    found = answered(
        shard, tmp_path / "out", Doubling(), Decoder("none"), raw_bytes=2 * 4 * 16, batch_size=6
    )
    assert len(found.rows) == 2
    expected = np.stack([2 * images[row] for row in found.rows])
    np.testing.assert_array_equal(found.outputs(), expected)


def test_an_empty_shard_runs_nothing(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "shard", [], patch=(1, 4, 4))
    run = Doubling()
    found = answered(shard, tmp_path / "out", run, Decoder("none"))
    assert run.batches == [] and found.rows == () and found.non_finite == ()


def test_answers_of_another_shape_than_the_contract_are_refused(tmp_path: Path) -> None:
    shard = write_shard(tmp_path / "shard", [Made("A", "a", scores(2, 4, 4))])
    with pytest.raises(SegtrtError, match=r"test answers \(2, 4, 4\) .* \(1, 4, 4\) was expected"):
        answered(shard, tmp_path / "out", Doubling(), Decoder("none"), output=(1, 4, 4))
    assert not (tmp_path / "out").exists()


def contract(classes: int, activation: Activation) -> NetworkSpec:
    from dataclasses import replace

    return replace(UNET, classes=classes, activation=activation)


def test_the_decoder_follows_settings_and_contract() -> None:
    assert decoder_of(UNET, USUAL) == Decoder("sigmoid", 0.5)
    assert decoder_of(contract(4, Activation.SOFTMAX), USUAL).threshold is None
    overlapping = {"decide": {"threshold": 0.7}, "ignored": 255}
    found = decoder_of(contract(4, Activation.NONE), overlapping)
    assert found == Decoder("none", 0.7, ignored=255)
    with pytest.raises(SegtrtError, match="argmax, but the network's output has 1 channel"):
        decoder_of(UNET, {**USUAL, "decide": "argmax"})


def test_a_network_of_other_classes_than_the_masks_is_refused_before_it_runs(
    tmp_path: Path,
) -> None:
    items = [Made("A", "a", scores(3, 8, 8))]
    shard = write_shard(tmp_path / "shard", items, labels=TUMOUR)
    run = Doubling()
    with pytest.raises(SegtrtError, match=r"tells 2 classes apart .* has 1 \(tumour\)"):
        answered(shard, tmp_path / "out", run, Decoder("softmax", None))
    assert not run.batches
    assert not (tmp_path / "out").exists()
