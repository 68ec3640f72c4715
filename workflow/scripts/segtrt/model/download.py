"""A file downloaded over HTTP, with resumption and a hash."""

import hashlib
import json
import logging
import re
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from segtrt.addresses import without_secrets
from segtrt.errors import SegtrtError
from segtrt.files import sha256_file

if TYPE_CHECKING:
    import requests

logger = logging.getLogger(__name__)

_ATTEMPTS = 5
_CHUNK_BYTES = 1 << 16
"""Written at once; a connection that drops loses at most so many bytes of what came."""
_TIMEOUTS_S = (15, 60)
"""To connect, and between two pieces of the answer."""
_PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})
"""HTTP statuses that may be gone at the next attempt."""


class _InterruptedError(Exception):
    """An attempt failed in a way that the next one may mend; one line says how."""


@dataclass(frozen=True)
class _Origin:
    """What a partial file is a part of; kept beside it."""

    url_sha256: str
    """Of the address, which may hold a token that should lie in no file."""
    validator: str
    """Strong ETag or Last-Modified, as If-Range takes them (RFC 9110, section 13.1.5)."""


def hash_prefix_in_name(url: str) -> str | None:
    """The SHA-256 digits in a file's name by torch.hub's convention, `name-0123abcd.pt`.

    Returns:
        8 to 64 lower-case hexadecimal digits, which the name may have in upper case, or None if it
        has none.
    """
    name = unquote(urlsplit(url).path).rsplit("/", 1)[-1]
    match = re.search(r"-([0-9a-f]{8,64}|[0-9A-F]{8,64})\.", name)
    return match[1].lower() if match else None


def download(
    url: str, target: Path, *, sha256: str | None = None, sha256_prefix: str | None = None
) -> None:
    """Download `url` to `target`, which appears only when it is complete and its hash is right.

    The content goes to `<target>.part`. An attempt that was cut off, also in an earlier run, goes
    on where it stopped if the server supports ranges and still has the same content; connection
    errors and passing server errors are tried again a few times.

    Args:
        url: an http or https address.
        target: the file to make.
        sha256: SHA-256 that the file must have.
        sha256_prefix: digits that the SHA-256 must begin with (`hash_prefix_in_name`).

    Raises:
        SegtrtError: not an http(s) address, not to be had, or another hash than expected.
    """
    shown = without_secrets(url)
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise SegtrtError(f"{shown} is not an address to download, expected http:// or https://")
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_name(f"{target.name}.part")
    note = target.with_name(f"{target.name}.part.json")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _attempt(url, part, note)
            break
        except _InterruptedError as error:
            if attempt == _ATTEMPTS:
                raise SegtrtError(
                    f"{shown} could not be downloaded in {_ATTEMPTS} attempts ({error}); check the "
                    "network and run again, it goes on where it stopped"
                ) from None
            pause_s = 0.5 * 2 ** (attempt - 1)
            logger.warning("%s: %s; next attempt in %.1f s", shown, error, pause_s)
            time.sleep(pause_s)
    digest = sha256_file(part)
    for expected, origin in (
        (sha256, "expected"),
        (sha256_prefix, "its file name promises, by torch.hub's convention,"),
    ):
        if expected and not digest.startswith(expected.lower()):
            part.unlink()
            note.unlink(missing_ok=True)
            raise SegtrtError(
                f"{shown} has SHA-256 {digest}, {origin} {expected}; the download was discarded: "
                "check the address and the expected hash"
            )
    part.replace(target)
    note.unlink(missing_ok=True)


