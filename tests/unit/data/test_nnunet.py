"""nnU-Net's and the Decathlon's descriptions."""

import json
from pathlib import Path
from typing import Any

import pytest
from hostile_images import placed
from segtrt.data.listing import list_items
from segtrt.data.nnunet import read_nnunet
from segtrt.errors import SegtrtError


def described(root: Path, **description: Any) -> Path:
    (root / "dataset.json").write_text(json.dumps(description), "utf-8")
    return root


def files(root: Path, *names: str) -> None:
    for name in names:
        placed(root / name)


def test_version_2(tmp_path: Path) -> None:
    described(
        tmp_path,
        channel_names={"1": "PET", "0": "CT"},
        labels={"background": 0, "tumour": 2, "liver": 1, "ignore": 3},
        file_ending=".nrrd",
        numTraining=1,
    )
    files(tmp_path, "imagesTr/a_b_0000.nrrd", "imagesTr/a_b_0001.nrrd", "labelsTr/a_b.nrrd",
          "imagesTs/c_0000.nrrd")  # fmt: skip
    dataset = read_nnunet(tmp_path)
    assert dataset.channels == ("CT", "PET")
    assert (dataset.labels.values, dataset.labels.names) == ((1, 2), ("liver", "tumour"))
    assert dataset.labels.ignored == 3
    listing = list_items(tmp_path, dataset.layout)
    assert [item.images for item in listing.items] == [
        ("imagesTr/a_b_0000.nrrd", "imagesTr/a_b_0001.nrrd")
    ]
    assert (listing.items[0].subject, listing.problems) == ("a_b", ())
    assert listing.ignored.files == 2


def test_version_1_and_a_missing_channel(tmp_path: Path) -> None:
    described(tmp_path, modality={"0": "T1", "1": "T2"}, labels={"0": "background", "1": "lesion"})
    files(tmp_path, "imagesTr/x_0000.nii.gz", "labelsTr/x.nii.gz")
    dataset = read_nnunet(tmp_path)
    assert (dataset.labels.values, dataset.labels.names) == ((1,), ("lesion",))
    (problem,) = list_items(tmp_path, dataset.layout).problems
    assert "lacks the channel 0001, expected imagesTr/x_0001.nii.gz" in problem.reason


def test_decathlon_has_one_file_for_all_channels(tmp_path: Path) -> None:
    described(tmp_path, modality={"0": "FLAIR", "1": "T1w"}, labels={"0": "bg", "1": "oedema"})
    files(tmp_path, "imagesTr/BRATS_001.nii.gz", "labelsTr/BRATS_001.nii.gz",
          "imagesTr/._BRATS_001.nii.gz")  # fmt: skip
    dataset = read_nnunet(tmp_path)
    assert dataset.channels == ("FLAIR", "T1w")
    (item,) = list_items(tmp_path, dataset.layout).items
    assert (item.subject, item.images) == ("BRATS_001", ("imagesTr/BRATS_001.nii.gz",))


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ({"labels": {"a": 1}}, "has no channels"),
        ({"channel_names": {"0": "CT"}}, "has no labels"),
        ({"channel_names": {"0": "CT"}, "labels": {"whole": [1, 2]}}, "has the region whole"),
        ({"channel_names": {"0": "CT"}, "labels": {"a": "b"}}, "has the label 'a': 'b'"),
    ],
)
def test_what_cannot_be_used(description: dict[str, Any], message: str, tmp_path: Path) -> None:
    described(tmp_path, **description)
    files(tmp_path, "imagesTr/x_0000.nii.gz")
    with pytest.raises(SegtrtError, match=message):
        read_nnunet(tmp_path)


def test_no_such_data_set(tmp_path: Path) -> None:
    with pytest.raises(SegtrtError, match=r"dataset.json does not exist"):
        read_nnunet(tmp_path)
    described(tmp_path, channel_names={"0": "CT"}, labels={"a": 1})
    with pytest.raises(SegtrtError, match="imagesTr cannot be listed"):
        read_nnunet(tmp_path)


def test_a_damaged_description_is_to_be_corrected_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "dataset.json").write_text('{"labels": ')
    with pytest.raises(SegtrtError, match=r"is not valid JSON .*; correct it$") as caught:
        read_nnunet(tmp_path)
    assert "delete" not in str(caught.value)
