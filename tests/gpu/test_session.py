"""Loaded engines on the GPU: modes, batches, memory, start-up, several at a time."""

from pathlib import Path

import numpy as np
import pytest
from segtrt.errors import SegtrtError
from segtrt.machine import gpu
from segtrt.precision import Precision
from segtrt.runtimes.base import Images, Runtime
from segtrt.runtimes.tensorrt.cuda import primary_context
from tensorrt_graphs import convolution_graph, convolution_reference

MODES = ("stream", "graph", "overlapped")

CLOSE = {"atol": 1e-5}


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return convolution_graph(tmp_path_factory.mktemp("graph") / "model.onnx")


@pytest.fixture(scope="module")
def expected(graph: Path, images: Images) -> np.ndarray:
    return convolution_reference(graph, images)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", [1, 3, 4])
def test_static_engine_pads_and_cuts(
    *, runtime: Runtime, build, graph: Path, images: Images, expected, mode: str, count: int
):
    engine, settings = build(graph, batch_size=4)
    with runtime.load(engine, settings, mode=mode) as session:
        assert session.mode == mode
        session.run(images[4:8])  # what an earlier batch left behind must not show
        found = session.run(images[:count])
    assert found.shape == (count, 1, 256, 256)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected[:count], **CLOSE)


@pytest.mark.parametrize("mode", MODES)
def test_dynamic_engine_takes_any_batch_up_to_its_maximum(
    *, runtime: Runtime, build, graph: Path, images: Images, expected, mode: str
):
    engine, settings = build(
        graph, batch_size=4, profile="dynamic", dynamic_min=1, dynamic_opt=1, dynamic_max=8
    )
    with runtime.load(engine, settings, mode=mode) as session:
        for count in (8, 1, 5, 8):
            np.testing.assert_allclose(session.run(images[:count]), expected[:count], **CLOSE)
        with pytest.raises(SegtrtError, match="1 to 8 images"):
            session.run(np.concatenate([images, images]))


@pytest.mark.parametrize("mode", MODES)
def test_batches_keep_their_order(
    *, runtime: Runtime, build, graph: Path, images: Images, expected, mode: str
):
    engine, settings = build(graph, batch_size=2)
    batches = [images[start : start + 2] for start in (0, 2, 4, 6, 0, 4)]
    with runtime.load(engine, settings, mode=mode) as session:
        found = list(session.run_batches([*batches, images[7:8]]))
    wanted = [expected[start : start + 2] for start in (0, 2, 4, 6, 0, 4)] + [expected[7:8]]
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, **CLOSE)


@pytest.mark.parametrize("mode", MODES)
def test_times_have_all_steps(
    *, runtime: Runtime, build, graph: Path, images: Images, expected, mode: str
):
    engine, settings = build(graph, batch_size=8)
    with runtime.load(engine, settings, mode=mode) as session:
        timings = [session.time_batch(images) for _ in range(3)]
        np.testing.assert_allclose(session.run(images), expected, **CLOSE)
        with pytest.raises(SegtrtError, match="full batch of 8"):
            session.time_batch(images[:2])
    for timing in timings:
        steps = [timing.run_ms, timing.copy_in_ms, timing.copy_out_ms]
        assert timing.run_ms > 0
        assert all(step is None for step in steps[1:]) or all(step > 0 for step in steps)
        assert (timing.copy_in_ms is None) == (mode == "overlapped")


def test_start_up_is_reported_in_stages_and_warm_the_second_time(
    runtime: Runtime, build, graph: Path
):
    engine, settings = build(graph)
    with runtime.load(engine, settings) as session:
        assert list(session.load_stages_ms) == [
            "start_cuda",
            "read_back",
            "create_context",
            "first_run",
        ]
        assert not session.warm
        assert session.memory_mib() > 0
    with runtime.load(engine, settings) as session:
        assert session.warm is (True if runtime.name == "tensorrt_rtx" else None)
    cache = engine.with_suffix(".runtime_cache")
    if runtime.name == "tensorrt_rtx":
        cache.write_bytes(b"not a cache")
        with runtime.load(engine, settings) as session:
            assert not session.warm
        with runtime.load(engine, settings) as session:
            assert session.warm


def test_several_engines_live_in_one_process(
    runtime: Runtime, build, graph: Path, images: Images, expected
):
    small, large = build(graph, batch_size=1), build(graph, batch_size=8)
    with (
        runtime.load(*small) as first,
        runtime.load(*large, mode="overlapped") as second,
        runtime.load(*small, mode="graph") as third,
    ):
        for index in range(3):
            image = images[index : index + 1]
            np.testing.assert_allclose(first.run(image), expected[index : index + 1], **CLOSE)
            np.testing.assert_allclose(second.run(images), expected, **CLOSE)
            np.testing.assert_allclose(third.run(image), expected[index : index + 1], **CLOSE)


def test_two_hundred_cycles_leave_memory_where_it_was(
    runtime: Runtime, build, graph: Path, images: Images
):
    engine, settings = build(graph, batch_size=8)

    def cycle(mode: str) -> None:
        with runtime.load(engine, settings, mode=mode) as session:
            session.run(images)

    for mode in MODES:
        cycle(mode)
    before = primary_context().free_mib()
    for index in range(200):
        cycle(MODES[index % 3])
    assert before - primary_context().free_mib() < 1


def test_failures_free_what_they_took(runtime: Runtime, build, graph: Path, images: Images):
    engine, settings = build(graph, batch_size=8)
    with runtime.load(engine, settings):
        pass
    before = primary_context().free_mib()
    cut = engine.with_name("cut.bin")
    cut.write_bytes(engine.read_bytes()[: engine.stat().st_size // 2])
    for _ in range(5):
        with pytest.raises(SegtrtError, match=r"cut\.bin does not fit this machine"):
            runtime.load(cut, settings)
        with pytest.raises(ZeroDivisionError), runtime.load(engine, settings) as session:
            session.run(images)
            raise ZeroDivisionError
    session.close()
    with pytest.raises(SegtrtError, match="closed"):
        session.run(images)
    assert before - primary_context().free_mib() < 4


def test_full_device_memory_is_reported_in_one_line(runtime: Runtime, build, graph: Path):
    engine, settings = build(graph, batch_size=64)
    primary = primary_context()
    with primary.active():
        hoard = primary.driver.mem_alloc(int(primary.free_mib() - 32) << 20)
    try:
        with pytest.raises(SegtrtError, match=r"memory|context"):
            runtime.load(engine, settings)
    finally:
        with primary.active():
            hoard.free()
    with runtime.load(engine, settings) as session:
        assert session.batch_size == 64


def test_nvml_tells_the_gpu_and_its_state():
    facts, state = gpu.facts(), gpu.snapshot()
    assert facts is not None
    assert state is not None
    assert float(facts.compute_capability) >= 7.5
    assert facts.memory_mib > 1000
    assert state.sm_clock_mhz is None or state.sm_clock_mhz > 0
    assert state.temperature_c is None or 0 < state.temperature_c < 120


def test_float32_stays_exact_beside_tf32(
    runtime: Runtime, build, graph: Path, images: Images, expected
):
    exact, wide = build(graph), build(graph, precision=Precision.TF32)
    for order in ((exact, wide), (wide, exact)):
        with runtime.load(*order[0]) as first, runtime.load(*order[1]) as second:
            sessions = dict(zip(order, (first, second), strict=True))
            np.testing.assert_allclose(sessions[exact].run(images[:4]), expected[:4], **CLOSE)
            error = np.abs(sessions[wide].run(images[:4]) - expected[:4]).max()
            assert error < 2e-3
