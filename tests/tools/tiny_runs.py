"""A configuration that really runs in seconds, with every kind of graph.

A few slices of the demo, a network of 2 features, and every runtime that builds on a CPU.
"""

import shutil
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SUBJECTS = ("DEMO_0001", "DEMO_0002")
SLICES = (7, 8, 9)
FEATURES = 2


def write_inputs(folder: Path) -> dict[str, dict[str, Any]]:
    """Write images and weights below `folder`; returns the settings that name them."""
    for subject in SUBJECTS:
        target = folder / "images" / subject
        target.mkdir(parents=True)
        for number in SLICES:
            for kind in ("", "_mask"):
                name = f"{subject}_{number}{kind}.tif"
                shutil.copy(ROOT / "data/demo/kaggle_3m" / subject / name, target / name)
    write_weights(folder / "weights.safetensors")
    return {
        "dataset": {
            "source": "path",
            "path": str(folder / "images"),
            "shards": 2,
            "calibration_fraction": 0.4,
        },
        "tensors": {
            "samples": [{"subject": SUBJECTS[0], "slice": SLICES[0]}],
            "size": [256, 256],  # said, so that engines depend on no image
        },
        "model": {
            "weights": str(folder / "weights.safetensors"),
            "arguments": {"init_features": FEATURES},
        },
        "engines": {
            "runtimes": ["onnxruntime", "openvino", "tensorrt_rtx"],
            "batch_sizes": [2],
            "precisions": ["fp32", "fp16", "bf16", "int8", "fp8"],
            "compute_capabilities": ["8.9"],
            "on_unsupported": "skip",
            "calibration": {"slices": 2},
        },
        "inference": {"iterations": 2, "max_seconds": 0.2, "warmup_max_seconds": 0.1},
    }


def write_weights(path: Path) -> None:
    """Write weights that call about half of all pixels foreground, many of them by a hair.

    So each precision gives other masks.
    """
    import torch
    from safetensors.torch import save_file
    from segtrt.model.unet import build_unet

    torch.manual_seed(0)
    network = build_unet(FEATURES)
    images = torch.randn(4, 3, 8, 8).repeat_interleave(8, 2).repeat_interleave(8, 3)
    with torch.no_grad():
        for _ in range(30):  # the running means of the batch norms
            network(images)
        network.eval()
        logits = torch.logit(network(images))
        network.get_submodule("conv").weight *= 2 / logits.std()
        network.get_submodule("conv").bias -= torch.logit(network(images)).median()
    save_file(network.state_dict(), path)
