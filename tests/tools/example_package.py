"""A package of a small network, made from files such as a run leaves."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import tiny_unet_graphs as graphs
from example_cases import demo
from example_summaries import make_example
from segtrt.config.package import PackageSettings
from segtrt.data.intensity import Intensity
from segtrt.data.labels import Labels
from segtrt.data.layout import KAGGLE
from segtrt.data.own_code import CODE
from segtrt.data.preparation import Preparation
from segtrt.deploy.segmentation import Segmentation
from segtrt.engines.build import build_engine
from segtrt.engines.record import read_record
from segtrt.files import sha256_file
from segtrt.graphs.samples import write_tensor
from segtrt.model.network_file import UNET
from segtrt.package.make import PackageSources, make_package
from segtrt.precision import Precision
from segtrt.quality.decode import Decoder
from segtrt.runtimes.registry import get_runtime

SETTINGS = PackageSettings(
    name="small",
    engine="onnxruntime/b2_fp32",
    licence="mit",
    licences=(),
    notices=(),
    views=("onnx", "triton", "openvino_model_server"),
)
SEGMENTATION = Segmentation(
    network=UNET,
    patch=graphs.SHAPE,
    preparation=Preparation(Intensity("slice")),
    window=None,
    stacks=False,
    decoder=Decoder("sigmoid"),
    labels=Labels((255,), ("tumour",)),
    layout=KAGGLE,
)


OWN = "import tomllib\nimport yaml\n\ndef own(image):\n    return (image / 255).astype('float32')\n"
"""A normalisation of the makers' own, which imports a package that the library does without."""


@dataclass(frozen=True)
class Sources:
    """What a package is made from, and the summary, to be changed."""

    files: PackageSources
    summary: dict[str, Any]

    def with_code(self, folder: Path) -> "Sources":
        """The same with a normalisation of the makers' own; written to `folder`."""
        code = folder / CODE
        code.parent.mkdir(parents=True)
        code.write_text(OWN)
        replace(
            SEGMENTATION,
            preparation=Preparation(Intensity(f"{CODE}:own")),
            code_sha256=sha256_file(code),
        ).write(folder / "segmentation.json")
        return Sources(replace(self.files, segmentation=folder / "segmentation.json"), self.summary)

    def make(self, folder: Path, settings: PackageSettings = SETTINGS) -> Path:
        """Make the package below `folder`; returns its folder, the zip is beside it."""
        self.files.summary.write_text(json.dumps(self.summary))
        make_package(self.files, settings, folder / "package", folder / "package.zip")
        return folder / "package"


def write_sources(folder: Path) -> Sources:
    """Write what a run of two engines, `onnxruntime/b2_fp32` and `openvino/b2_fp32`, leaves."""
    case = replace(demo(), batches=[2], precisions=[Precision.FP32], faults={}, left_out={})
    summary = make_example(case, folder)
    graph = graphs.write_tiny_unet(folder / "fp32.onnx")
    engines = []
    for entry in summary["engines"]:
        place = folder / "engines" / entry["name"]
        paths = place / "engine.bin", place / "engine.json"
        build_engine(
            entry["runtime"],
            graphs.unet_settings(2, Precision.FP32),
            graph,
            *paths,
            target=get_runtime(entry["runtime"]).target(),
            network=UNET,
            code="f" * 64,
            cache_dir=None,
            on_unsupported="fail",
        )
        entry["target"] = read_record(paths[1]).target
        engines.append(paths)
    samples = []
    images = graphs.slices(3)
    for number, output in enumerate(graphs.run_with_onnxruntime(graph, images)):
        place = folder / f"test_data_set_{number}"
        write_tensor(place / "input_0.pb", images[number : number + 1], "input")
        write_tensor(place / "output_0.pb", np.asarray(output)[np.newaxis], "output")
        samples.append((place / "input_0.pb", place / "output_0.pb"))
    (folder / "report.html").write_text("<p>The report.</p>\n")
    SEGMENTATION.write(folder / "segmentation.json")
    files = PackageSources(
        summary=folder / "summary.json",
        report=folder / "report.html",
        segmentation=folder / "segmentation.json",
        samples=samples,
        engines=engines,
        graphs={"fp32": graph},
    )
    return Sources(files, summary)
