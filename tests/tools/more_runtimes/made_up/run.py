"""Running an engine of the made-up runtime."""

from pathlib import Path

from segtrt.runtimes.base import BuildSettings, Images, Outputs, Session
from segtrt.runtimes.cpu.session import Infer, open_session


def load(engine: Path, settings: BuildSettings, threads: int | None) -> Session:
    """Load an engine, on one thread whatever is asked for."""
    del threads

    def read_back() -> Infer:
        import onnxruntime as ort

        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        session = ort.InferenceSession(engine.read_bytes(), options)

        def infer(images: Images) -> Outputs:
            return session.run(None, {"input": images})[0]

        return infer

    return open_session("Made Up", engine, settings, read_back)
