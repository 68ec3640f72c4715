"""The ONNX graph that an engine was built from, with what else it takes to segment with it."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.files import write_bytes

if TYPE_CHECKING:
    import onnx

PREFIX = "segtrt."
FILE = "model.onnx"


def write_onnx(graph: "onnx.ModelProto", facts: Mapping[str, object], out: Path) -> None:
    """Write a graph with facts in its metadata, `segtrt.{name}`, each as JSON.

    The graph itself stays as it is; metadata that it had stay too.

    Args:
        graph: the graph; it is left as it is.
        facts: e.g. `labels`, `segmentation`; JSON values.
        out: the file to write.
    """
    import onnx

    model = onnx.ModelProto()
    model.CopyFrom(graph)
    kept = {entry.key: entry.value for entry in model.metadata_props}
    given = {
        PREFIX + name: json.dumps(value, sort_keys=True, ensure_ascii=False)
        for name, value in facts.items()
    }
    onnx.helper.set_model_props(model, dict(sorted({**kept, **given}.items())))
    write_bytes(out, model.SerializeToString(deterministic=True))
