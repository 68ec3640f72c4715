"""A folder for OpenVINO Model Server: `config.json` and the graph."""

import shutil
from pathlib import Path

from segtrt.files import write_json
from segtrt.package.served import ServedModel
from segtrt.runtimes.serving import Serving


def write_model_server(
    folder: Path, name: str, model: Path, *, serving: Serving, served: ServedModel
) -> None:
    """Write `config.json`, and the model in `{name}/1`.

    The server builds from the graph with the properties that the engine was built with.

    Args:
        folder: the folder to make.
        name: the model's.
        model: the ONNX graph.
        serving: the properties.
        served: the model as servers see it.
    """
    (folder / name / "1").mkdir(parents=True)
    shutil.copyfile(model, folder / name / "1" / serving.file)
    few, most = served.batches or (served.batch, served.batch)
    batch = str(most) if few == most else f"{few}:{most}"
    shape = ",".join([batch, *map(str, served.input.shape)])
    config = {
        "name": name,
        "base_path": name,  # relative to config.json
        "shape": {served.input.name: f"({shape})"},
        "target_device": "CPU",
        "plugin_config": dict(serving.openvino_server or {}),
    }
    write_json(folder / "config.json", {"model_config_list": [{"config": config}]})
