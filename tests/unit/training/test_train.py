"""Training: loss by hand, split, determinism, and a small problem that must be learnt."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from numpy.typing import NDArray
from PIL import Image
from prepared_shards import Made, write_shard
from segtrt.data.labels import Labels
from segtrt.errors import SegtrtError
from segtrt.model.network_file import UNET
from segtrt.model.spec import Activation
from segtrt.model.unet import build_unet
from segtrt.model.weight_files import load_state_dict
from segtrt.model.weights import check_state_dict
from segtrt.training.data import TrainingPatches, split_subjects
from segtrt.training.targets import Targets
from segtrt.training.train import (
    TrainingSettings,
    main,
    train,
    validation_dice,
)

SIZE = 256


def write_slices(
    path: Path, subjects: dict[str, NDArray[np.uint8]], seed: int = 0, contrast: float = 3.0
) -> Path:
    """A tensor shard of noise with bright masks; `subjects`: name -> masks (n, 256, 256)."""
    rng = np.random.default_rng(seed)
    items = []
    for name, masks in subjects.items():
        for number, mask in enumerate(masks):
            noise = rng.standard_normal((3, SIZE, SIZE), dtype=np.float32)
            items.append(Made(name, str(number), noise + contrast * mask.astype(np.float32), mask))
    write_shard(path, items)
    return path


def discs(count: int, seed: int) -> NDArray[np.uint8]:
    """Masks (count, 256, 256) of one disc each; the first is empty."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:SIZE, :SIZE]
    masks = np.zeros((count, SIZE, SIZE), np.uint8)
    for mask in masks[1:]:
        (cy, cx), radius = rng.uniform(70, 186, 2), rng.uniform(20, 50)
        mask[(y - cy) ** 2 + (x - cx) ** 2 < radius**2] = 1
    return masks


def settings(**changes: float) -> TrainingSettings:
    defaults = {
        "epochs": 1,
        "batch_size": 4,
        "learning_rate": 0.02,
        "validation_fraction": 0.25,
        "seed": 0,
    }
    return TrainingSettings(**{**defaults, **changes})  # type: ignore[arg-type]


def run(
    shards: list[Path], out: Path, chosen: TrainingSettings, features: int = 2
) -> dict[str, torch.Tensor]:
    files = {
        "out_weights": out / "weights.safetensors",
        "out_history": out / "history.json",
        "out_curve": out / "curve.png",
    }
    train(shards, chosen, lambda: build_unet(features), UNET, **files)
    return load_state_dict(out / "weights.safetensors")


def test_split_is_by_seed_and_keeps_both_sides() -> None:
    names = [f"S{number}" for number in range(20)]
    training, validation = split_subjects(names, 0.25, 0)
    assert len(validation) == 5
    assert sorted(training + validation) == sorted(names)
    assert split_subjects(names[::-1], 0.25, 0) == (training, validation)
    assert split_subjects(names, 0.25, 1) != (training, validation)
    assert [len(part) for part in split_subjects(names[:2], 0.01, 0)] == [1, 1]
    assert [len(part) for part in split_subjects(names[:3], 0.9, 0)] == [1, 2]
    with pytest.raises(SegtrtError, match="at least two subjects"):
        split_subjects(["S1"], 0.25, 0)


def test_batches_hold_the_rows_asked_for_in_order(tmp_path: Path) -> None:
    masks = discs(3, 0)
    first = write_slices(tmp_path / "a.safetensors", {"A": masks[:2], "B": masks[1:]}, seed=1)
    second = write_slices(tmp_path / "b.safetensors", {"C": masks}, seed=2)
    slices = TrainingPatches([first, second])
    assert slices.subjects == ["A", "B", "C"]
    assert slices.rows(["B", "C"]) == [(0, 2), (0, 3), (1, 0), (1, 1), (1, 2)]
    batches = list(slices.batches([(1, 2), (0, 0), (0, 3)], 2))
    assert [len(images) for images, _ in batches] == [2, 1]
    assert np.array_equal(batches[0][1][:, 0].numpy(), masks[[2, 0]])
    assert np.array_equal(batches[1][1][0, 0].numpy(), masks[2])
    assert batches[0][0].shape == (2, 3, SIZE, SIZE)
    assert batches[0][1].dtype == torch.float32


