"""Downloads from a local server that can misbehave."""

import hashlib
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest
from segtrt.addresses import without_secrets
from segtrt.errors import SegtrtError
from segtrt.model.download import download, hash_prefix_in_name

CONTENT = bytes(range(256)) * 4096
PIECE = 1 << 16
"""What a download writes at once."""
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@dataclass
class Server:
    """A file server and how it behaves."""

    url: str = ""
    content: bytes = CONTENT
    etag: str = '"one"'
    ranges: bool = True
    cuts: list[int] = field(default_factory=list)
    """Of the next answers' bodies, only so many bytes are sent before the connection drops."""
    statuses: list[int] = field(default_factory=list)
    """The next answers' statuses, before the file is served."""
    requests: list[str | None] = field(default_factory=list)
    """The Range header of every request."""


class Handler(BaseHTTPRequestHandler):
    server_state: ClassVar[Server]

    def do_GET(self) -> None:
        state = self.server_state
        asked = self.headers.get("Range")
        state.requests.append(asked)
        if state.statuses:
            self.send_error(state.statuses.pop(0))
            return
        start = 0
        same = self.headers.get("If-Range") in (None, state.etag)
        if asked and state.ranges and same:
            start = int(re.fullmatch(r"bytes=(\d+)-", asked)[1])
            if start >= len(state.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(state.content)}")
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            self.send_response(206)
            end = len(state.content) - 1
            self.send_header("Content-Range", f"bytes {start}-{end}/{len(state.content)}")
        else:
            self.send_response(200)
        body = state.content[start:]
        self.send_header("Content-Length", str(len(body)))
        if state.etag:
            self.send_header("ETag", state.etag)
        self.end_headers()
        cut = state.cuts.pop(0) if state.cuts else len(body)
        self.wfile.write(body[:cut])
        if cut < len(body):
            self.close_connection = True
            self.wfile.flush()
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("segtrt.model.download.time.sleep", lambda _: None)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    state = Server()
    handler = type("BoundHandler", (Handler,), {"server_state": state})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        state.url = f"http://127.0.0.1:{http.server_address[1]}/weights-{DIGEST[:8]}.pt"
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield state
        http.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "weights.pt"


def left(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir())


def refusal(url: str, target: Path, **expected: str) -> str:
    with pytest.raises(SegtrtError) as caught:
        download(url, target, **expected)
    assert "\n" not in str(caught.value)
    assert not target.exists()
    return str(caught.value)


def start_and_lose(server: Server, target: Path, size: int) -> None:
    """Leave a partial file of `size` bytes, as a run that was cut off would."""
    server.cuts = [size, 0, 0, 0, 0]
    assert "could not be downloaded in 5 attempts" in refusal(server.url, target)
    assert target.with_name("weights.pt.part").read_bytes() == server.content[:size]
    server.requests.clear()


def test_plain(server: Server, target: Path) -> None:
    download(server.url, target, sha256=DIGEST, sha256_prefix=hash_prefix_in_name(server.url))
    assert target.read_bytes() == CONTENT
    assert left(target) == ["weights.pt"]
    assert server.requests == [None]


def test_without_a_hash(server: Server, target: Path) -> None:
    server.content = b""
    download(server.url, target)
    assert target.read_bytes() == b""


def test_cut_off_midway_goes_on_where_it_stopped(server: Server, target: Path) -> None:
    server.cuts = [5 * PIECE, 6 * PIECE]
    download(server.url, target, sha256=DIGEST)
    assert target.read_bytes() == CONTENT
    assert server.requests == [None, f"bytes={5 * PIECE}-", f"bytes={11 * PIECE}-"]
    assert left(target) == ["weights.pt"]


def test_a_later_run_resumes(server: Server, target: Path) -> None:
    start_and_lose(server, target, 8 * PIECE)
    download(server.url, target, sha256=DIGEST)
    assert server.requests == [f"bytes={8 * PIECE}-"]
    assert target.read_bytes() == CONTENT


def test_a_server_that_ignores_ranges(server: Server, target: Path) -> None:
    start_and_lose(server, target, 8 * PIECE)
    server.ranges = False
    download(server.url, target, sha256=DIGEST)
    assert server.requests == [f"bytes={8 * PIECE}-"]
    assert target.read_bytes() == CONTENT


def test_content_that_changed_meanwhile_starts_anew(server: Server, target: Path) -> None:
    start_and_lose(server, target, 8 * PIECE)
    server.content, server.etag = CONTENT[::-1], '"two"'
    download(server.url, target)
    assert target.read_bytes() == CONTENT[::-1]


@pytest.mark.parametrize("etag", ["", 'W/"weak"'])
def test_without_a_strong_validator_nothing_is_resumed(
    server: Server, target: Path, etag: str
) -> None:
    server.etag = etag
    server.cuts = [5 * PIECE]
    download(server.url, target, sha256=DIGEST)
    assert server.requests == [None, None]
    assert target.read_bytes() == CONTENT


