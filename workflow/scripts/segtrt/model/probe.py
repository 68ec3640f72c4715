"""Finding a network's contract: read from the graph, then proven by running it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from segtrt.errors import SegtrtError
from segtrt.graphs.clean import read_graph
from segtrt.graphs.ending import activation_of
from segtrt.graphs.intake import input_shape
from segtrt.graphs.proof import agreement
from segtrt.graphs.running import GraphRun, Values, noise, trial_images
from segtrt.model.spec import Activation, NetworkSpec

if TYPE_CHECKING:
    import onnx

_LARGEST_STEP = 64
_TOLERANCE = 1e-3
"""Largest difference between an image's answer alone and within a batch, over their spread."""


def probe(
    graph: Path, activation: str | None = None, size: Sequence[int] | None = None
) -> tuple[NetworkSpec, list[str]]:
    """Find the contract of a normalised float32 graph.

    Free axes are proven by runs with other values; what sides must be multiples of is found by
    trying ever larger steps. The activation is read off the graph's end and checked on answers.

    Args:
        graph: the ONNX file.
        activation: what `model.activation` says of the answers; None to find out.
        size: sides to try instead of common ones.

    Returns:
        The contract, and a line on each choice that was made.

    Raises:
        SegtrtError: the graph does not run, answers labels, or `activation` is not what it answers.
    """
    model = read_graph(graph)
    channels, sides, batch = input_shape(model, str(graph))
    run = GraphRun(model)
    images = trial_images(run, channels, size or sides, batch or 2)
    answers = run(images)
    notes: list[str] = []
    if activation_of(model) == "labels":
        raise SegtrtError(
            "the network answers numbers of classes (ArgMax); give it without, so that it answers "
            "a score of each class"
        )
    stride = _stride(images, answers)
    meaning = _activation(model, answers, activation)
    if batch is None:
        _check_batch(run, images, answers, meaning)
    steps: list[int] = []
    fixed = list(sides)
    for axis, side in enumerate(sides):
        step = 1 if side is not None else _step(run, images, axis, stride[axis])
        if step is None:
            fixed[axis] = images.shape[2 + axis]
            notes.append(f"side {axis + 1} is free by its name, but {fixed[axis]} alone works")
        steps.append(step or 1)
    spec = NetworkSpec(
        input=model.graph.input[0].name,
        channels=channels,
        size=tuple(fixed),
        multiple=tuple(steps),
        batch=batch,
        output=model.graph.output[0].name,
        classes=answers.shape[1],
        activation=meaning,
        stride=stride,
    )
    if any(step > 1 for step in stride):
        notes.append(f"answers are 1/{max(stride)} of the images' size; they are resized to it")
    if spec.classes > 1 and spec.activation is Activation.NONE and activation is None:
        notes.append(
            f"{spec.classes} classes of logits are taken to exclude each other; where they "
            "overlap, have each class decided by a threshold"
        )
    return spec, notes


def _check_batch(run: GraphRun, images: Values, answers: Values, activation: Activation) -> None:
    """Check that images in a batch do not change each other's answers."""
    alone = agreement([images[1:2]], run, lambda _: answers[1:2], activation)
    if not alone.relative <= _TOLERANCE:
        raise SegtrtError(
            "the network's answer to an image depends on the others in its batch; export it in "
            "evaluation mode"
        )


def _stride(images: Values, answers: Values) -> tuple[int, ...]:
    if answers.ndim != images.ndim or answers.dtype != np.float32:
        raise SegtrtError(
            f"the network answers {answers.dtype} of shape {answers.shape} to images of shape "
            f"{images.shape}; expected float32 (patches, classes, *size)"
        )
    sides = list(zip(images.shape[2:], answers.shape[2:], strict=True))
    strides = tuple(max(1, round(given / made)) for given, made in sides)
    fits = [-(-given // step) == made for (given, made), step in zip(sides, strides, strict=True)]
    if not all(fits):
        raise SegtrtError(
            f"the network answers sides {answers.shape[2:]} to images of {images.shape[2:]}; "
            "expected the same, or a whole part of them such as a quarter"
        )
    return strides


def _step(run: GraphRun, images: Values, axis: int, stride: int) -> int | None:
    """Smallest step by which one side may grow; None if it cannot.

    A side that works is a multiple of the step, so only its divisors are tried.
    """
    side = images.shape[2 + axis]
    steps = [step for step in range(1, _LARGEST_STEP + 1) if side % step == 0]
    for step in steps if side in steps else [*steps, side]:
        shape = list(images.shape)
        shape[2 + axis] += step
        try:
            answers = run(noise(shape))
        except SegtrtError:
            continue
        if answers.shape[2 + axis] == -(-shape[2 + axis] // stride):
            return step
    return None


def _activation(model: "onnx.ModelProto", answers: Values, declared: str | None) -> Activation:
    activation = Activation(declared or activation_of(model))
    low, high = float(answers.min()), float(answers.max())
    sums = answers.sum(axis=1)
    within = low >= -1e-5 and high <= 1 + 1e-5
    to_one = bool(np.abs(sums - 1).max() < 1e-3)
    right = within and (to_one or activation is Activation.SIGMOID)
    if declared is None and not right:
        # A softmax over another axis, for one.
        return Activation.NONE
    if activation is not Activation.NONE and not right:
        raise SegtrtError(
            f"model.activation is {activation}, but the network answers {low:.3g} to {high:.3g}, "
            f"classes summing to {float(sums.min()):.3g} to {float(sums.max()):.3g}; set it to none"
        )
    return activation
