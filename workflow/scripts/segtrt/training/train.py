"""Training of the network on tensor shards, from scratch.

`python -m segtrt.training.train --help` trains outside the workflow; beyond this package it needs
numpy, torch, safetensors, tqdm and matplotlib.
"""

import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.errors import SegtrtError
from segtrt.files import write_json
from segtrt.model.unet import build_unet
from segtrt.model.weights import save_weights
from segtrt.progress import track
from segtrt.training.augmentation import augment
from segtrt.training.data import TrainingSlices, split_subjects
from segtrt.training.optimisation import learning_rate_factor, soft_dice_loss
from segtrt.training.report import draw_curve

if TYPE_CHECKING:
    from torch import Tensor, device, dtype, nn

FORMAT = "segtrt-training-1"
THRESHOLD = 0.5
"""Probability above which validation counts a pixel as foreground."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingSettings:
    """All that decides what is trained, apart from the slices.

    Raises:
        SegtrtError: a figure is out of its range.
    """

    epochs: int
    """Passes over the training slices, at least 1."""
    batch_size: int
    """Slices per step, at least 1."""
    learning_rate: float
    """Adam's peak learning rate."""
    validation_fraction: float
    """Share of the subjects that choose the best epoch and are not trained on; in 0..1."""
    seed: int
    """Decides the split, the initial weights, the order of the slices and the augmentation."""
    init_features: int
    """Channels of the network's first block."""
    half: bool = False
    """Whether weights are stored as float16."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size", "init_features"):
            if getattr(self, name) < 1:
                raise SegtrtError(f"{name} is {getattr(self, name)}; give 1 or more")
        if not self.learning_rate > 0:
            raise SegtrtError(f"learning_rate is {self.learning_rate}; give a number above 0")
        if not 0 < self.validation_fraction < 1:
            raise SegtrtError(
                f"validation_fraction is {self.validation_fraction}; give a number between 0 and 1"
            )


@dataclass(frozen=True)
class Epoch:
    """One pass over the training slices."""

    epoch: int
    """From 1."""
    loss: float
    """Mean soft Dice loss of its batches."""
    validation_dice: float
    """Mean over the validation subjects of the Dice of the whole volume, afterwards."""
    learning_rate: float
    """Of its last step."""


def train(
    shards: Sequence[Path],
    settings: TrainingSettings,
    out_weights: Path,
    out_history: Path,
    out_curve: Path,
) -> list[Epoch]:
    """Train the network and keep the weights of the epoch with the best validation Dice.

    Trains on a GPU if there is one, in mixed precision, else on the CPU in float32. On a CPU the
    same slices and settings give the same weights.

    Args:
        shards: tensor shards with `images` and `masks`.
        settings: how.
        out_weights: safetensors file of the best epoch's weights.
        out_history: JSON file of the settings, the split and every epoch's figures.
        out_curve: PNG picture of loss and validation Dice over the epochs.

    Returns:
        Every epoch's figures, in order.

    Raises:
        SegtrtError: a shard cannot be used, there are fewer than two subjects, or the loss is no
            longer finite.
    """
    import torch

    slices = TrainingSlices(shards)
    training, validation = split_subjects(
        slices.subjects, settings.validation_fraction, settings.seed
    )
    logger.info("training on %d subjects, validating on %d", len(training), len(validation))
    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = build_unet(settings.init_features)
    # Without this, mixed precision would round probabilities near 1 to 1 and stop their gradient.
    network.get_submodule("conv").register_forward_hook(lambda _module, _input, out: out.float())
    network.to(place, memory_format=torch.channels_last)  # type: ignore[call-overload]
    # All batches but an epoch's last have one shape, so trying cuDNN's algorithms once pays.
    torch.backends.cudnn.benchmark = True

    history: list[Epoch] = []
    best: dict[str, Tensor] = {}
    run_epoch = _trainer(network, slices, training, settings, place)
    for number in range(1, settings.epochs + 1):
        what = f"epoch {number}/{settings.epochs}"
        loss, rate = run_epoch(what)
        if not math.isfinite(loss):
            raise SegtrtError(
                f"training diverged in {what}: the loss is {loss}; lower training.learning_rate"
            )
        score = validation_dice(network, slices, validation, settings.batch_size)
        logger.info("%s: loss %.4f, validation Dice %.4f", what, loss, score)
        if not history or score > max(epoch.validation_dice for epoch in history):
            best = {n: value.cpu().clone() for n, value in network.state_dict().items()}
        history.append(Epoch(number, loss, score, rate))

    save_weights(best, out_weights, settings.half)
    best_epoch = max(history, key=lambda epoch: epoch.validation_dice)
    record = {
        "format": FORMAT,
        "settings": asdict(settings),
        "training_subjects": training,
        "validation_subjects": validation,
        "best_epoch": best_epoch.epoch,
        "best_validation_dice": best_epoch.validation_dice,
        "epochs": [asdict(epoch) for epoch in history],
    }
    write_json(out_history, record)
    draw_curve(
        [epoch.loss for epoch in history], [epoch.validation_dice for epoch in history], out_curve
    )
    return history


def _trainer(
    network: "nn.Module",
    slices: TrainingSlices,
    subjects: Sequence[str],
    settings: TrainingSettings,
    place: "device",
) -> Callable[[str], tuple[float, float]]:
    """A function that trains one epoch and returns its mean loss and its last learning rate."""
    import torch

    rows = slices.rows(subjects)
    steps_per_epoch = math.ceil(len(rows) / settings.batch_size)
    steps = steps_per_epoch * settings.epochs
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: learning_rate_factor(step, steps)
    )
    low = _mixed_precision(place)
    # Float16's range is too small for these gradients; bfloat16's is float32's.
    scaler = torch.amp.GradScaler(place.type, enabled=low is torch.float16)
    generator = torch.Generator().manual_seed(settings.seed)

    def run_epoch(what: str) -> tuple[float, float]:
        network.train()
        order = torch.randperm(len(rows), generator=generator).tolist()
        batches = slices.batches([rows[index] for index in order], settings.batch_size)
        total = torch.zeros((), device=place)
        rate = 0.0
        for images, masks in track(batches, what, steps_per_epoch, "batches"):
            inputs, targets = augment(images.to(place), masks.to(place), generator)
            inputs = inputs.contiguous(memory_format=torch.channels_last)
            with torch.autocast(place.type, low, enabled=low is not None):
                probabilities = network(inputs)
            loss = soft_dice_loss(probabilities, targets)
            optimiser.zero_grad()
            torch.autograd.backward(scaler.scale(loss))
            scaler.step(optimiser)
            scaler.update()
            rate = float(schedule.get_last_lr()[0])
            schedule.step()
            total += loss.detach()
        return float(total) / steps_per_epoch, rate

    return run_epoch


def validation_dice(
    network: "nn.Module", slices: TrainingSlices, subjects: Sequence[str], batch_size: int
) -> float:
    """Mean over the subjects of 2 |A and B| / (|A| + |B|) over all of a subject's slices, in 0..1.

    A is where the probability is above 0.5, B the mask; two empty volumes agree (1.0). Unlike
    the scores of engines, it does not keep the largest component only.
    """
    import torch

    network.eval()
    place = next(network.parameters()).device
    low = _mixed_precision(place)
    scores = []
    with torch.inference_mode(), torch.autocast(place.type, low, enabled=low is not None):
        for subject in track(subjects, "validation", len(subjects), "subjects"):
            overlap = area = 0
            for images, masks in slices.batches(slices.rows([subject]), batch_size):
                inputs = images.to(place, memory_format=torch.channels_last)
                found = network(inputs) > THRESHOLD
                truth = masks.to(place) > 0
                overlap += int((found & truth).sum())
                area += int(found.sum()) + int(truth.sum())
            scores.append(2 * overlap / area if area else 1.0)
    return math.fsum(scores) / len(scores)


def _mixed_precision(place: "device") -> "dtype | None":
    """The type that convolutions are computed in on `place`; None for float32."""
    import torch

    if place.type != "cuda":
        return None
    return torch.bfloat16 if torch.cuda.get_device_capability(place) >= (8, 0) else torch.float16


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: train on shards and write three files to a folder."""
    import argparse
    import sys

    parser = argparse.ArgumentParser(
        prog="python -m segtrt.training.train", description="Train the network on tensor shards."
    )
    parser.add_argument("--shards", type=Path, nargs="+", required=True, help="tensor shards")
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--epochs", type=int, default=40, help="passes over the slices")
    parser.add_argument("--batch-size", type=int, default=16, help="slices per step")
    parser.add_argument("--learning-rate", type=float, default=0.001, help="peak learning rate")
    parser.add_argument(
        "--validation-fraction", type=float, default=0.25, help="share of subjects held back"
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of everything random")
    parser.add_argument("--init-features", type=int, default=16, help="first block's channels")
    parser.add_argument("--half", action="store_true", help="store weights as float16")
    options = vars(parser.parse_args(arguments))
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    shards, out = options.pop("shards"), options.pop("out")
    try:
        train(
            shards,
            TrainingSettings(**options),
            out / "weights.safetensors",
            out / "history.json",
            out / "curve.png",
        )
    except SegtrtError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
