"""State dicts in the wrappings that training scripts save."""

import pytest
import torch
from segtrt.errors import SegtrtError
from segtrt.model.state_dict import find_state, fit_state_dict


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(4)
    return torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3))


@pytest.fixture
def state(network):
    return dict(network.state_dict())


def same(fitted, state):
    assert list(fitted) == list(state)
    return all(torch.equal(fitted[name], value) for name, value in state.items())


@pytest.mark.parametrize("key", ["state_dict", "model_state_dict", "model", "net"])
def test_state_dict_within_a_checkpoint(state, key):
    checkpoint = {"epoch": 3, "best": torch.tensor(0.5), key: state, "optimizer": {"state": {}}}
    assert same(find_state(checkpoint), state)
    assert same(find_state({"state_dict": {"model": state}}), state)


@pytest.mark.parametrize(
    "content", [[1], {}, {"epoch": 3}, {1: torch.ones(1)}, torch.ones(1), None]
)
def test_no_state_dict(content):
    assert find_state(content) is None


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "_orig_mod.module.", "a.b."])
def test_common_prefix_is_taken_off_and_said(state, prefix, caplog):
    caplog.set_level("INFO")
    found = {f"{prefix}{name}": value for name, value in reversed(state.items())}
    assert same(fit_state_dict(found, state), state)
    assert "taken off" in caplog.text


def test_entries_outside_the_prefix_are_left_out_and_named(state, caplog):
    caplog.set_level("INFO")
    found = {f"module.{name}": value for name, value in state.items()}
    found["n_averaged"] = torch.tensor(5)
    assert same(fit_state_dict(found, state), state)
    assert "n_averaged" in caplog.text


def test_compiled_part_of_a_network(state):
    found = {name.replace("0.", "0._orig_mod."): value for name, value in state.items()}
    assert same(fit_state_dict(found, state), state)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_other_precisions_are_converted_and_said(state, dtype, caplog):
    caplog.set_level("INFO")
    found = {n: v.to(dtype) if v.is_floating_point() else v for n, v in state.items()}
    fitted = fit_state_dict(found, state, "weights w.pt")
    assert {v.dtype for v in fitted.values() if v.is_floating_point()} == {torch.float32}
    for name, value in fitted.items():
        assert torch.equal(value, found[name].to(value.dtype))
    assert f"weights w.pt: 6 entries converted from {str(dtype)[6:]} to float32" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        lambda _: None,
        lambda value: value.float(),
        lambda value: value.half(),
        lambda value: value.int(),
        lambda value: value.reshape(1),
    ],
)
def test_counters_of_batches_in_any_form(network, state, change):
    found = dict(state)
    name = "1.num_batches_tracked"
    value = change(found.pop(name) + 0)
    if value is not None:
        found[name] = value
    fitted = fit_state_dict(found, state)
    network.load_state_dict(fitted, strict=True)
    assert fitted[name].shape == ()
    assert fitted[name].dtype == torch.int64


def test_mismatch_names_the_closest_first(state):
    found = {f"zz{number}": torch.ones(1) for number in range(5)}
    found |= {name.replace("0.weight", "0.weights"): value for name, value in state.items()}
    with pytest.raises(SegtrtError) as caught:
        fit_state_dict(found, state, "weights w.pt")
    message = str(caught.value)
    assert message.startswith("weights w.pt do not fit the network: 1 missing (0.weight)")
    assert "6 unexpected (0.weights, zz0, zz1, ...)" in message


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda v: v[:, :1], "0.weight is float32 (3, 1, 3, 3) instead of float32 (3, 2, 3, 3)"),
        (lambda v: v.to(torch.int8), "0.weight is int8"),
        (lambda v: v.to(torch.complex64), "0.weight is complex64"),
        (lambda v: v.to_sparse(), "0.weight is sparse_coo float32"),
        (lambda v: v.to("meta"), "0.weight is float32"),
    ],
)
def test_other_shapes_and_types_are_named(state, change, told):
    with pytest.raises(SegtrtError) as caught:
        fit_state_dict({**state, "0.weight": change(state["0.weight"])}, state)
    assert told in str(caught.value)


def test_network_without_memory_is_enough(state):
    with torch.device("meta"):
        wanted = torch.nn.Sequential(torch.nn.Conv2d(2, 3, 3), torch.nn.BatchNorm2d(3)).state_dict()
    del state["1.num_batches_tracked"]
    fitted = fit_state_dict(state, wanted)
    assert not any(value.is_meta for value in fitted.values())