def test_validation_dice_pools_a_subjects_slices(tmp_path: Path) -> None:
    """A network that answers with the sign of the first channel, against counts by hand."""

    class FirstChannel(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.scale = torch.nn.Parameter(torch.ones(()))

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            return torch.sigmoid(self.scale * images[:, :1])

    images = np.full((3, 3, SIZE, SIZE), -1, np.float32)
    masks = np.zeros((3, SIZE, SIZE), np.uint8)
    masks[0, 0, :10] = 1
    images[0, :, 0, 5:15] = 1  # 5 of 10 found, 5 beside
    masks[1, 0, :30] = 1
    images[1, :, 0, :30] = 1  # all of 30 found
    names = (("A", "1"), ("A", "2"), ("EMPTY", "1"))
    parts = zip(names, images, masks, strict=True)
    items = [Made(*name, image, mask) for name, image, mask in parts]
    write_shard(tmp_path / "s.safetensors", items)
    slices = TrainingPatches([tmp_path / "s.safetensors"])
    network = FirstChannel()
    targets = Targets(UNET, 1)
    assert validation_dice(network, slices, targets, ["A"], 1) == pytest.approx(2 * 35 / 80)
    both = validation_dice(network, slices, targets, ["A", "EMPTY"], 2)
    assert both == pytest.approx((70 / 80 + 1) / 2)


def test_a_bright_disc_is_learnt(tmp_path: Path) -> None:
    subjects = {f"S{number}": discs(6, number) for number in range(4)}
    shard = write_slices(tmp_path / "s.safetensors", subjects)
    chosen = settings(epochs=4, batch_size=2)
    check_state_dict(run([shard], tmp_path / "out", chosen, 4), 4)
    history = json.loads((tmp_path / "out/history.json").read_text())
    assert len(history["epochs"]) == 4
    assert history["epochs"][-1]["loss"] < history["epochs"][0]["loss"]
    # Taking every pixel for foreground scores below 0.12.
    assert history["best_validation_dice"] > 0.6
    best = max(history["epochs"], key=lambda epoch: epoch["validation_dice"])
    assert best["epoch"] == history["best_epoch"]
    assert not set(history["training_subjects"]) & set(history["validation_subjects"])
    with Image.open(tmp_path / "out/curve.png") as picture:
        assert picture.format == "PNG"
        assert len(np.unique(np.asarray(picture.convert("RGB")).reshape(-1, 3), axis=0)) > 3


def test_the_same_seed_gives_the_same_files(tmp_path: Path) -> None:
    shard = write_slices(tmp_path / "s.safetensors", {"A": discs(4, 1), "B": discs(2, 2)})
    chosen = settings(validation_fraction=0.5)
    run([shard], tmp_path / "first", chosen)
    torch.rand(3)  # the state of the process's own generator must not matter
    run([shard], tmp_path / "second", chosen)
    for name in ("weights.safetensors", "history.json", "curve.png"):
        first, second = (tmp_path / run / name for run in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    other = run([shard], tmp_path / "third", settings(validation_fraction=0.5, seed=1))
    same = load_state_dict(tmp_path / "first/weights.safetensors")
    assert any(not torch.equal(other[name], same[name]) for name in same)


def test_empty_masks_alone_train_without_harm(tmp_path: Path) -> None:
    empty = np.zeros((3, SIZE, SIZE), np.uint8)
    shard = write_slices(tmp_path / "s.safetensors", {"A": empty, "B": empty})
    state = run([shard], tmp_path, settings(batch_size=2, half=True))
    check_state_dict(state, 2)
    epoch = json.loads((tmp_path / "history.json").read_text())["epochs"][0]
    assert math.isfinite(epoch["loss"])
    assert 0 <= epoch["validation_dice"] <= 1


def test_divergence_is_reported_in_one_line(tmp_path: Path) -> None:
    shard = write_slices(
        tmp_path / "s.safetensors", {"A": discs(2, 1), "B": discs(2, 2)}, contrast=1e38
    )
    with pytest.raises(SegtrtError, match="diverged in epoch 1/1"):
        run([shard], tmp_path, settings())
    assert not (tmp_path / "weights.safetensors").exists()


def test_shards_that_cannot_be_trained_on_are_refused(tmp_path: Path) -> None:
    other = tmp_path / "p.safetensors"
    write_shard(other, [Made("A", "1", np.zeros((3, 8, 8), np.float32))])
    with pytest.raises(SegtrtError, match="A, 1 has no mask, and training needs one"):
        TrainingPatches([other])
    shard = write_slices(tmp_path / "s.safetensors", {"A": discs(1, 1)})
    with pytest.raises(SegtrtError, match="subject A is in 2 of the shards"):
        TrainingPatches([shard, shard])


@pytest.mark.parametrize(
    "change",
    [{"epochs": 0}, {"batch_size": 0}, {"learning_rate": 0.0}, {"validation_fraction": 1.0}],
)
def test_settings_out_of_range_are_refused(change: dict[str, float]) -> None:
    with pytest.raises(SegtrtError, match=next(iter(change))):
        settings(**change)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard = write_slices(tmp_path / "s.safetensors", {"A": discs(2, 1), "B": discs(2, 2)})
    out = tmp_path / "out"
    options = ["--shards", str(shard), "--out", str(out), "--epochs", "1", "--init-features", "2"]
    assert main([*options, "--half", "--batch-size", "2"]) == 0
    assert {path.name for path in out.iterdir()} == {
        "weights.safetensors",
        "history.json",
        "curve.png",
    }
    assert main(["--shards", str(tmp_path / "none.safetensors"), "--out", str(out)]) == 1
    message = capsys.readouterr().err.strip().splitlines()[-1]
    assert message.startswith("error: ")
    assert "none.safetensors does not exist" in message


def test_command_line_defaults_are_the_configurations(
    project_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[TrainingSettings] = []
    monkeypatch.setattr(
        "segtrt.training.train.train", lambda _shards, given, *_more, **_out: seen.append(given)
    )
    assert main(["--shards", "s.safetensors", "--out", "out"]) == 0
    schema = yaml.safe_load((project_root / "workflow/schemas/config.schema.yaml").read_text())
    properties = schema["properties"]["training"]["properties"]
    expected = {name: entry["default"] for name, entry in properties.items()}
    assert {name: getattr(seen[0], name) for name in expected} == expected


@pytest.mark.slow
def test_loss_falls_on_real_patients(kaggle_folder: Path, tmp_path: Path) -> None:
    subjects = sorted(path for path in kaggle_folder.iterdir() if path.is_dir())
    shard = tmp_path / "s.safetensors"
    files = {
        folder.name: sorted(
            folder.glob("*_mask.tif"), key=lambda path: int(path.stem.split("_")[-2])
        )[8:14]
        for folder in subjects
    }
    items = []
    for name, path in ((name, path) for name, paths in files.items() for path in paths):
        with Image.open(path) as picture:
            mask = (np.asarray(picture) > 0).astype(np.uint8)
        with Image.open(path.with_name(path.name.replace("_mask", ""))) as picture:
            image = np.asarray(picture, np.float32).transpose(2, 0, 1)
        items.append(Made(name, path.stem, (image - image.mean()) / image.std(), mask))
    write_shard(shard, items)
    run([shard], tmp_path, settings(epochs=3, batch_size=6, learning_rate=0.005), 4)
    losses = [
        epoch["loss"] for epoch in json.loads((tmp_path / "history.json").read_text())["epochs"]
    ]
    assert losses[-1] < losses[0]


class Layers(torch.nn.Module):
    """Two convolutions and, if asked for, softmax."""

    def __init__(self, channels: int, classes: int, dimensions: int, *, softmax: bool) -> None:
        super().__init__()
        convolution = torch.nn.Conv2d if dimensions == 2 else torch.nn.Conv3d
        self.first = convolution(channels, 8, 1)
        self.last = convolution(8, classes, 1)
        self.softmax = softmax

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.last(torch.relu(self.first(images)))
        return logits.softmax(1) if self.softmax else logits


@pytest.mark.parametrize(("dimensions", "softmax"), [(2, True), (2, False), (3, False)])
def test_any_module_learns_several_classes_and_ignores_what_is_unlabelled(
    tmp_path: Path, dimensions: int, softmax: bool
) -> None:
    rng = np.random.default_rng(0)
    shape = (16,) * dimensions
    items = []
    for number in range(4):
        labels = np.zeros(shape, np.uint8)
        labels[2:7] = 1
        labels[9:14] = 2
        image = rng.normal(size=(1, *shape)).astype(np.float32) * 0.1 + (labels == 1)
        image = (image - (labels == 2)).astype(np.float32)
        labels[..., :3] = 255
        items.append(Made(f"S{number}", "a", image, labels))
    shard = write_shard(tmp_path / "s", items, labels=Labels.of({1: "up", 2: "down"}, 255))
    spec = replace(
        UNET,
        channels=1,
        size=(None,) * dimensions,
        multiple=(1,) * dimensions,
        stride=(1,) * dimensions,
        classes=3,
        activation=Activation.SOFTMAX if softmax else Activation.NONE,
    )
    files = {f"out_{name}": tmp_path / name for name in ("weights", "history", "curve")}
    epochs = train(
        [shard],
        settings(epochs=30, batch_size=1, learning_rate=0.05),
        lambda: Layers(1, 3, dimensions, softmax=softmax),
        spec,
        **files,
    )
    assert epochs[-1].loss < epochs[0].loss
    assert max(epoch.validation_dice for epoch in epochs) > 0.95
    with pytest.raises(SegtrtError, match="has 2 output channels, but the masks have 2 classes"):
        Targets(replace(spec, classes=2), 2)
