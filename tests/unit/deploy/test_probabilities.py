"""Outputs as probabilities."""

import numpy as np
from scipy.special import expit, softmax
from segtrt.deploy.probabilities import probabilities_of
from segtrt.quality.decode import Decoder

LOGITS = np.random.default_rng(0).normal(0, 300, (3, 8, 8)).astype(np.float32)


def test_logits_go_through_what_the_decision_implies() -> None:
    with np.errstate(over="ignore"):
        found = probabilities_of(LOGITS, Decoder("none", 0.5))
    np.testing.assert_allclose(found, expit(LOGITS), atol=1e-6)
    found = probabilities_of(LOGITS, Decoder("none", None))
    np.testing.assert_allclose(found, softmax(LOGITS, axis=0), atol=1e-6)
    assert found.dtype == np.float32


def test_probabilities_stay_as_they_are() -> None:
    given = expit(LOGITS)
    assert probabilities_of(given, Decoder("sigmoid")) is given


def test_pixels_that_were_never_seen_are_background() -> None:
    decoder = Decoder("none", 0.5)
    outputs = np.full((1, 2, 2), decoder.background, np.float32)
    assert (probabilities_of(outputs, decoder) == 0).all()
