"""The ruined network with its int8 graphs, and images to judge its regions on."""

import numpy as np
from example_shards import Item, answer, write_shard
from ruined_network import bright_squares, ruined_network
from segtrt.data.labels import Labels
from segtrt.graphs.clean import read_graph
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.regions import split_into_regions
from segtrt.graphs.running import GraphRun
from segtrt.precision import Graph
from segtrt.quality.blame import Evidence, blame_region
from segtrt.quality.decode import Decoder
from segtrt.quality.reference_scores import read_reference_scores
from segtrt.quality.reference_scoring import score_reference

LABELS = Labels.of({255: "tumour"})
KINDS = {"onnxruntime": Graph.INT8, "openvino": Graph.INT8_OPENVINO}


class World:
    """The network, its int8 graphs, and a shard of search and evaluation subjects.

    With `largest_component` each image has a bright edge as well, which the scores leave out.
    """

    def __init__(
        self, folder, truth=True, search=("s1", "s2"), budget=2**30, largest_component=False
    ):
        self.folder = folder
        self.source = ruined_network(folder / "fp32.onnx")
        self.model = read_graph(self.source)
        self.regions = split_into_regions(self.model, 4)
        splits = dict.fromkeys(search, "search") | {"e": "evaluation"}
        images = dict(zip(splits, bright_squares(len(splits), seed=1), strict=True))
        for image in images.values() if largest_component else ():
            image[:, 30:] += 0.8
        run = GraphRun(self.model, optimise=False)
        outputs = {name: run(image[np.newaxis])[0] for name, image in images.items()}
        items = [
            Item(
                name,
                "1",
                splits[name],
                (outputs[name][0] > 0.5).astype(np.uint8) if truth else None,
                images[name],
            )
            for name in splits
        ]
        tensors = write_shard(folder / "tensors", items, LABELS if truth else None)
        answer(
            folder / "reference",
            tensors,
            [outputs[name] for name in splits],
            Decoder("sigmoid", 0.5),
            by="reference",
            budget=budget,
        )
        score_reference(
            tensor_shards=[tensors],
            reference_shards=[folder / "reference"],
            out_json=folder / "scores.json",
            metric="dice",
            largest_component=largest_component,
        )
        scores = read_reference_scores(folder / "scores.json")
        self.evidence = Evidence([tensors], [folder / "reference"], scores)

    def convert(self, kind):
        path = self.folder / f"{kind}.onnx"
        calibration = [image[np.newaxis] for image in bright_squares(4)]
        convert_onnx(self.source, kind, path, calibration, refuse_wrong=False)
        return path

    def blame(self, kind, number, converted=None, **more):
        return blame_region(
            self.source,
            self.regions,
            number,
            graph=kind,
            converted=converted,
            evidence=self.evidence,
            **more,
        )
