"""Training of a network on shards of prepared images, from scratch.

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
from segtrt.model.network_file import UNET
from segtrt.model.spec import NetworkSpec
from segtrt.model.unet import build_unet
from segtrt.model.weights import save_weights
from segtrt.progress import track
from segtrt.training.augmentation import augment
from segtrt.training.data import TrainingPatches, split_subjects
from segtrt.training.device import memory_format, mixed_precision
from segtrt.training.ending import keep_ending_in_float32
from segtrt.training.optimisation import learning_rate_factor
from segtrt.training.report import draw_curve
from segtrt.training.targets import Targets
from segtrt.training.validation import validation_dice

if TYPE_CHECKING:
    from torch import Tensor, device, nn

FORMAT = "segtrt-training-1"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainingSettings:
    """All that decides how a network is trained.

    Raises:
        SegtrtError: a figure is out of its range.
    """

    epochs: int
    """Passes over the training patches, at least 1."""
    batch_size: int
    """Patches per step, at least 1."""
    learning_rate: float
    """Adam's peak learning rate."""
    validation_fraction: float
    """Share of the subjects that choose the best epoch and are not trained on; in 0..1."""
    seed: int
    """Decides the split, the initial weights, the order of the patches and the augmentation."""
    half: bool = False
    """Whether weights are stored as float16."""

    def __post_init__(self) -> None:
        for name in ("epochs", "batch_size"):
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
    """One pass over the training patches."""

    epoch: int
    """From 1."""
    loss: float
    """Mean loss of its batches (`Targets.loss`)."""
    validation_dice: float
    """Mean over the validation subjects, and their classes, of the Dice of all their patches
    together, afterwards."""
    learning_rate: float
    """Of its last step."""


def train(
    shards: Sequence[Path],
    settings: TrainingSettings,
    build: "Callable[[], nn.Module]",
    spec: NetworkSpec,
    *,
    out_weights: Path,
    out_history: Path,
    out_curve: Path,
) -> list[Epoch]:
    """Train the network and keep the weights of the epoch with the best validation Dice.

    Trains on a GPU if there is one, in mixed precision, else on the CPU in float32. On a CPU the
    same patches and settings give the same weights.

    Args:
        shards: shards of prepared images with masks.
        settings: how.
        build: makes the network, with weights drawn from PyTorch's random numbers.
        spec: what it takes and answers.
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

    patches = TrainingPatches(shards)
    targets = Targets(spec, patches.classes)
    training, validation = split_subjects(
        patches.subjects, settings.validation_fraction, settings.seed
    )
    logger.info("training on %d subjects, validating on %d", len(training), len(validation))
    place = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        network = build()
    network.to(place, memory_format=memory_format(spec.dimensions))  # type: ignore[call-overload]
    example, _ = next(patches.batches(patches.rows(training[:1])[:1], 1))
    keep_ending_in_float32(network, example.to(place))
    # All batches but an epoch's last have one shape, so trying cuDNN's algorithms once pays.
    torch.backends.cudnn.benchmark = True

    history: list[Epoch] = []
    best: dict[str, Tensor] = {}
    run_epoch = _trainer(
        network, patches, targets, subjects=training, settings=settings, place=place
    )
    for number in range(1, settings.epochs + 1):
        what = f"epoch {number}/{settings.epochs}"
        loss, rate = run_epoch(what)
        if not math.isfinite(loss):
            raise SegtrtError(
                f"training diverged in {what}: the loss is {loss}; lower training.learning_rate"
            )
        score = validation_dice(network, patches, targets, validation, settings.batch_size)
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
    patches: TrainingPatches,
    targets: Targets,
    *,
    subjects: Sequence[str],
    settings: TrainingSettings,
    place: "device",
) -> Callable[[str], tuple[float, float]]:
    """A function that trains one epoch and returns its mean loss and its last learning rate."""
    import torch

    rows = patches.rows(subjects)
    layout = memory_format(targets.spec.dimensions)
    steps_per_epoch = math.ceil(len(rows) / settings.batch_size)
    steps = steps_per_epoch * settings.epochs
    optimiser = torch.optim.Adam(network.parameters(), lr=settings.learning_rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda step: learning_rate_factor(step, steps)
    )
    low = mixed_precision(place)
    # Float16's range is too small for these gradients; bfloat16's is float32's.
    scaler = torch.amp.GradScaler(place.type, enabled=low is torch.float16)
    generator = torch.Generator().manual_seed(settings.seed)

    def run_epoch(what: str) -> tuple[float, float]:
        network.train()
        order = torch.randperm(len(rows), generator=generator).tolist()
        batches = patches.batches([rows[index] for index in order], settings.batch_size)
        total = torch.zeros((), device=place)
        rate = 0.0
        for images, labels in track(batches, what, steps_per_epoch, "batches"):
            inputs, changed = augment(images.to(place), labels.to(place), generator)
            inputs = inputs.contiguous(memory_format=layout)
            with torch.autocast(place.type, low, enabled=low is not None):
                output = network(inputs)
            loss = targets.loss(output, changed)
            optimiser.zero_grad()
            torch.autograd.backward(scaler.scale(loss))
            scaler.step(optimiser)
            scaler.update()
            rate = float(schedule.get_last_lr()[0])
            schedule.step()
            total += loss.detach()
        return float(total) / steps_per_epoch, rate

    return run_epoch


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line: train on shards and write three files to a folder."""
    import argparse
    import sys

    parser = argparse.ArgumentParser(
        prog="python -m segtrt.training.train", description="Train the U-Net on prepared images."
    )
    parser.add_argument(
        "--shards", type=Path, nargs="+", required=True, help="shards of prepared images"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for the results")
    parser.add_argument("--epochs", type=int, default=40, help="passes over the patches")
    parser.add_argument("--batch-size", type=int, default=16, help="patches per step")
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
    features = options.pop("init_features")
    try:
        train(
            shards,
            TrainingSettings(**options),
            lambda: build_unet(features),
            UNET,
            out_weights=out / "weights.safetensors",
            out_history=out / "history.json",
            out_curve=out / "curve.png",
        )
    except SegtrtError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