def _attempt(url: str, part: Path, note: Path) -> None:
    """Bring `part` to its full length, from where it stands if that can be done."""
    import requests

    shown = without_secrets(url)
    validator = _read_validator(note, url) if part.is_file() else None
    offset = part.stat().st_size if validator else 0
    headers = {"Accept-Encoding": "identity"}
    if validator and offset:
        headers |= {"Range": f"bytes={offset}-", "If-Range": validator}
    try:
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUTS_S) as response:
            status = response.status_code
            if status == 416 and offset:
                total = _total(response)
                if total == offset:
                    return
                part.unlink()
                raise _InterruptedError(f"the partial file does not fit, {offset} of {total} bytes")
            if status in _PASSING:
                raise _InterruptedError(f"the server answered {status} {response.reason}")
            if status not in (200, 206):
                hint = "; it asks for a login" if status in (401, 403) else ""
                raise SegtrtError(
                    f"{shown} could not be downloaded: the server answered {status} "
                    f"{response.reason}{hint}; check the address"
                )
            if status == 206 and _start(response) != offset:
                part.unlink(missing_ok=True)
                raise _InterruptedError("the server sent another range than asked for")
            if status == 200:
                offset = 0
                _write_validator(note, url, response)
            _receive(response, part, offset, url)
    except (
        requests.exceptions.InvalidURL,
        requests.exceptions.InvalidSchema,
        requests.exceptions.TooManyRedirects,
    ) as error:
        raise SegtrtError(
            f"{shown} could not be downloaded ({without_secrets(str(error))}); check the address"
        ) from None
    except requests.RequestException as error:
        raise _InterruptedError(f"{type(error).__name__}: {without_secrets(str(error))}") from None
    except OSError as error:
        raise SegtrtError(
            f"{part} cannot be written ({error.strerror}); make room or check its permissions"
        ) from None


def _receive(response: "requests.Response", part: Path, offset: int, url: str) -> None:
    """Write the answer's body to `part` from byte `offset` on, with a bar on a terminal."""
    from tqdm import tqdm

    total = _total(response)
    begin = time.perf_counter()
    done = offset
    with (
        part.open("ab" if offset else "wb") as handle,
        tqdm(
            desc=f"downloading {unquote(urlsplit(url).path).rsplit('/', 1)[-1]}",
            total=total,
            initial=offset,
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            leave=False,
            delay=2,
            disable=not sys.stderr.isatty(),
        ) as bar,
    ):
        for chunk in response.iter_content(_CHUNK_BYTES):
            handle.write(chunk)
            done += len(chunk)
            bar.update(len(chunk))
    if total is not None and done != total:
        raise _InterruptedError(f"{done} of {total} bytes came")
    seconds = time.perf_counter() - begin
    logger.info(
        "downloaded %s: %.1f MiB in %.1f s", without_secrets(url), (done - offset) / 2**20, seconds
    )


def _total(response: "requests.Response") -> int | None:
    """Length of the whole content in bytes, or None if the server does not say."""
    match = re.fullmatch(r"bytes (?:\*|\d+-\d+)/(\d+)", response.headers.get("Content-Range", ""))
    if match:
        return int(match[1])
    length = response.headers.get("Content-Length", "")
    plain = response.headers.get("Content-Encoding", "identity") == "identity"
    return int(length) if response.status_code == 200 and plain and length.isdigit() else None


def _start(response: "requests.Response") -> int | None:
    match = re.match(r"bytes (\d+)-", response.headers.get("Content-Range", ""))
    return int(match[1]) if match else None


def _read_validator(note: Path, url: str) -> str | None:
    """The validator of the partial file if it is a part of `url`."""
    try:
        origin = _Origin(**json.loads(note.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return origin.validator if origin.url_sha256 == _sha256(url) else None


def _write_validator(note: Path, url: str, response: "requests.Response") -> None:
    """Note what the partial file will be a part of, if the server can resume it safely."""
    etag = response.headers.get("ETag", "")
    validator = etag if etag and not etag.startswith("W/") else ""
    validator = validator or response.headers.get("Last-Modified", "")
    note.unlink(missing_ok=True)
    if validator and "Content-Encoding" not in response.headers:
        note.write_text(json.dumps(asdict(_Origin(_sha256(url), validator))), encoding="utf-8")


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
