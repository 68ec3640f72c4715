"""Loading and running OpenVINO engines."""

from pathlib import Path

from segtrt.machine.cpu import available_cores
from segtrt.runtimes.base import BuildSettings, Images, Outputs, Session
from segtrt.runtimes.cpu.session import Infer, open_session
from segtrt.runtimes.openvino.properties import properties


def load(engine: Path, settings: BuildSettings, threads: int | None) -> Session:
    """Load an engine that `openvino_build.build` made.

    Args:
        engine: the engine file.
        settings: what it was built with.
        threads: CPU threads, None for all cores.

    Raises:
        SegtrtError: OpenVINO cannot read it, or it was made by another version or for another CPU.
    """
    import openvino as ov

    def read_back() -> Infer:
        options = {
            **properties(settings.precision),
            "INFERENCE_NUM_THREADS": threads or available_cores(),
            # Pinned threads of two jobs would share the first cores and leave the others idle.
            "ENABLE_CPU_PINNING": False,
        }
        model = ov.Core().import_model(engine.read_bytes(), "CPU", options)
        request = model.create_infer_request()

        def infer(images: Images) -> Outputs:
            request.infer({0: images}, share_inputs=True, share_outputs=True)
            output: Outputs = request.get_output_tensor(0).data
            return output

        return infer

    return open_session("OpenVINO", engine, settings, read_back)
