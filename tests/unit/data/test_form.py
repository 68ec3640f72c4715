"""Where files are and what masks mean, from the settings or from `dataset.json`."""

import json
from pathlib import Path

import pytest
from segtrt.data.form import form_of
from segtrt.data.labels import Labels
from segtrt.data.layout import KAGGLE
from segtrt.errors import SegtrtError


def test_the_default_is_the_kaggle_data(tmp_path: Path) -> None:
    form = form_of(tmp_path, nnunet=False)
    assert form.layout == KAGGLE
    assert form.labels == Labels((255,), ("tumour",))
    assert form.to_json()["labels"] == {"values": [255], "names": ["tumour"], "ignored": None}


def test_without_masks_there_are_labels_only_if_they_are_named(tmp_path: Path) -> None:
    assert form_of(tmp_path, nnunet=False, masks=None).labels is None
    named = form_of(tmp_path, nnunet=False, masks=None, labels={2: "b", 1: "a"})
    assert named.labels == Labels((1, 2), ("a", "b"))
    ignored = form_of(tmp_path, nnunet=False, labels={1: "a"}, ignored=9)
    assert ignored.labels == Labels((1,), ("a",), 9)


def test_nnunet_says_both(tmp_path: Path) -> None:
    (tmp_path / "imagesTr").mkdir()
    (tmp_path / "imagesTr/p_0000.nii.gz").touch()
    described = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "liver": 1}}
    (tmp_path / "dataset.json").write_text(json.dumps(described))
    form = form_of(tmp_path, nnunet=True)
    assert form.layout.masks == "labelsTr/{subject}.nii.gz"
    assert form.layout.channels == ("0000",)
    assert form.labels == Labels((1,), ("liver",))
    assert form_of(tmp_path, nnunet=True, masks=None).layout.masks is None
    renamed = form_of(tmp_path, nnunet=True, labels={1: "organ"})
    assert renamed.labels == Labels((1,), ("organ",))
    (tmp_path / "dataset.json").unlink()
    with pytest.raises(SegtrtError, match=r"dataset.json does not exist"):
        form_of(tmp_path, nnunet=True)
