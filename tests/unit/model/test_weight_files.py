"""Files of weights: every form that is read, and what is said of files that hold none."""

import logging
import os
import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from segtrt.errors import SegtrtError
from segtrt.model.unet import build_unet
from segtrt.model.weight_files import load_state_dict
from segtrt.model.weights import check_state_dict

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
    torch.save({"epoch": 3, "my_state": state}, nested)
    assert "state_dict() alone" in refusal(nested)
    torch.save(torch.zeros(3), nested)
    assert "state_dict() alone" in refusal(nested)


@pytest.mark.parametrize(
    "key", ["state_dict", "model_state_dict", "model", "net", "network_weights"]
)
def test_a_training_checkpoints_state_dict_is_taken(state: State, tmp_path: Path, key: str) -> None:
    path = tmp_path / "last.ckpt"
    momentum = {"state": {0: {"exp_avg": torch.ones(3)}}}
    torch.save({"epoch": 3, key: state, "optimizer": momentum, "best": 0.9}, path)
    assert equal(load_state_dict(path), state)
    torch.save({"model": {"state_dict": state, "arguments": {"width": 3}}}, path)
    assert equal(load_state_dict(path), state)


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        ({"model": {"a": torch.ones(1)}, "net": {"a": torch.ones(1)}}, "several state dicts (mo"),
        ({}, "an empty dictionary"),
        ([torch.ones(1)], "a list instead of named tensors"),
        (torch.ones(1), "one tensor instead of named tensors"),
        ({0: torch.ones(1)}, "of named tensors: 0;"),
        ({"a": torch.ones(1), "epoch": 3}, "of named tensors: 'epoch';"),
        ({"state": {}, "param_groups": []}, "of named tensors: 'state', 'param_groups';"),
    ],
)
def test_other_contents_are_named(tmp_path: Path, content: object, reported: str) -> None:
    path = tmp_path / "weights.pt"
    torch.save(content, path)
    message = refusal(path)
    assert reported in message
    assert "state_dict() alone" in message


@pytest.mark.parametrize(
    ("stored", "suffix"),
    [
        (torch.float16, ".pt"),
        (torch.bfloat16, ".safetensors"),
        (torch.float64, ".pth"),
        (torch.float8_e4m3fn, ".pt"),
    ],
)
def test_other_precisions_are_converted_and_that_is_said(
    state: State,
    tmp_path: Path,
    stored: torch.dtype,
    suffix: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    path = tmp_path / f"weights{suffix}"
    narrow = {n: v.to(stored) if v.is_floating_point() else v for n, v in state.items()}
    save_file(narrow, path) if suffix == ".safetensors" else torch.save(narrow, path)
    loaded = load_state_dict(path)
    assert all(torch.equal(loaded[n], narrow[n].to(loaded[n].dtype)) for n in state)
    floats = sum(value.is_floating_point() for value in state.values())
    name = str(stored).removeprefix("torch.")
    assert f"{floats} entries converted from {name} to float32" in caplog.text


def test_float32_is_read_without_a_word(
    state: State, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    torch.save(state, tmp_path / "weights.pt")
    assert equal(load_state_dict(tmp_path / "weights.pt"), state)
    assert caplog.text == ""


def test_doubles_beyond_float32_are_refused(state: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save({**state, "conv.bias": torch.tensor([1e300], dtype=torch.float64)}, path)
    assert "conv.bias has the value 1e+300, beyond float32's range" in refusal(path)


def test_the_content_counts_not_the_suffix(state: State, tmp_path: Path) -> None:
    save_file(state, tmp_path / "weights.pt")
    assert equal(check_state_dict(load_state_dict(tmp_path / "weights.pt"), FEATURES), state)
    torch.save(state, tmp_path / "weights.safetensors")
    assert equal(load_state_dict(tmp_path / "weights.safetensors"), state)
    for name in ("W.PT", "w.pth.tar", "w.ckpt", "w.bin"):
        shutil.copy(tmp_path / "weights.safetensors", tmp_path / name)
        assert equal(load_state_dict(tmp_path / name), state)


def write_gzip(path: Path) -> None:
    path.write_bytes(b"\x1f\x8b\x08\x00 and so on")


def write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("model/weights.pt", b"x")


def write_tar(path: Path) -> None:
    with tarfile.open(path, "w") as archive:
        archive.add(__file__, "weights.pt")


def write_torchscript(path: Path) -> None:
    torch.jit.save(torch.jit.trace(torch.nn.Conv2d(1, 1, 1), torch.zeros(1, 1, 2, 2)), str(path))


def write_exported(path: Path) -> None:
    program = torch.export.export(torch.nn.Linear(2, 2), (torch.zeros(1, 2),))
    torch.export.save(program, str(path.with_suffix(".pt2")))
    path.with_suffix(".pt2").rename(path)


OTHER_FILES = {
    "empty": (lambda path: path.write_bytes(b""), "the file is empty"),
    "lfs": (
        lambda path: path.write_bytes(
            b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 9\n"
        ),
        "a pointer of Git LFS, not the file itself; run `git lfs pull`",
    ),
    "html": (
        lambda path: path.write_bytes(b"\n<!DOCTYPE html><html><title>Sign in</title></html>"),
        "it is a web page",
    ),
    "gzip": (write_gzip, "it is a gzip archive"),
    "zip": (write_zip, "it is a zip archive (model/weights.pt)"),
    "tar": (write_tar, "it is a tar archive"),
    "torchscript": (write_torchscript, "it is a TorchScript archive"),
    "exported": (write_exported, "it is an exported program"),
}


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("kind", OTHER_FILES)
def test_what_is_no_file_of_weights_is_called_by_its_name(
    tmp_path: Path, kind: str, suffix: str
) -> None:
    write, reported = OTHER_FILES[kind]
    path = tmp_path / f"weights{suffix}"
    write(path)
    message = refusal(path)
    assert "cannot be read" in message
    assert reported in message


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning")
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda value: value.to_sparse(), "is stored as sparse_coo"),
        (lambda value: value.to("meta"), "is of the meta device"),
        (lambda value: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8), "is quantised"),
        (lambda value: value.to(torch.complex64), "is complex"),
    ],
)
def test_tensors_without_dense_real_numbers_are_refused(
    state: State, tmp_path: Path, make: object, message: str
) -> None:
    path = tmp_path / "weights.pt"
    torch.save({**state, "conv.weight": make(state["conv.weight"])}, path)  # type: ignore[operator]
    assert f"conv.weight {message}" in refusal(path)


def test_messages_call_the_file_what_they_are_asked_to(tmp_path: Path) -> None:
    path = tmp_path / "w.pt"
    for content in (b"", b"<html>", b"junk"):
        path.write_bytes(content)
        with pytest.raises(SegtrtError) as caught:
            load_state_dict(path, "weights https://host/w.pt")
        assert str(caught.value).startswith("weights https://host/w.pt cannot be read")
        assert str(tmp_path) not in str(caught.value)
