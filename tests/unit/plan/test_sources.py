"""Digests of weights, and where paths of the configuration lead."""

from pathlib import Path
from typing import Any

import pytest
from segtrt.config.resolve import resolve_config
from segtrt.errors import SegtrtError
from segtrt.model.source import NetworkSource
from segtrt.plan.hash_cache import HashCache
from segtrt.plan.sources import describe_network, digest_weights, locate


@pytest.fixture
def cache(tmp_path: Path) -> HashCache:
    return HashCache(tmp_path / "hashes.txt")


def test_a_path_is_looked_up_here_and_then_in_the_checkout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkout, here = tmp_path / "checkout", tmp_path / "here"
    for place in (checkout, here):
        place.mkdir()
    monkeypatch.chdir(here)
    (checkout / "weights.pt").touch()
    assert locate("weights.pt", checkout).samefile(checkout / "weights.pt")
    assert not locate("weights.pt", checkout).is_absolute()
    (here / "weights.pt").touch()
    assert locate("weights.pt", checkout) == Path("weights.pt")
    assert locate("nowhere.pt", checkout) == Path("nowhere.pt")
    assert locate(checkout / "weights.pt", here) == checkout / "weights.pt"


def test_weights_that_are_not_there_are_reported_in_one_line(
    tmp_path: Path, cache: HashCache
) -> None:
    model = resolve_config({"model": {"weights": "absent.pt"}}).model
    with pytest.raises(SegtrtError, match=r"model.weights is 'absent.pt', but there is no such"):
        digest_weights(model, tmp_path, cache)


def test_weights_are_known_by_content_or_by_url(tmp_path: Path, cache: HashCache) -> None:
    def digest(**model: Any) -> dict[str, Any]:
        return digest_weights(resolve_config({"model": model}).model, tmp_path, cache)

    one, copy = tmp_path / "one.pt", tmp_path / "copy.pt"
    one.write_bytes(b"weights")
    copy.write_bytes(b"weights")
    local = digest(weights=str(one))
    assert digest(weights=str(copy)) == local
    one.write_bytes(b"others")
    assert digest(weights=str(one)) != local
    remote = digest(weights="https://example.org/unet-e012d006.pt")
    assert digest(weights="https://example.org/unet-00000000.pt") != remote
    assert digest(weights="https://example.org/unet-e012d006.pt", sha256="0" * 64) != remote


def test_a_network_is_found_in_the_checkout_and_known_by_content(
    tmp_path: Path, cache: HashCache
) -> None:
    def source(network: str, **arguments: Any) -> NetworkSource:
        settings = resolve_config({"model": {"network": network, "arguments": arguments}}).model
        return describe_network(settings, tmp_path, cache)

    assert source("unet").decides == source("unet", init_features=16).decides
    assert source("unet").decides != source("unet", init_features=32).decides
    (tmp_path / "net.py").write_text("def make(width):\n    return width\n")
    found = source("net.py:make", width=3)
    assert found.path is not None and found.path.samefile(tmp_path / "net.py")
    (tmp_path / "net.py").write_text("def make(width):  # a remark\n    return width\n")
    assert source("net.py:make", width=3).decides == found.decides
    assert source("net.py:make", width=4).decides != found.decides
    (tmp_path / "net.py").write_text("def make(width):\n    return 2 * width\n")
    assert source("net.py:make", width=3).decides != found.decides
    with pytest.raises(SegtrtError, match=r"elsewhere\.onnx does not exist"):
        source("elsewhere.onnx")


def test_of_a_url_the_secrets_decide_nothing_and_stand_nowhere(
    tmp_path: Path, cache: HashCache
) -> None:
    def digest(url: str, **model: Any) -> dict[str, Any]:
        settings = resolve_config({"model": {"weights": url, **model}}).model
        return digest_weights(settings, tmp_path, cache)

    plain = digest("https://host/w.pt")
    assert plain == {"sha256": None, "url": "https://host/w.pt"}
    assert digest("https://me:hush@host/w.pt") == plain
    signed = digest("https://me:hush@host/w.pt?token=s3cret")
    assert signed["url"] == "https://host/w.pt"
    assert "hush" not in str(signed) and "s3cret" not in str(signed)
    # Without a hash the query may name another file; with one it cannot.
    assert signed != plain
    assert signed == digest("https://host/w.pt?token=s3cret")
    assert signed != digest("https://host/w.pt?token=other")
    asked = {"sha256": "0" * 64}
    assert digest("https://host/w.pt?token=s3cret", **asked) == digest("https://host/w.pt", **asked)
    with pytest.raises(SegtrtError, match=r"'ftp://host/w.pt', but there is no such file"):
        digest("ftp://me:hush@host/w.pt?token=s3cret")
