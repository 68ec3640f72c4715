"""Weights: fitted to the network, checked, and written."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from exported_unet import load_network
from segtrt.errors import SegtrtError
from segtrt.model.unet import build_unet
from segtrt.model.weight_files import load_state_dict
from segtrt.model.weights import check_state_dict, fit_state_dict, save_weights

FEATURES = 2
State = dict[str, torch.Tensor]


@pytest.fixture
def state() -> State:
    torch.manual_seed(0)
    return build_unet(FEATURES).state_dict()


def equal(first: State, second: State) -> bool:
    return list(first) == list(second) and all(
        torch.equal(first[name], second[name]) and first[name].dtype == second[name].dtype
        for name in first
    )


def test_order_of_the_network_is_restored(state: State) -> None:
    shuffled = dict(sorted(state.items(), reverse=True))
    assert list(check_state_dict(shuffled, FEATURES)) == list(state)


def test_other_init_features_are_reported(state: State) -> None:
    with pytest.raises(SegtrtError, match=r"says 16; set model\.arguments\.init_features to 2$"):
        check_state_dict(state, 16)


def test_mismatch_names_entries_and_counts(state: State) -> None:
    del state["conv.bias"]
    state["extra"] = torch.zeros(1)
    state["upconv1.weight"] = torch.zeros(4, 2, 3, 3)
    state["bottleneck.bottlenecknorm1.bias"] = state["bottleneck.bottlenecknorm1.bias"].int()
    with pytest.raises(SegtrtError) as caught:
        check_state_dict(state, FEATURES, "weights w.pt")
    message = str(caught.value)
    assert message.startswith(
        "weights w.pt do not fit the network with model.arguments.init_features 2: "
    )
    assert "1 missing (conv.bias)" in message
    assert "1 not known to the network (extra)" in message
    assert "upconv1.weight is float32 (4, 2, 3, 3) instead of float32 (4, 2, 2, 2)" in message
    assert "bottlenecknorm1.bias is int32 (32,) instead of float32 (32,)" in message


def test_long_lists_are_cut(state: State) -> None:
    renamed = {f"module_{name}": value for name, value in state.items()}
    with pytest.raises(SegtrtError) as caught:
        check_state_dict(renamed, FEATURES)
    message = str(caught.value)
    assert "100 missing (encoder1.enc1conv1.weight, " in message
    assert "118 not known to the network (module_encoder1.enc1conv1.weight, " in message
    assert len(message) < 500


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_non_finite_values_are_refused(state: State, value: float) -> None:
    state["decoder2.dec2norm1.running_var"][1] = value
    with pytest.raises(SegtrtError, match=r"infinite.*decoder2\.dec2norm1\.running_var"):
        check_state_dict(state, FEATURES)


def test_half_is_half_the_size_and_comes_back_as_float32(state: State, tmp_path: Path) -> None:
    whole, half = tmp_path / "whole.safetensors", tmp_path / "half.safetensors"
    save_weights(state, whole, half=False)
    save_weights(state, half, half=True)
    assert equal(check_state_dict(load_state_dict(whole), FEATURES), state)
    loaded = check_state_dict(load_state_dict(half), FEATURES)
    name = "encoder1.enc1conv1.weight"
    assert torch.equal(loaded[name], state[name].half().float())
    values = sum(value.numel() for value in state.values() if value.is_floating_point())
    assert whole.stat().st_size - half.stat().st_size == pytest.approx(2 * values, rel=0.01)
    state["conv.bias"][0] = 1e6
    with pytest.raises(SegtrtError, match="as float16"):
        save_weights(state, half, half=True)


def test_entries_that_share_memory_are_all_stored(tmp_path: Path) -> None:
    whole = torch.arange(6.0).reshape(3, 2)
    path = tmp_path / "w.safetensors"
    state = {"all_modules.0": whole, "conv": whole, "part": whole[1:]}
    save_weights(state, path, half=False)
    assert equal(load_state_dict(path), state)


def test_bytes_depend_on_the_values_alone(state: State, tmp_path: Path) -> None:
    first, second = tmp_path / "1.safetensors", tmp_path / "2.safetensors"
    save_weights(state, first, half=False)
    shuffled = {
        name: value.contiguous(memory_format=torch.channels_last) if value.ndim == 4 else value
        for name, value in sorted(state.items(), reverse=True)
    }
    save_weights(shuffled, second, half=False)
    assert first.read_bytes() == second.read_bytes()


def test_network_is_loaded_for_evaluation(state: State, tmp_path: Path) -> None:
    save_weights(state, tmp_path / "w.safetensors", half=False)
    network = load_network(tmp_path / "w.safetensors", FEATURES)
    assert not network.training
    assert equal(network.state_dict(), state)


def with_counters(state: State, change: Callable[[torch.Tensor], torch.Tensor]) -> State:
    return {
        name: change(value) if name.endswith("num_batches_tracked") else value
        for name, value in state.items()
    }


COUNTERS: dict[str, Callable[[State], State]] = {
    "missing": lambda state: {n: v for n, v in state.items() if not n.endswith("tracked")},
    "float32": lambda state: with_counters(state, lambda value: value.float()),
    "float16": lambda state: with_counters(state, lambda value: value.half()),
    "int32": lambda state: with_counters(state, lambda value: value.int()),
    "shape (1,)": lambda state: with_counters(state, lambda value: value.reshape(1)),
    "overflown": lambda state: with_counters(state, lambda value: (value + 70000).half()),
}


@pytest.mark.parametrize("case", COUNTERS)
def test_counters_of_batch_norms_may_be_anything(state: State, case: str) -> None:
    """The network gives the same output, to the bit, as with the weights as they were."""
    for name in state:
        if name.endswith("tracked"):
            state[name].fill_(12)
    fitted = check_state_dict(COUNTERS[case](dict(state)), FEATURES)
    assert list(fitted) == list(state)
    counted = 0 if case in ("missing", "overflown") else 12
    for name, value in fitted.items():
        expected = torch.tensor(counted) if name.endswith("tracked") else state[name]
        assert torch.equal(value, expected)
        assert value.dtype == state[name].dtype
    image = torch.randn(1, 3, 32, 32)
    outputs = []
    for weights in (state, fitted):
        network = build_unet(FEATURES).eval()
        network.load_state_dict(weights)
        with torch.no_grad():
            outputs.append(network(image))
    assert torch.equal(*outputs)


@pytest.mark.parametrize(
    "rename",
    [
        lambda name: f"module.{name}",
        lambda name: f"_orig_mod.{name}",
        lambda name: f"_orig_mod.module.{name}",
        lambda name: f"module._orig_mod.{name}",
        lambda name: f"model.{name}",
        lambda name: f"anything.at.all.{name}",
        lambda name: name.replace("encoder1.", "encoder1._orig_mod."),
    ],
)
def test_wrappers_names_are_taken_off(state: State, rename: Callable[[str], str]) -> None:
    wrapped = {rename(name): value for name, value in state.items()}
    assert equal(check_state_dict(wrapped, FEATURES), state)


def test_what_stands_beside_the_wrapped_network_is_left_and_named(
    state: State, caplog: pytest.LogCaptureFixture
) -> None:
    averaged = {"n_averaged": torch.tensor(5)} | {f"module.{n}": v for n, v in state.items()}
    assert equal(check_state_dict(averaged, FEATURES), state)
    assert "n_averaged" in caplog.text


def test_two_networks_in_one_file_are_not_chosen_from(state: State) -> None:
    both = {f"{who}.{name}": v for who in ("student", "teacher") for name, v in state.items()}
    with pytest.raises(SegtrtError, match=r"several prefixes \(student\., teacher\.\)"):
        check_state_dict(both, FEATURES)


def test_init_features_of_a_wrapped_network_are_reported_too(state: State) -> None:
    wrapped = {f"module.{name}": value for name, value in state.items()}
    with pytest.raises(SegtrtError, match=r"set model\.arguments\.init_features to 2$"):
        check_state_dict(wrapped, 16)


def test_the_closest_names_are_reported_first(state: State) -> None:
    state["encoder3.enc3norm2.wieght"] = state.pop("encoder3.enc3norm2.weight")
    for number in range(5):
        state[f"aaa{number}"] = torch.zeros(1)
    with pytest.raises(SegtrtError, match=r"not known to the network \(encoder3\.enc3norm2\.wieg"):
        check_state_dict(state, FEATURES)


def test_fitting_knows_no_network_of_its_own() -> None:
    module = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3)).double()
    module.register_buffer("index", torch.arange(4))
    wanted = module.state_dict()
    found = {
        f"net.{name}": value.float() for name, value in wanted.items() if "tracked" not in name
    }
    fitted = fit_state_dict(found, wanted)
    assert equal(fitted, {n: v.float().to(v.dtype) for n, v in wanted.items()})
    found["net.index"] = torch.tensor([0, 1, 2, 2.5])
    with pytest.raises(SegtrtError, match=r"index is float32 \(4,\) instead of int64 \(4,\)"):
        fit_state_dict(found, wanted)


def test_a_negative_variance_is_named(state: State, tmp_path: Path) -> None:
    state["encoder2.enc2norm1.running_var"][0] = -0.5
    reported = r"negative variance, encoder2\.enc2norm1\.running_var with -0\.5"
    with pytest.raises(SegtrtError, match=reported):
        check_state_dict(state, FEATURES)
    with pytest.raises(SegtrtError, match=reported):
        save_weights(state, tmp_path / "w.safetensors", half=False)
    assert not (tmp_path / "w.safetensors").exists()
