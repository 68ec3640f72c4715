"""From a PyTorch network to an ONNX graph that is proven against it."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from segtrt.errors import SegtrtError
from segtrt.files import replacing
from segtrt.graphs.axes import fix_shape, name_sides
from segtrt.graphs.clean import read_graph, write_graph
from segtrt.graphs.ending import activation_of
from segtrt.graphs.normalise import normalise
from segtrt.graphs.proof import Agreement, Run, agreement
from segtrt.graphs.running import GraphRun, Values, noise
from segtrt.model.input import first_answer, guess_input
from segtrt.model.outputs import choose_output, named_outputs, one_output
from segtrt.precision import Precision

if TYPE_CHECKING:
    import onnx
    import torch

TOLERANCE = 1e-3
"""Largest root mean square of the difference to the network, over the spread of its answers.

Deep networks with instance norms were seen at 1e-4, with labels that are all the same.
"""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Exported:
    """How an export went."""

    agreement: Agreement
    """With the network that it was made from."""
    notes: tuple[str, ...]
    """Choices that were made, a line each."""


def export_network(
    network: "torch.nn.Module | torch.export.ExportedProgram",
    out: Path,
    *,
    opset: int,
    channels: int | None = None,
    size: Sequence[int] | None = None,
    output: str | None = None,
    name: str = "network",
    images: Sequence[Values] = (),
) -> Exported:
    """Write a network as a normalised ONNX graph in float32.

    Its input is `input`, (batch, channels, *size) float32, with a free batch, its output `output`,
    (batch, classes, *size) float32. The same network gives the same bytes, wherever and whenever.

    Args:
        network: in evaluation mode and on the CPU: any module, TorchScript, or an exported program,
            whose own fixed and free axes then stay.
        out: the file to make; it appears only if the graph agrees with the network.
        opset: ONNX operator set.
        channels: of the images; None to find them.
        size: fixed sides; None leaves them free.
        output: which output to keep, where there are several; None to choose.
        name: what to call the graph.
        images: batches to compare on besides noise.

    Raises:
        SegtrtError: the network cannot be run or exported, or the graph differs from it by more
            than `TOLERANCE`.
    """
    import torch

    module: torch.nn.Module
    program = None
    if isinstance(network, torch.export.ExportedProgram):
        program, module, trial = network, network.module(), _example(network)
    else:
        module = network.float()
        found, dimensions = guess_input(module.state_dict())
        sides = tuple(size) if size else (None,) * dimensions
        trial, _ = first_answer(module, channels or found, sides)
        if isinstance(module, torch.jit.ScriptModule):
            program = _from_torchscript(module, trial)
    with torch.no_grad():
        answers = dict(named_outputs(module(trial)))
    shapes = {key: tuple(v.shape) for key, v in answers.items() if v.is_floating_point()}
    chosen, note = choose_output(shapes, trial.shape[2:], output)
    if program is None:
        model = _export_module(one_output(module, chosen), trial, opset, fixed=size is not None)
        model = normalise(model, name=name, within="network")
    else:
        model = _export_program(program, list(answers), opset)
        model = normalise(model, chosen, name=name)
        if size:
            fix_shape(model, None, size)
    # A scripted network's export leaves the channels free too.
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_value = trial.shape[1]

    def run(batch: Values) -> Values:
        with torch.no_grad():
            result: Values = dict(named_outputs(module(torch.from_numpy(batch))))[chosen].numpy()
        return result

    # An exported program takes the sizes that it was made for, no others.
    varied = isinstance(network, torch.nn.Module)
    noises = _batches(model, trial) if varied else [trial.numpy()]
    if all(run(batch).shape[2:] == batch.shape[2:] for batch in noises):
        name_sides(model)
    with replacing(out) as partial:
        write_graph(model, partial, {"segtrt.precision": Precision.FP32})
        agreed = compare(partial, run, [*noises, *images])
    logger.info("largest difference to PyTorch on %d images: %.2g", agreed.images, agreed.largest)
    return Exported(agreed, () if note is None else (note,))


def compare(graph: Path, network: Run, images: Sequence[Values]) -> Agreement:
    """Compare a float32 graph, run by ONNX Runtime, with the network that it was made from.

    Args:
        graph: the ONNX file.
        network: the network.
        images: batches (patches, channels, *size).

    Raises:
        SegtrtError: they differ by more than `TOLERANCE`, or an answer is not finite.
    """
    model = read_graph(graph)
    count = sum(map(len, images))
    agreed = agreement(
        images,
        _finite(network, "the network's answer", count),
        _finite(GraphRun(model), "the ONNX graph's", count),
        activation_of(model),
    )
    if agreed.relative > TOLERANCE:
        raise SegtrtError(
            f"the ONNX graph differs from the network by {agreed.relative:.3g} of its answers' "
            f"spread, at most {TOLERANCE:g} was expected; try another model.opset, or set "
            "model.input.size"
        )
    return agreed


def _finite(run: Run, what: str, count: int) -> Run:
    """`run`, refusing answers that are infinite or not numbers."""
    done = 0

    def checked(images: Values) -> Values:
        nonlocal done
        answers = run(images)
        bad = np.count_nonzero(~np.isfinite(answers), axis=tuple(range(1, answers.ndim)))
        if bad.any():
            first = int(np.argmax(bad > 0))
            raise SegtrtError(
                f"{what} on comparison image {done + first + 1} of {count} has {bad[first]} values "
                "that are infinite or not numbers, so the graph cannot be compared; check "
                "model.weights, or train them again"
            )
        done += len(images)
        return answers

    return checked


def _batches(model: "onnx.ModelProto", trial: "torch.Tensor") -> list[Values]:
    """Noise in other numbers and sizes than the network was traced with, as far as they are free.

    Sides twice as long, one after the other, suit a network whatever its sides must be multiples
    of; a network that takes no other size after all is found out by probing.
    """
    batch, *size = (dim.dim_value for dim in model.graph.input[0].type.tensor_type.shape.dim)
    shape = tuple(trial.shape)
    counts = (batch,) if batch else (1, 3)
    batches = [noise((count, *shape[1:]), seed=1) for count in counts]
    if not any(size[1:]):
        batches.append(noise((counts[0], *shape[1:-1], 2 * shape[-1]), seed=2))
    return batches


def _example(program: "torch.export.ExportedProgram") -> "torch.Tensor":
    """Images of noise that an exported program takes: as large as its example."""
    import torch

    arguments: tuple[Any, ...] = program.example_inputs[0] if program.example_inputs else ()
    if len(arguments) != 1 or not isinstance(arguments[0], torch.Tensor):
        raise SegtrtError(
            f"the exported program takes {len(arguments)} inputs; expected one tensor, the images"
        )
    return torch.from_numpy(noise(tuple(arguments[0].shape)))


def _from_torchscript(
    network: "torch.jit.ScriptModule", trial: "torch.Tensor"
) -> "torch.export.ExportedProgram":
    from torch._export.converter import TS2EPConverter

    with _exporting():
        program: torch.export.ExportedProgram = TS2EPConverter(network, (trial,), {}).convert()
    return program


def _export_module(
    network: "torch.nn.Module", trial: "torch.Tensor", opset: int, *, fixed: bool
) -> "onnx.ModelProto":
    import torch

    free = torch.export.Dim.DYNAMIC
    axes = (0,) if fixed else (0, *range(2, trial.ndim))
    with _exporting():
        program = torch.onnx.export(
            network,
            (trial,),
            dynamo=True,
            verbose=False,
            opset_version=opset,
            dynamic_shapes=(dict.fromkeys(axes, free),),
        )
    assert program is not None  # None only without dynamo
    return program.model_proto


def _export_program(
    program: "torch.export.ExportedProgram", outputs: Sequence[str], opset: int
) -> "onnx.ModelProto":
    import torch

    with _exporting():
        made = torch.onnx.export(
            program, (), verbose=False, opset_version=opset, output_names=list(outputs)
        )
    assert made is not None
    return made.model_proto


@contextmanager
def _exporting() -> Iterator[None]:
    """Keep the exporter's notes about itself out of the user's terminal, its failures short."""
    loggers = [logging.getLogger(name) for name in ("torch.onnx", "torch._export")]
    levels = [talker.level for talker in loggers]
    for talker in loggers:
        talker.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
        raise SegtrtError(
            f"PyTorch cannot export the network ({type(cause).__name__}: "
            f"{(lines or ['no reason given'])[0][:300]}); set model.input.size to fixed sides, or "
            "give an ONNX file as model.network"
        ) from error
    finally:
        for talker, level in zip(loggers, levels, strict=True):
            talker.setLevel(level)
