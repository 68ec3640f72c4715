"""Loading and running ONNX Runtime engines."""

from pathlib import Path

from segtrt.machine.cpu import available_cores
from segtrt.runtimes.base import BuildSettings, Images, Outputs, Session
from segtrt.runtimes.cpu.session import Infer, open_session

_FATAL = 4
"""Log severity: what goes wrong is raised, and reported in one line."""


def load(engine: Path, settings: BuildSettings, threads: int | None) -> Session:
    """Load an engine that `onnxruntime_build.build` made.

    Args:
        engine: the engine file.
        settings: what it was built with.
        threads: CPU threads, None for all cores.

    Raises:
        SegtrtError: ONNX Runtime cannot read it.
    """
    import onnxruntime as ort

    def read_back() -> Infer:
        options = ort.SessionOptions()
        options.log_severity_level = _FATAL
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = threads or available_cores()
        options.inter_op_num_threads = 1
        # Threads wait actively inside a run, where it saves time, but not between runs.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        session = ort.InferenceSession(
            engine.read_bytes(), options, providers=["CPUExecutionProvider"]
        )
        name = session.get_inputs()[0].name

        def infer(images: Images) -> Outputs:
            output: Outputs = session.run(None, {name: images})[0]
            return output

        return infer

    return open_session("ONNX Runtime", engine, settings, read_back)
