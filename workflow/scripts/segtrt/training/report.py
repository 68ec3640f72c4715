"""The picture of a training: loss and validation Dice over the epochs."""

from collections.abc import Sequence
from pathlib import Path

from segtrt.files import replacing


def draw_curve(losses: Sequence[float], validation_dice: Sequence[float], path: Path) -> None:
    """Draw the curves, one above the other, as a PNG file; the best epoch is marked.

    Args:
        losses: mean training loss of each epoch, from the first.
        validation_dice: mean validation Dice after each epoch, in 0..1.
        path: the file to make.
    """
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator

    epochs = range(1, len(losses) + 1)
    best = max(epochs, key=lambda epoch: validation_dice[epoch - 1])
    figure = Figure(figsize=(7, 5), dpi=120, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True)
    marker = "o" if len(losses) == 1 else ""
    upper.plot(epochs, losses, color="#0072b2", marker=marker)
    upper.set_ylabel("loss (training)")
    lower.plot(epochs, validation_dice, color="#d55e00", marker=marker)
    lower.plot([best], [validation_dice[best - 1]], color="#d55e00", marker="o")
    lower.annotate(
        f"best: {validation_dice[best - 1]:.3f} in epoch {best}",
        (best, validation_dice[best - 1]),
        xytext=(0, -14),
        textcoords="offset points",
        ha="right" if best > len(losses) / 2 else "left",
    )
    lower.set_ylabel("Dice per subject (validation)")
    lower.set_xlabel("epoch")
    lower.set_ylim(0, 1)
    lower.xaxis.set_major_locator(MaxNLocator(integer=True))
    for axes in (upper, lower):
        axes.grid(alpha=0.3)
        axes.set_axisbelow(True)
    with replacing(path) as partial:
        # No software version in the file: the same figures give the same bytes.
        figure.savefig(partial, format="png", metadata={"Software": None})
