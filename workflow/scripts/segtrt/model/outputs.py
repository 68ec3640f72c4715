"""Which of a network's outputs is the segmentation."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from segtrt.errors import SegtrtError, name_some

if TYPE_CHECKING:
    from torch import Tensor, nn


def named_outputs(result: Any, name: str = "") -> "Iterator[tuple[str, Tensor]]":
    """The tensors in what a network returns, each with its name.

    Args:
        result: a tensor; a list or tuple, named by number; a mapping or an object with attributes,
            such as those of transformers (`logits`), named by key; these within each other, with
            dots between.
        name: of the result itself.

    Yields:
        Name and tensor, in order; the only tensor of a network is called `output`.
    """
    import torch

    if isinstance(result, torch.Tensor):
        yield name or "output", result
        return
    if isinstance(result, Mapping):
        parts: Any = result.items()
    elif isinstance(result, list | tuple):
        fields = getattr(result, "_fields", range(len(result)))
        parts = zip(fields, result, strict=True)
    else:
        parts = vars(result).items() if hasattr(result, "__dict__") else ()
    for key, part in parts:
        yield from named_outputs(part, f"{name}.{key}" if name else str(key))


def choose_output(
    shapes: Mapping[str, Sequence[int]], size: Sequence[int], wanted: str | None
) -> tuple[str, str | None]:
    """Choose the output that is the segmentation.

    Args:
        shapes: shape of each floating-point output, in order.
        size: the sides of the images that gave them.
        wanted: the name that `model.output` says, None to choose: the first of full size, or else
            the largest.

    Returns:
        Its name, and a line on the choice where there was one.

    Raises:
        SegtrtError: there is no such output, or none has an axis of classes and as many sides as
            the images.
    """
    if wanted is not None:
        if wanted not in shapes:
            raise SegtrtError(
                f"model.output is {wanted}, which the network does not answer; choose from "
                f"{name_some(shapes)}"
            )
        shapes = {wanted: shapes[wanted]}
    fitting = {name: shape[2:] for name, shape in shapes.items() if len(shape) == len(size) + 2}
    if not fitting:
        described = [f"{name} {tuple(shape)}" for name, shape in shapes.items()]
        raise SegtrtError(
            f"the network answers {name_some(described)}; expected (patches, classes, "
            f"{', '.join(map(str, size))}) or less of each side: give a segmentation network, or "
            "name its output in model.output"
        )
    chosen = next((name for name, sides in fitting.items() if tuple(sides) == tuple(size)), None)
    if chosen is None:
        chosen = max(fitting, key=lambda name: list(fitting[name]))
    if len(shapes) == 1:
        return chosen, None
    full = "of full size" if tuple(fitting[chosen]) == tuple(size) else "the largest"
    return chosen, f"of the network's outputs {name_some(shapes)}, {chosen} is used ({full})"


def one_output(network: "nn.Module", name: str) -> "nn.Module":
    """The network as a module that returns the output `name` alone.

    Its parameters are called as before, with `network.` in front.
    """
    import torch

    class OneOutput(torch.nn.Module):
        """See `one_output`."""

        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, images: "Tensor") -> "Tensor":
            """The chosen output."""
            return dict(named_outputs(self.network(images)))[name]

    return OneOutput().eval()
