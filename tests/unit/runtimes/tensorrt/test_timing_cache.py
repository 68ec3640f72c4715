import multiprocessing
from pathlib import Path

import pytest
from segtrt.runtimes.tensorrt.timing_cache import (
    cache_path,
    merge_cache,
    read_cache,
    tensorrt_combine,
)

ROUNDS = 20


def join_lines(stored: bytes, fresh: bytes) -> bytes | None:
    """A cache that is a set of lines; one with an empty line is damaged."""
    lines = stored.splitlines()
    if b"" in lines:
        return None
    return b"\n".join(sorted({*lines, *fresh.splitlines()}))


def _write_rounds(path: Path, writer: int) -> None:
    for number in range(ROUNDS):
        read_cache(path)
        merge_cache(path, f"{writer}-{number:02}".encode(), join_lines)


def test_two_processes_lose_nothing(tmp_path: Path):
    path = tmp_path / "machine.timing_cache"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write_rounds, args=(path, index)) for index in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)
        assert writer.exitcode == 0
    expected = {f"{writer}-{number:02}".encode() for writer in range(2) for number in range(ROUNDS)}
    assert set(read_cache(path).splitlines()) == expected


def test_no_cache_yet_is_empty(tmp_path: Path):
    assert read_cache(tmp_path / "none") == b""


def test_damaged_cache_is_replaced_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture):
    path = tmp_path / "machine.timing_cache"
    path.write_bytes(b"a\n\nb")
    merge_cache(path, b"c", join_lines)
    assert read_cache(path) == b"c"
    assert "cannot be read by this version" in caplog.text


def test_path_tells_machines_and_versions_apart(tmp_path: Path):
    def path(**changes: object) -> Path:
        target = {"runtime": "11.0", "gpu": "NVIDIA H100 80GB", "driver": "580.1", **changes}
        return cache_path(tmp_path, "tensorrt", target)

    assert path().name == "tensorrt_11.0_NVIDIA-H100-80GB_580.1.timing_cache".replace("_", "-", 3)
    assert len({path(), path(driver="580.2"), path(runtime="10.9")}) == 3


# TensorRT-RTX has the interface, though it times nothing.
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorrt_joins_its_own_caches(tmp_path: Path):
    trt = pytest.importorskip("tensorrt_rtx")
    builder = trt.Builder(trt.Logger(trt.Logger.INTERNAL_ERROR))
    config = builder.create_builder_config()
    fresh = bytes(config.create_timing_cache(b"").serialize())
    path = tmp_path / "machine.timing_cache"
    merge_cache(path, fresh, tensorrt_combine(config))
    merge_cache(path, fresh, tensorrt_combine(config))
    assert config.create_timing_cache(read_cache(path)) is not None
