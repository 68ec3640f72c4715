"""Weights: reading, checking against the network, and writing."""

import os
import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from segtrt.errors import SegtrtError
from segtrt.model.unet import build_unet
from segtrt.model.weights import (
    check_state_dict,
    load_network,
    load_state_dict,
    save_weights,
)

FEATURES = 2
State = dict[str, torch.Tensor]


class RunsCode:
    """An object whose pickle makes a folder when it is loaded."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.folder),)


@pytest.fixture
def state() -> State:
    torch.manual_seed(0)
    return build_unet(FEATURES).state_dict()


def equal(first: State, second: State) -> bool:
    return list(first) == list(second) and all(
        torch.equal(first[name], second[name]) and first[name].dtype == second[name].dtype
        for name in first
    )


def refusal(path: Path) -> str:
    with pytest.raises(SegtrtError) as caught:
        load_state_dict(path)
    message = str(caught.value)
    assert "\n" not in message
    assert str(path) in message
    return message


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".safetensors"])
@pytest.mark.parametrize("stored", [torch.float32, torch.float16, torch.float64])
def test_every_format_and_type_is_read_as_float32(
    state: State, tmp_path: Path, suffix: str, stored: torch.dtype
) -> None:
    path = tmp_path / f"weights{suffix}"
    narrow = {
        name: value.to(stored) if value.is_floating_point() else value
        for name, value in state.items()
    }
    save_file(narrow, path) if suffix == ".safetensors" else torch.save(narrow, path)
    loaded = check_state_dict(load_state_dict(path), FEATURES)
    expected = {
        name: value.float() if value.is_floating_point() else value
        for name, value in narrow.items()
    }
    assert equal(loaded, expected)


def test_older_pytorch_files_are_read(state: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(state, path, _use_new_zipfile_serialization=False)
    assert equal(load_state_dict(path), state)


@pytest.mark.parametrize("zipped", [True, False])
def test_pickle_with_code_is_refused_unrun(tmp_path: Path, zipped: bool) -> None:
    path, made = tmp_path / "weights.pt", tmp_path / "made"
    torch.save({"a": RunsCode(made)}, path, _use_new_zipfile_serialization=zipped)
    assert "run code when loaded" in refusal(path)
    assert not made.exists()


def test_plain_pickle_with_code_is_refused_unrun(tmp_path: Path) -> None:
    path, made = tmp_path / "weights.pt", tmp_path / "made"
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        path.write_bytes(pickle.dumps({"a": RunsCode(made)}, protocol))
        refusal(path)
        assert not made.exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_damaged_files_are_refused(state: State, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"weights{suffix}"
    save_file(state, path) if suffix == ".safetensors" else torch.save(state, path)
    whole = path.read_bytes()
    for content in (b"", b"not weights at all", whole[: len(whole) // 2], whole[:-1]):
        path.write_bytes(content)
        assert "cannot be read" in refusal(path)


def test_wrong_suffix_missing_file_and_other_content_are_refused(
    state: State, tmp_path: Path
) -> None:
    other = tmp_path / "weights.onnx"
    other.write_bytes(b"x")
    assert ".safetensors, .pt or .pth" in refusal(other)
    assert "are not a file" in refusal(tmp_path / "none.pt")
    nested = tmp_path / "checkpoint.pt"
    torch.save({"epoch": 3, "state_dict": state}, nested)
    assert "state_dict() alone" in refusal(nested)
    torch.save(torch.zeros(3), nested)
    assert "state_dict() alone" in refusal(nested)


def test_order_of_the_network_is_restored(state: State) -> None:
    shuffled = dict(sorted(state.items(), reverse=True))
    assert list(check_state_dict(shuffled, FEATURES)) == list(state)


def test_other_init_features_are_told(state: State) -> None:
    with pytest.raises(SegtrtError, match=r"says 16; set model\.init_features to 2$"):
        check_state_dict(state, 16)


def test_mismatch_names_entries_and_counts(state: State) -> None:
    del state["conv.bias"]
    state["extra"] = torch.zeros(1)
    state["upconv1.weight"] = torch.zeros(4, 2, 3, 3)
    state["bottleneck.bottlenecknorm1.num_batches_tracked"] = torch.zeros(())
    with pytest.raises(SegtrtError) as caught:
        check_state_dict(state, FEATURES, "weights w.pt")
    message = str(caught.value)
    assert message.startswith("weights w.pt do not fit the network with model.init_features 2: ")
    assert "1 missing (conv.bias)" in message
    assert "1 not known to the network (extra)" in message
    assert "upconv1.weight is float32 (4, 2, 3, 3) instead of float32 (4, 2, 2, 2)" in message
    assert "num_batches_tracked is float32 () instead of int64 ()" in message


def test_long_lists_are_cut(state: State) -> None:
    renamed = {f"module.{name}": value for name, value in state.items()}
    with pytest.raises(SegtrtError) as caught:
        check_state_dict(renamed, FEATURES)
    message = str(caught.value)
    assert "118 missing (encoder1.enc1conv1.weight, " in message
    assert "118 not known to the network (module.encoder1.enc1conv1.weight, " in message
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
