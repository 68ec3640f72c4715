"""Settings for a network and images, asked for where files do not tell."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from segtrt.cli.places import Places
from segtrt.cli.report_settings import Answers, make_settings
from segtrt.errors import SegtrtError

NOTHING = Answers()
PLACES = Places("data", "{subject}.png", "{subject}_mask.png")


@pytest.fixture(autouse=True)
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two subjects whose masks hold 1 and 7."""
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    for name, value in (("a", 7), ("b", 1)):
        Image.fromarray(np.full((8, 8), 200, np.uint8)).save(f"data/{name}.png")
        mask = np.zeros((8, 8), np.uint8)
        mask[2:4] = value
        Image.fromarray(mask).save(f"data/{name}_mask.png")


def settings(
    answers: Answers = NOTHING, *, network: str = "net.onnx", places: Places = PLACES
) -> dict[str, Any]:
    return make_settings(network, places, answers, None)


def test_what_is_not_known_is_asked_with_a_proposal() -> None:
    asked = []

    def ask(question: str, proposal: str) -> str:
        asked.append((question, proposal))
        return "1=liver, 7=tumour" if "masks" in question else proposal

    made = make_settings("net.onnx", PLACES, Answers(), ask)
    assert asked == [
        ("what values of the masks mean", "1=class 1,7=class 7"),
        ("how values are normalised", "scale"),
    ]
    assert made == {
        "dataset": {
            **{"source": "path", "path": "data"},
            **{"images": "{subject}.png", "masks": "{subject}_mask.png"},
            "labels": {1: "liver", 7: "tumour"},
        },
        "model": {"network": "net.onnx"},
        "tensors": {"normalisation": "scale"},
    }


def test_with_nobody_to_ask_one_line_says_what_to_add() -> None:
    with pytest.raises(SegtrtError) as refused:
        settings()
    assert str(refused.value) == (
        "not known, and there is no terminal to ask on: add --labels '1=class 1,7=class 7' (what "
        "values of the masks mean) --normalisation 'scale' (how values are normalised), or what is "
        "right instead"
    )
    with pytest.raises(SegtrtError, match="add --normalisation 'scale'") as refused:
        settings(Answers(labels="1=a,7=b"))
    assert "--labels" not in str(refused.value)


def test_what_was_said_is_not_asked() -> None:
    said = Answers("1=a,7=b", "zscore", "softmax", "net.pt", {"classes": 3})
    made = settings(said, network="net.py:make")
    assert made["model"] == {
        **{"network": "net.py:make", "arguments": {"classes": 3}},
        **{"weights": "net.pt", "activation": "softmax"},
    }
    assert made["tensors"] == {"normalisation": "zscore"}
    no_masks = Places("data", "{subject}.png", None)
    assert settings(Answers(normalisation="none"), places=no_masks)["dataset"]["masks"] is None
    assert "tensors" not in settings(network="unet", places=no_masks)


def test_values_that_are_no_bytes_are_brought_to_one_spread() -> None:
    np.save("data/a.npy", np.zeros((8, 8), np.float32))
    places = Places("data", "{subject}.npy", None)
    with pytest.raises(SegtrtError, match="--normalisation 'zscore'"):
        settings(places=places)


def test_a_single_subject_is_not_calibrated_with() -> None:
    places = Places("data", "{subject,a}.png", None)
    made = settings(Answers(normalisation="scale"), places=places)
    assert made["dataset"]["calibration_fraction"] == 0
    assert made["engines"] == {"precisions": ["fp32"]}


@pytest.mark.parametrize(
    ("answers", "places", "message"),
    [
        (Answers(labels="liver"), PLACES, "labels 'liver' are not VALUE=NAME"),
        (Answers(labels="1=a"), Places("data", "{subject}.png", None), "no masks are"),
        (Answers(), Places("data", "{subject}.jpg", None), "data"),
        (Answers(), Places("data", "{subject}.png", "{subject}_m.png"), "no image below data"),
        (
            Answers(labels="1=a,7=b", normalisation="best"),
            PLACES,
            "tensors.normalisation is 'best', allowed",
        ),
    ],
)
def test_mistakes_are_reported_before_anything_is_written(
    answers: Answers, places: Places, message: str
) -> None:
    with pytest.raises(SegtrtError, match=message):
        settings(answers, places=places)


def test_an_image_is_no_mask() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)
    Image.fromarray(noise).save("data/a_mask.png")
    with pytest.raises(SegtrtError, match="has more than 64 different values, so it is no mask"):
        settings()
