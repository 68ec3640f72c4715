"""Which of several outputs is the segmentation."""

from collections import OrderedDict, namedtuple
from types import SimpleNamespace

import pytest
import torch
from segtrt.errors import SegtrtError
from segtrt.model.input import first_answer, guess_input
from segtrt.model.outputs import choose_output, named_outputs, one_output

A, B = torch.ones(1), torch.zeros(2)


@pytest.mark.parametrize(
    ("result", "names"),
    [
        (A, ["output"]),
        ([A, B], ["0", "1"]),
        ((A, {"deep": [B]}), ["0", "1.deep.0"]),
        (OrderedDict(out=A, aux=B), ["out", "aux"]),
        (SimpleNamespace(logits=A, loss=None), ["logits"]),
        (namedtuple("Answer", "mask score")(A, B), ["mask", "score"]),
        (None, []),
    ],
)
def test_names(result, names):
    assert [name for name, _ in named_outputs(result)] == names


def test_the_first_of_full_size_is_chosen_and_said():
    shapes = {"deep": (2, 3, 8, 8), "out": (2, 3, 16, 16), "aux": (2, 3, 16, 16), "score": (2, 1)}
    chosen, note = choose_output(shapes, (16, 16), None)
    assert chosen == "out"
    assert note == "of the network's outputs deep, out, aux, score, out is used (of full size)"
    assert choose_output(shapes, (16, 16), "aux") == ("aux", None)


def test_the_largest_where_none_is_of_full_size():
    shapes = {"eighth": (2, 3, 4, 4), "quarter": (2, 3, 8, 8)}
    chosen, note = choose_output(shapes, (32, 32), None)
    assert chosen == "quarter"
    assert note.endswith("quarter is used (the largest)")
    assert choose_output({"only": (2, 3, 8, 8)}, (32, 32), None) == ("only", None)


def test_unfit_outputs_are_named():
    with pytest.raises(SegtrtError, match=r"answers score \(2, 10\); expected"):
        choose_output({"score": (2, 10)}, (16, 16), None)
    with pytest.raises(SegtrtError, match=r"model\.output is mask.*choose from score"):
        choose_output({"score": (2, 10)}, (16, 16), "mask")


class Several(torch.nn.Module):
    """Answers a mapping, for sides of 128 and multiples of it."""

    def __init__(self):
        super().__init__()
        self.conv = torch.nn.Conv2d(5, 2, 1)

    def forward(self, images):
        if images.shape[-1] % 128:
            raise ValueError("wrong size\nof images")
        return {"aux": self.conv(images)[..., ::2], "main": self.conv(images)}


def test_one_output_is_that_output():
    network = Several().eval()
    images = torch.randn(1, 5, 128, 128)
    assert torch.equal(one_output(network, "main")(images), network.conv(images))


def test_input_is_found_by_the_first_convolution_and_by_trying():
    network = Several().eval()
    assert guess_input(network.state_dict()) == (5, 2)
    assert guess_input(torch.nn.Conv3d(2, 4, 3).state_dict()) == (2, 3)
    images, answer = first_answer(network, 5, (None, None))
    assert images.shape == (2, 5, 128, 128)
    assert set(answer) == {"aux", "main"}
    with pytest.raises(SegtrtError, match=r"sizes 8x8 .ValueError: wrong size of images"):
        first_answer(network, 5, (8, 8))
    with pytest.raises(SegtrtError, match=r"set model\.input\.channels and model\.input\.size"):
        guess_input(torch.nn.Linear(3, 4).state_dict())
