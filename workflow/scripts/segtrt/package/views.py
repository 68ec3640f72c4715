"""The views of a package: what people deploy with, made from one engine and its graph."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.arrays import Images
from segtrt.deploy.segmentation import Segmentation
from segtrt.engines.record import EngineRecord
from segtrt.package import model_server, onnx_view, triton
from segtrt.package.served import describe_model
from segtrt.runtimes.registry import get_runtime

if TYPE_CHECKING:
    import onnx

ONNX, TRITON, MODEL_SERVER = "onnx", "triton", "openvino_model_server"
"""Names of the views, of their folders and in `package.views`."""


def write_views(
    folder: Path,
    name: str,
    wanted: Collection[str],
    *,
    engine: Path,
    graph_file: Path,
    graph: "onnx.ModelProto",
    record: EngineRecord,
    segmentation: Segmentation,
    image: Images,
) -> dict[str, str]:
    """Write those of the views that are wanted and that can be had.

    Args:
        folder: the package's.
        name: the model's.
        wanted: names of views.
        engine: the engine's file; its bytes stay as they are.
        graph_file, graph: the graph that it was built from.
        record: the engine's.
        segmentation: how images become inputs and outputs masks.
        image: a golden sample, (1, channels, *size), to warm up with.

    Returns:
        Title of each view -> where it is and what to do with it, or why it is not there; Markdown.

    Raises:
        SegtrtError: a server has no type for the model's values.
    """
    runtime = get_runtime(record.runtime)
    serving = runtime.serving(record.settings)
    served = describe_model(graph, record.settings, takes_engine=serving.takes_engine)
    labels = dict(zip(segmentation.labels.names, segmentation.labels.values, strict=True))
    instructions = {}
    if ONNX in wanted:
        facts = {
            "labels": labels,
            "segmentation": segmentation.to_json(),
            "graph_sha256": record.graph_sha256,
        }
        onnx_view.write_onnx(graph, facts, folder / ONNX / onnx_view.FILE)
        instructions["ONNX"] = (
            f"`{ONNX}/{onnx_view.FILE}`, the {record.graph.label} graph that the engine was built "
            f"from; its metadata has `{onnx_view.PREFIX}labels` and "
            f"`{onnx_view.PREFIX}segmentation` as JSON"
        )
    # Of the engine when servers take that, else of its graph.
    model = engine if serving.takes_engine else graph_file
    built = (
        "it loads the engine itself"
        if serving.takes_engine
        else "it builds an engine of its own from the graph, which is not the one that was proven"
    )
    if TRITON in wanted and serving.triton is not None:
        triton.write_repository(
            folder / TRITON,
            name,
            model,
            serving=serving,
            served=served,
            image=image,
            facts=triton.facts_of(labels, segmentation.to_json()),
            device=runtime.device,
        )
        instructions["Triton"] = (
            f"`tritonserver --model-repository={TRITON}`; {built}{_batches(served.batches)}"
        )
    elif TRITON in wanted:
        instructions["Triton"] = f"{serving.refusal}; serve the ONNX view with another backend"
    if MODEL_SERVER in wanted and serving.openvino_server is not None:
        model_server.write_model_server(
            folder / MODEL_SERVER, name, model, serving=serving, served=served
        )
        instructions["OpenVINO Model Server"] = (
            f"`ovms --config_path {MODEL_SERVER}/config.json`; {built}"
        )
    return instructions


def _batches(batches: tuple[int, int] | None) -> str:
    if batches is None:
        return "; the engine takes whole batches only, so clients must send those"
    return f"; batches of up to {batches[1]} are made from single requests"
