"""How inference servers take what a runtime's engines are, or are built from."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Serving:
    """What a package says to servers of one engine."""

    file: str = "model.onnx"
    """The model's file in a server's folder."""
    takes_engine: bool = False
    """Whether servers load the engine's own bytes; else they build from the graph that the engine
    was built from."""
    triton: Mapping[str, str] | None = None
    """Triton's fields that name the backend, e.g. `{"platform": "tensorrt_plan"}`; None if Triton
    has none."""
    triton_parameters: Mapping[str, str] = field(default_factory=dict)
    """Parameters of Triton's backend."""
    openvino_server: Mapping[str, str] | None = None
    """Properties for OpenVINO Model Server; None if it does not take such a model."""
    refusal: str = ""
    """Why no server takes it, in one line; empty if one does."""
