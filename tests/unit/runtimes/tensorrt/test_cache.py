"""TensorRT-RTX's runtime caches, with a cache of plain Python."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from segtrt.runtimes.tensorrt import cache as tensorrt_cache
from segtrt.runtimes.tensorrt.cache import RuntimeCache, RuntimeCaches


class Kernels:
    """An `IRuntimeCache`: content that starts with `kernels` can be read."""

    reads = writes = 0

    def __init__(self) -> None:
        self.content = b"kernels"

    def deserialize(self, content: bytes) -> bool:
        Kernels.reads += 1
        self.content = content
        return content.startswith(b"kernels")

    def serialize(self) -> bytes:
        Kernels.writes += 1
        return self.content


CONFIG = SimpleNamespace(create_runtime_cache=Kernels)


@pytest.fixture(autouse=True)
def counted() -> None:
    Kernels.reads = Kernels.writes = 0


def test_cold_cache_is_written_once_and_shared(tmp_path: Path):
    path, caches = tmp_path / "engine.runtime_cache", RuntimeCaches()
    cold = caches.take(CONFIG, path)
    assert not cold.warm
    for _ in range(3):
        cold.ran(4)
        cold.save()
    assert path.read_bytes() == b"kernels"
    assert caches.take(CONFIG, path) is cold
    assert cold.warm
    assert (Kernels.reads, Kernels.writes) == (0, 1)


def test_warm_cache_is_read_once_and_written_when_it_grows(tmp_path: Path):
    path, caches = tmp_path / "engine.runtime_cache", RuntimeCaches()
    path.write_bytes(b"kernels")
    for _ in range(3):
        warm = caches.take(CONFIG, path)
        assert warm.warm
        warm.ran(4)
        warm.save()
    assert (Kernels.reads, Kernels.writes) == (1, 1)
    warm.kernels.content = b"kernels and more"
    warm.save()  # no new batch size: nothing can have been compiled
    assert path.read_bytes() == b"kernels"
    warm.ran(8)
    warm.save()
    assert path.read_bytes() == b"kernels and more"


@pytest.mark.parametrize("content", [b"kernels of another process", b"not a cache", b""])
def test_file_that_someone_changed_is_read_anew(tmp_path: Path, content: bytes):
    path, caches = tmp_path / "engine.runtime_cache", RuntimeCaches()
    path.write_bytes(b"kernels")
    first = caches.take(CONFIG, path)
    path.write_bytes(content)
    second = caches.take(CONFIG, path)
    assert second is not first
    assert second.warm == content.startswith(b"kernels")
    second.kernels.content = b"kernels, compiled"
    second.ran(1)
    second.save()
    assert path.read_bytes() == b"kernels, compiled"
    path.unlink()
    assert not caches.take(CONFIG, path).warm


def test_folder_that_cannot_be_written_is_reported_once_a_size(tmp_path: Path, monkeypatch, caplog):
    def refuse(_path: Path, _content: bytes) -> None:
        raise OSError("read-only")

    monkeypatch.setattr(tensorrt_cache, "write_bytes", refuse)
    found = RuntimeCache(CONFIG, tmp_path / "engine.runtime_cache")
    for _ in range(3):
        found.ran(1)
        found.save()
    assert [record.message for record in caplog.records] == [
        "the next start will be slow: no runtime cache (read-only)"
    ]
    assert found.is_current()


def test_only_the_last_ones_are_kept(tmp_path: Path):
    caches = RuntimeCaches()
    paths = [tmp_path / str(number) for number in range(17)]
    for path in paths:
        path.write_bytes(b"kernels")
    first = caches.take(CONFIG, paths[0])
    for path in paths[1:16]:
        caches.take(CONFIG, path)
    assert caches.take(CONFIG, paths[0]) is first
    caches.take(CONFIG, paths[16])
    reads = Kernels.reads
    assert caches.take(CONFIG, paths[0]) is first
    caches.take(CONFIG, paths[1])
    assert Kernels.reads == reads + 1
    caches.close()
    assert caches.take(CONFIG, paths[0]) is not first
