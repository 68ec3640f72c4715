"""TensorRT sessions on a GPU of plain Python: what does not need a real one."""

import sys
from pathlib import Path
from types import SimpleNamespace

import fake_gpu
import numpy as np
import pytest
from segtrt.errors import SegtrtError
from segtrt.precision import Precision
from segtrt.runtimes.base import BatchTiming, BuildSettings, Layer
from segtrt.runtimes.tensorrt import cuda
from segtrt.runtimes.tensorrt import inspect as tensorrt_inspect
from segtrt.runtimes.tensorrt import lane as tensorrt_lane
from segtrt.runtimes.tensorrt import log as tensorrt_log
from segtrt.runtimes.tensorrt.session import MODES, TensorRTSession

IMAGES = np.random.default_rng(0).random((8, 3, 256, 256), dtype=np.float32)
EXPECTED = IMAGES[:, :1] * 2


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch):
    """The fake GPU's driver; nothing may be left live on it."""
    fake = fake_gpu.Driver()
    monkeypatch.setitem(sys.modules, "pycuda", SimpleNamespace(driver=fake))
    monkeypatch.setattr(tensorrt_lane, "Graph", fake_gpu.Graph)
    monkeypatch.setattr(tensorrt_lane, "GraphMarks", fake_gpu.Marks)
    log = SimpleNamespace(errors=[], last_error=lambda otherwise: otherwise)
    monkeypatch.setattr(tensorrt_inspect, "logger_for", lambda _trt: log)
    monkeypatch.setattr(tensorrt_lane, "logger_for", lambda _trt: log)
    monkeypatch.setattr(tensorrt_log, "logger_for", lambda _trt: log)
    monkeypatch.setattr(cuda, "atexit", SimpleNamespace(register=lambda _call: None))
    cuda.primary_context.cache_clear()
    yield fake
    cuda.primary_context.cache_clear()
    assert fake.live == {"device": 0, "host": 0}
    assert fake.depth == 0
    assert fake_gpu.Graph.live == 0


@pytest.fixture
def load(driver: fake_gpu.Driver, tmp_path: Path):
    """Load the fake engine: `load(mode, batch_size=4, ...)`."""
    engine = tmp_path / "engine.bin"
    engine.write_bytes(fake_gpu.ENGINE)

    def load_engine(mode: str, **changes: object) -> TensorRTSession:
        shapes = {"patch": fake_gpu.PATCH, "output": fake_gpu.OUTPUT}
        settings = {"batch_size": 4, "precision": Precision.FP32, **shapes, **changes}
        trt = fake_gpu.fake_tensorrt(driver, settings["patch"], settings["output"])
        return TensorRTSession(lambda: trt, engine, BuildSettings(**settings), mode)

    return load_engine


@pytest.mark.parametrize("mode", MODES)
def test_batches_are_padded_cut_and_kept_in_order(load, mode: str):
    with load(mode) as session:
        for count in (4, 1, 3):
            np.testing.assert_array_equal(session.run(IMAGES[:count]), EXPECTED[:count])
        cuts = [slice(0, 4), slice(4, 8), slice(2, 6), slice(1, 5), slice(7, 8)]
        found = list(session.run_batches(IMAGES[cut] for cut in cuts))
    for one, cut in zip(found, cuts, strict=True):
        np.testing.assert_array_equal(one, EXPECTED[cut])


@pytest.mark.parametrize("mode", MODES)
def test_volumes_of_several_classes(load, mode: str):
    volumes = np.random.default_rng(1).random((3, 4, 6, 8, 10), dtype=np.float32)
    with load(mode, patch=(4, 6, 8, 10), output=(2, 6, 8, 10)) as session:
        np.testing.assert_array_equal(session.run(volumes), 2 * volumes[:, :2])
        assert session.time_batch(np.concatenate([volumes, volumes[:1]])).total_ms > 0
        with pytest.raises(SegtrtError, match=r"images of \(4, 6, 8, 10\) expected"):
            session.run(volumes[:, :3])


@pytest.mark.parametrize("mode", MODES)
def test_dynamic_engine_takes_more_than_its_timed_batch(load, mode: str):
    with load(mode, profile="dynamic", dynamic_max=8) as session:
        for count in (8, 1, 8, 5):
            np.testing.assert_array_equal(session.run(IMAGES[:count]), EXPECTED[:count])
        with pytest.raises(SegtrtError, match="1 to 8 images"):
            session.run(np.concatenate([IMAGES, IMAGES]))


def test_padding_is_zero_and_not_an_earlier_batch(load):
    with load("stream") as session:
        session.run(IMAGES[:4])
        session.run(IMAGES[:1])
        assert not session._lanes[0].buffers.host_input[1:].any()


@pytest.mark.parametrize(
    ("mode", "timing"),
    [
        ("stream", BatchTiming(1.5, 1.5, 1.5)),
        ("graph", BatchTiming(2.0, 2.0, 2.0)),
        ("overlapped", BatchTiming(1.5 / 8)),
    ],
)
def test_times(load, mode: str, timing: BatchTiming):
    with load(mode) as session:
        assert session.time_batch(IMAGES[:4]) == timing
        assert session.time_batch(IMAGES[:4]) == timing
        np.testing.assert_array_equal(session.run(IMAGES[:4]), EXPECTED[:4])
        with pytest.raises(SegtrtError, match="full batch of 4"):
            session.time_batch(IMAGES[:3])


def test_runtime_cache_lies_beside_the_engine(load, tmp_path: Path):
    cache = tmp_path / "engine.runtime_cache"
    with load("stream") as session:
        assert session.warm is False
        assert cache.read_bytes() == b"kernels"
    with load("stream") as session:
        assert session.warm is True
    cache.write_bytes(b"something else")
    with load("stream") as session:
        assert session.warm is False
    assert cache.read_bytes() == b"kernels"


def test_start_up_stages_layers_and_memory(load):
    with load("stream") as session:
        stages = ["start_cuda", "read_back", "create_context", "first_run"]
        assert list(session.load_stages_ms) == stages
        assert session.layers() == [Layer("all", "Convolution", "fp16")]
        assert session.memory_mib() == 2  # two buffers, which the fake counts as 1 MiB each


def test_wrong_images_and_a_closed_session_are_refused(load):
    session = load("stream")
    for images in (IMAGES[:0], IMAGES[:5], IMAGES[:1, :2]):
        with pytest.raises(SegtrtError, match="images of shape"):
            session.run(images)
    session.close()
    session.close()
    with pytest.raises(SegtrtError, match="closed"):
        session.run(IMAGES[:1])


@pytest.mark.parametrize("allocations", range(8))
def test_full_memory_frees_what_was_taken(load, driver: fake_gpu.Driver, allocations: int):
    driver.allocations_left = allocations
    with pytest.raises(SegtrtError, match="does not fit into the GPU's memory"):
        load("overlapped")


def test_unreadable_engine_frees_what_was_taken(load, tmp_path: Path):
    (tmp_path / "engine.bin").write_bytes(b"another machine's engine")
    with pytest.raises(SegtrtError, match=r"does not fit this machine \(unsupported cc, "):
        load("stream")


def test_an_error_inside_frees_everything(load):
    with pytest.raises(ZeroDivisionError), load("overlapped") as session:
        session.run(IMAGES[:2])
        raise ZeroDivisionError


def test_sessions_left_open_are_closed_at_exit(load):
    sessions = [load("stream"), load("graph")]
    cuda.primary_context()._release()
    for session in sessions:
        with pytest.raises(SegtrtError, match="closed"):
            session.run(IMAGES[:1])
