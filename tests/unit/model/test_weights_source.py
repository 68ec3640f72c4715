"""Weights brought here, from a file and from a URL."""

import hashlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from exported_unet import unet
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file
from segtrt.model.unet import build_unet
from segtrt.model.weights import save_weights
from segtrt.model.weights_source import fetch_weights

FEATURES = 2
State = dict[str, torch.Tensor]


@pytest.fixture
def state() -> State:
    torch.manual_seed(0)
    return build_unet(FEATURES).state_dict()


def canonical(state: State, folder: Path) -> bytes:
    """What a file of these weights must hold, to the byte."""
    save_weights(state, folder / "canonical.safetensors", half=False)
    return (folder / "canonical.safetensors").read_bytes()


def test_fetch_from_a_file(state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "weights.pt")
    digest = sha256_file(tmp_path / "weights.pt")
    targets = [tmp_path / "out" / f"{number}.safetensors" for number in range(3)]
    for target, source, sha256 in zip(
        targets,
        ["weights.pt", str(tmp_path / "weights.pt"), str(targets[0])],
        [None, digest, None],
        strict=True,
    ):
        fetch_weights(source, target, sha256=sha256, network=unet(FEATURES), base=tmp_path)
    assert {target.read_bytes() for target in targets} == {canonical(state, tmp_path)}


@pytest.mark.parametrize("source", ["ftp://host/weights.pt", "file:///weights.pt", "none.pt"])
def test_sources_that_are_not_there_are_refused(tmp_path: Path, source: str) -> None:
    target = tmp_path / "out.safetensors"
    with pytest.raises(SegtrtError, match=r"neither|are not a file"):
        fetch_weights(source, target, sha256=None, network=unet(FEATURES), base=tmp_path)
    assert not target.exists()


def test_tampered_file_is_refused_before_it_is_read(state: State, tmp_path: Path) -> None:
    path = tmp_path / "weights.pt"
    torch.save(state, path)
    digest = sha256_file(path)
    path.write_bytes(b"nothing that can be read")
    with pytest.raises(SegtrtError, match=f"says {digest}"):
        fetch_weights(
            "weights.pt",
            tmp_path / "out.safetensors",
            sha256=digest,
            network=unet(FEATURES),
            base=tmp_path,
        )
    assert not (tmp_path / "out.safetensors").exists()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder, and the address at which its files are served."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args: object) -> None:
            super().__init__(*args, directory=folder)  # type: ignore[arg-type]

        def log_message(self, *_args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


def test_fetch_from_a_url(state: State, tmp_path: Path, server: tuple[Path, str]) -> None:
    folder, address = server
    torch.save(state, folder / "weights.pt")
    digest = sha256_file(folder / "weights.pt")
    hubs_name = f"unet-{digest[:8]}.pt"
    (folder / "weights.pt").rename(folder / hubs_name)
    target = tmp_path / "out" / "weights.safetensors"
    for sha256 in (None, digest):
        fetch_weights(
            f"{address}/{hubs_name}?raw=1",
            target,
            sha256=sha256,
            network=unet(FEATURES),
            base=tmp_path,
        )
        assert target.read_bytes() == canonical(state, tmp_path)
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize(
    "case",
    [
        ("unet-00000000.pt", None, "00000000"),
        ("unet.pt", hashlib.sha256(b"other").hexdigest(), "SHA-256"),
        ("unet.zip", None, "should end in"),
        ("unet.pt", None, "set model.arguments.init_features to 2"),
    ],
)
def test_wrong_content_at_a_url_is_refused(
    state: State, tmp_path: Path, server: tuple[Path, str], case: tuple[str, str | None, str]
) -> None:
    name, sha256, message = case
    folder, address = server
    torch.save(state, folder / name)
    target = tmp_path / "out" / "weights.safetensors"
    with pytest.raises(SegtrtError, match=message) as caught:
        fetch_weights(f"{address}/{name}", target, sha256=sha256, network=unet(16), base=tmp_path)
    assert f"{address}/{name}" in str(caught.value)
    assert not list(target.parent.glob("*"))


def test_a_negative_variance_is_refused_where_it_enters(state: State, tmp_path: Path) -> None:
    state["encoder1.enc1norm1.running_var"][1] = -1e-3
    torch.save(state, tmp_path / "w.pt")
    target = tmp_path / "out.safetensors"
    with pytest.raises(SegtrtError, match=r"w\.pt hold a negative variance, encoder1\.enc1norm1"):
        fetch_weights("w.pt", target, sha256=None, network=unet(FEATURES), base=tmp_path)
    assert not target.exists()


def test_upper_case_hashes_and_home_folders(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    torch.save(state, tmp_path / "w.pt")
    digest = sha256_file(tmp_path / "w.pt").upper()
    target = tmp_path / "out.safetensors"
    fetch_weights("~/w.pt", target, sha256=digest, network=unet(FEATURES), base=Path("/"))
    assert target.read_bytes() == canonical(state, tmp_path)


@pytest.mark.parametrize(
    ("content", "reported"),
    [
        (b"<html>sign in</html>", "it is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a pointer of Git LFS"),
        (b"junk", "cannot be read"),
    ],
)
def test_content_of_a_url_is_reported_with_the_url_alone(
    tmp_path: Path, server: tuple[Path, str], content: bytes, reported: str
) -> None:
    folder, address = server
    (folder / "unet.pt").write_bytes(content)
    target = tmp_path / "out" / "weights.safetensors"
    secret = address.replace("//", "//me:hush@")
    with pytest.raises(SegtrtError, match=reported) as caught:
        fetch_weights(
            f"{secret}/unet.pt?token=s3cret",
            target,
            sha256=None,
            network=unet(FEATURES),
            base=tmp_path,
        )
    message = str(caught.value)
    assert message.startswith(f"weights {address}/unet.pt ")
    assert not any(word in message for word in ("hush", "s3cret", ".download"))
    assert not list(target.parent.glob("*"))
