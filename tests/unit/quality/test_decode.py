"""Labels from outputs, against SciPy's activations and the masks of one class."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.special import expit, softmax
from segtrt.errors import SegtrtError
from segtrt.quality.components import largest_component
from segtrt.quality.decode import Decoder


def logits(channels: int, seed: int, size: tuple[int, ...] = (5, 6, 7)) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(0, 2, (channels, *size)).astype(np.float32)


@given(st.sampled_from([0.05, 0.3, 0.5, 0.7]), st.booleans(), st.integers(0, 99))
@settings(deadline=None)
def test_one_class_equals_the_masks_of_today(threshold: float, largest: bool, seed: int) -> None:
    probabilities = expit(logits(1, seed))
    decoder = Decoder("sigmoid", threshold, largest)
    expected = probabilities[0] > threshold
    if largest:
        expected = largest_component(expected)
    labels = decoder.decode(probabilities, "x")
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, expected)


@given(st.sampled_from([0.05, 0.3, 0.5, 0.7]), st.integers(1, 4), st.integers(0, 99))
@settings(deadline=None)
def test_logits_give_the_labels_of_their_probabilities(
    threshold: float, channels: int, seed: int
) -> None:
    output = logits(channels, seed)
    from_logits = Decoder("none", threshold).decode(output, "x")
    # In float64, so that no probability is rounded onto the threshold.
    from_sigmoid = Decoder("sigmoid", threshold).decode(expit(output.astype(float)), "x")  # type: ignore[arg-type]
    np.testing.assert_array_equal(from_logits, from_sigmoid)
    if channels > 1:
        exclusive = softmax(output.astype(float), axis=0)
        np.testing.assert_array_equal(
            Decoder("none", None).decode(output, "x"),
            Decoder("softmax", None).decode(exclusive, "x"),
        )


def test_half_a_probability_is_exactly_a_logit_of_zero() -> None:
    decoder = Decoder("none", 0.5)
    assert decoder.limit == 0.0
    tiny = np.float32(1e-30)
    assert decoder.labels(np.array([[-tiny, 0, tiny]], np.float32), "x").tolist() == [0, 0, 1]


@given(st.integers(2, 5), st.integers(0, 99))
@settings(deadline=None)
def test_labels_pixel_by_pixel(channels: int, seed: int) -> None:
    output = logits(channels, seed, (4, 5))
    own, exclusive = expit(output), softmax(output, axis=0)
    threshold = Decoder("sigmoid", 0.6).labels(own, "x")
    argmax = Decoder("none", None).labels(output, "x")
    foreground = Decoder("softmax", 0.4).labels(exclusive, "x")
    for place in np.ndindex(4, 5):
        at = (slice(None), *place)
        above = [(value, -channel) for channel, value in enumerate(own[at]) if value > 0.6]
        assert threshold[place] == (1 - max(above)[1] if above else 0)
        assert argmax[place] == max(range(channels), key=lambda channel: output[at][channel])
        best = max(range(1, channels), key=lambda channel: exclusive[at][channel])
        assert foreground[place] == (best if exclusive[at][best] > 0.4 else 0)


def test_of_equal_channels_the_first_wins() -> None:
    even = np.full((3, 2, 2), 0.7, np.float32)
    assert (Decoder("softmax", None).labels(even, "x") == 0).all()
    assert (Decoder("sigmoid", 0.5).labels(even, "x") == 1).all()


@given(st.integers(2, 5), st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_each_class_keeps_its_own_largest_component(classes: int, seed: int) -> None:
    labels = np.random.default_rng(seed).integers(0, classes + 1, (5, 6, 7)).astype(np.uint8)
    kept = Decoder("none", None, largest_component=True).finish(labels)
    expected = np.zeros_like(labels)
    for label in range(1, classes + 1):
        expected[largest_component(labels == label)] = label
    np.testing.assert_array_equal(kept, expected)
    assert Decoder("none", None).finish(labels) is labels


def test_an_empty_map_stays_empty() -> None:
    empty = np.zeros((4, 5), np.uint8)
    assert not Decoder("sigmoid", largest_component=True).finish(empty).any()


@pytest.mark.parametrize(
    ("decoder", "channels"),
    [(Decoder("sigmoid"), 1), (Decoder("none"), 3), (Decoder("softmax", None), 4)],
)
def test_slabs_give_the_labels_of_the_whole(decoder: Decoder, channels: int) -> None:
    output = logits(channels, 3)
    slabs = [decoder.labels(output[:, row : row + 2], "x") for row in range(0, 5, 2)]
    np.testing.assert_array_equal(np.concatenate(slabs), decoder.labels(output, "x"))


@pytest.mark.parametrize(
    ("decoder", "channels"),
    [(Decoder("sigmoid", 0.3), 1), (Decoder("softmax", None), 4), (Decoder("softmax", 0.2), 3)]
    + [(Decoder("none", t), 3) for t in (0.01, 0.5, 0.99, None)],
)
def test_pixels_never_seen_are_background(decoder: Decoder, channels: int) -> None:
    unseen = np.full((channels, 2, 2), decoder.background, np.float32)
    assert not decoder.labels(unseen, "x").any()


@pytest.mark.parametrize(
    ("decoder", "channels"),
    [
        (Decoder("sigmoid"), 1),
        (Decoder("none"), 3),
        (Decoder("softmax", None), 3),
        (Decoder("none", None), 3),
        (Decoder("softmax", 0.5), 3),
    ],
)
def test_nan_is_an_error_and_never_a_label(decoder: Decoder, channels: int) -> None:
    output = logits(channels, 1)
    output[-1, 2, 3, 4] = np.nan
    with pytest.raises(SegtrtError, match=r"openvino/b1_fp32: 1 of \d+ output values are not a"):
        decoder.decode(output, "openvino/b1_fp32")
    output[-1, 2, 3, 4] = np.inf
    assert decoder.decode(output, "x")[2, 3, 4] == decoder.classes(channels)


def test_the_number_of_classes() -> None:
    assert Decoder("sigmoid").classes(1) == 1
    assert Decoder("none").classes(3) == 3
    assert Decoder("none", None).classes(3) == 2
    assert Decoder("softmax", 0.5).classes(2) == 1
    assert Decoder("softmax", None).classes(255) == 254
    for decoder in (Decoder("none", None), Decoder("softmax", 0.5)):
        with pytest.raises(SegtrtError, match="1 channel"):
            decoder.decode(logits(1, 0), "x")
    with pytest.raises(SegtrtError, match="255 classes; at most 254"):
        Decoder("sigmoid").classes(255)


def test_the_usual_choice_follows_the_activation() -> None:
    assert Decoder.usual("sigmoid", 1) == Decoder("sigmoid", 0.5)
    assert Decoder.usual("sigmoid", 3) == Decoder("sigmoid", 0.5)
    assert Decoder.usual("none", 1) == Decoder("none", 0.5)
    assert Decoder.usual("none", 4) == Decoder("none", None)
    assert Decoder.usual("softmax", 2) == Decoder("softmax", None)


@pytest.mark.parametrize(
    "decoder", [Decoder("none", None, True, 255), Decoder("sigmoid", 0.3), Decoder("softmax", 0.5)]
)
def test_decoders_survive_json(decoder: Decoder) -> None:
    assert Decoder.from_json(json.loads(json.dumps(decoder.to_json()))) == decoder


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("relu",), "activation is 'relu'; expected sigmoid, softmax, none"),
        (("sigmoid", 0), "threshold 0"),
        (("sigmoid", 1.0), "threshold 1.0"),
        (("none", float("nan")), "threshold nan"),
    ],
)
def test_impossible_decoders_are_refused(arguments: Any, message: str) -> None:
    with pytest.raises(SegtrtError, match=message):
        Decoder(*arguments)