def test_a_part_of_another_address_is_not_resumed(server: Server, target: Path) -> None:
    start_and_lose(server, target, 8 * PIECE)
    download(server.url.replace("weights", "others"), target, sha256=DIGEST)
    assert server.requests == [None]


def test_a_part_that_is_complete_already(server: Server, target: Path) -> None:
    start_and_lose(server, target, 8 * PIECE)
    target.with_name("weights.pt.part").write_bytes(CONTENT)
    download(server.url, target, sha256=DIGEST)
    assert server.requests == [f"bytes={len(CONTENT)}-"]
    assert target.read_bytes() == CONTENT


def test_a_part_that_is_too_long_is_dropped(server: Server, target: Path) -> None:
    start_and_lose(server, target, 8 * PIECE)
    target.with_name("weights.pt.part").write_bytes(CONTENT + b"more")
    download(server.url, target, sha256=DIGEST)
    assert server.requests == [f"bytes={len(CONTENT) + 4}-", None]
    assert target.read_bytes() == CONTENT


def test_passing_server_errors_are_tried_again(server: Server, target: Path) -> None:
    server.statuses = [503, 429, 500]
    download(server.url, target, sha256=DIGEST)
    assert len(server.requests) == 4


def test_lasting_server_errors_are_reported(server: Server, target: Path) -> None:
    server.statuses = [502] * 5
    message = refusal(server.url, target)
    assert "in 5 attempts (the server answered 502 Bad Gateway)" in message


@pytest.mark.parametrize(("status", "words"), [(404, "404 Not Found"), (403, "asks for a login")])
def test_final_answers_are_not_tried_again(
    server: Server, target: Path, status: int, words: str
) -> None:
    server.statuses = [status]
    assert words in refusal(server.url, target)
    assert len(server.requests) == 1
    assert left(target) == []


@pytest.mark.parametrize("key", ["sha256", "sha256_prefix"])
def test_wrong_hash(server: Server, target: Path, key: str) -> None:
    expected = "0" * (64 if key == "sha256" else 8)
    message = refusal(server.url, target, **{key: expected})
    assert f"has SHA-256 {DIGEST}" in message
    assert expected in message
    assert left(target) == []


def test_a_wrong_hash_leaves_the_file_that_was_there(server: Server, target: Path) -> None:
    target.parent.mkdir()
    target.write_bytes(b"earlier")
    with pytest.raises(SegtrtError, match="discarded"):
        download(server.url, target, sha256="0" * 64)
    assert target.read_bytes() == b"earlier"


@pytest.mark.usefixtures("server")
def test_nobody_listens(target: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/a.pt"
        assert "in 5 attempts (ConnectionError" in refusal(url, target)


@pytest.mark.parametrize("url", ["ftp://host/a.pt", "a.pt", "file:///etc/passwd", "http:///a.pt"])
def test_not_an_address(target: Path, url: str) -> None:
    assert "expected http:// or https://" in refusal(url, target)


@pytest.mark.parametrize(
    ("url", "digits"),
    [
        ("https://host/v1.0/unet-e012d006.pt", "e012d006"),
        (f"https://host/unet-{DIGEST}.safetensors", DIGEST),
        ("https://host/unet-e012d006.pt?download=1", "e012d006"),
        ("https://host/unet-e012d00.pt", None),
        ("https://host/unet-E012D006.pt", "e012d006"),
        ("https://host/a-e012d006.d/unet.pt", None),
        ("https://host/unet.pt", None),
        ("https://host/", None),
    ],
)
def test_hash_in_name(url: str, digits: str | None) -> None:
    assert hash_prefix_in_name(url) == digits


@pytest.mark.parametrize("fault", ["status", "hash", "nobody", "scheme"])
def test_no_message_nor_file_holds_a_token(
    server: Server, target: Path, fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    url = server.url.replace("//", "//me:hush@") + "?token=s3cret"
    if fault == "status":
        server.statuses = [404]
    elif fault == "nobody":
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            url = f"http://me:hush@127.0.0.1:{free.getsockname()[1]}/w.pt?token=s3cret"
    elif fault == "scheme":
        url = url.replace("http:", "ftp:")
    message = refusal(url, target, sha256="0" * 64)
    assert without_secrets(url) in message
    server.cuts = [PIECE, 0, 0, 0, 0]
    if fault == "hash":
        message += refusal(url, target)
        assert target.with_name("weights.pt.part.json").is_file()
    kept = "".join(path.read_text("latin1") for path in target.parent.glob("*.json"))
    for word in ("hush", "s3cret"):
        assert word not in message + caplog.text + kept
