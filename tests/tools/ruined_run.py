"""A folder with the ruined network, images, masks as the network finds them, and its settings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image
from ruined_network import bright_squares, ruined_network
from segtrt.graphs.clean import read_graph
from segtrt.graphs.running import GraphRun
from tiny_run import ROOT, Runner

SUBJECTS = 6


def ruined_run(folder: Path, precisions: Sequence[str], **groups: Any) -> Runner:
    """Write them; two of the six subjects are for the search.

    Args:
        folder: a new folder.
        precisions: of the engines, on ONNX Runtime and OpenVINO.
        groups: further settings.
    """
    run = GraphRun(read_graph(ruined_network(folder / "ruined.onnx")), optimise=False)
    for number, image in enumerate(bright_squares(SUBJECTS)):
        pixels = np.clip(np.rint(image * 255), 0, 255).astype(np.uint8)
        mask = run(pixels[np.newaxis].astype(np.float32) / 255)[0, 0] > 0.5
        for kind, values in (
            ("images", pixels.transpose(1, 2, 0)),
            ("masks", mask * np.uint8(255)),
        ):
            target = folder / "data" / kind / f"s{number}"
            target.mkdir(parents=True)
            Image.fromarray(values).save(target / "1.png")
    settings = {
        "dataset": {
            "path": str(folder / "data"),
            "images": "images/{subject}/{item}.png",
            "masks": "masks/{subject}/{item}.png",
            "search_fraction": 0.3,
        },
        "tensors": {"normalisation": "scale", "range": [0, 255], "samples": []},
        "model": {"network": str(folder / "ruined.onnx")},
        "engines": {
            "runtimes": ["onnxruntime", "openvino"],
            "batch_sizes": [1],
            "precisions": list(precisions),
            "on_unsupported": "skip",
        },
        "inference": {"iterations": 2, "max_seconds": 0.2, "warmup_max_seconds": 0.1},
        "precision_search": {"regions": 5},
        **groups,
    }
    (folder / "settings.yaml").write_text(yaml.safe_dump(settings))
    options = ("-c2", "--snakefile", str(ROOT / "Snakefile"), "--configfile", "settings.yaml")
    return Runner(folder, options)
