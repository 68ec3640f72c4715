"""Real libraries' networks, 2-D and 3-D, in every precision in one run on the GPU."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from known_networks import NETWORKS, deepbet, make_network
from segtrt.errors import SegtrtError
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.export import export_network
from segtrt.graphs.running import GraphRun
from segtrt.model.load import load
from segtrt.model.probe import probe
from segtrt.model.source import describe
from segtrt.model.spec import NetworkSpec
from segtrt.precision import SOURCE, Graph, Precision
from segtrt.runtimes.base import BuildSettings, Images, Runtime, UnsupportedError

BATCH = 2
CHANNELS = {"smp_unet": 3, "deeplab": 3, "segformer": 3, "deepbet": 1}
PACKAGES = {
    "smp_unet": "segmentation_models_pytorch",
    "deeplab": "torchvision",
    "segformer": "transformers",
    "nnunet_2d": "dynamic_network_architectures",
    "nnunet_3d": "dynamic_network_architectures",
    "deepbet": "deepbet",
}
"""What a network comes from, where that is not MONAI."""

LIMITS = {
    Precision.FP32: 1e-3,
    Precision.TF32: 0.02,
    Precision.FP16: 0.05,
    Precision.BF16: 0.2,
    Precision.INT8: 1.0,
    Precision.FP8: 1.0,
}
"""Root mean square of the difference over the spread of the answers; random weights exaggerate."""


@dataclass
class Case:
    """One network with all that is made of it."""

    spec: NetworkSpec
    folder: Path
    images: Images
    expected: np.ndarray
    graphs: dict[Graph, Path] = field(default_factory=dict)
    errors: dict[Precision, float] = field(default_factory=dict)

    def graph(self, wanted: Graph) -> Path:
        """The graph in a precision, made when it is first asked for."""
        if wanted not in self.graphs:
            calibration = [image[np.newaxis] for image in self.images]
            path = self.folder / f"{wanted}.onnx"
            convert_onnx(self.graphs[SOURCE], wanted, path, calibration)
            self.graphs[wanted] = path
        return self.graphs[wanted]


def sides_of(spec: NetworkSpec) -> Sequence[int]:
    return spec.fit([128, 96] if spec.dimensions == 2 else [64, 32, 32])


@pytest.fixture(scope="module", params=[*NETWORKS, "deepbet"])
def case(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Case:
    request.getfixturevalue("runtime")  # skips before anything is exported
    name = request.param
    package = PACKAGES.get(name, "monai")
    if find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    folder = tmp_path_factory.mktemp(name)
    graph = folder / "fp32.onnx"
    if name == "deepbet":
        network = load(describe(str(deepbet()), {}, Path()), None)
    else:
        network = make_network(name, CHANNELS.get(name, 1), 3 if name.endswith("3d") else 2)
    export_network(network, graph, opset=21)
    spec, _ = probe(graph)
    shape = (4, spec.channels, *sides_of(spec))
    images = np.random.default_rng(3).standard_normal(shape, dtype=np.float32)
    # The graph was proven against PyTorch when it was written.
    run = GraphRun(graph.read_bytes(), optimise=False, threads=None)
    expected = np.concatenate([run(image[np.newaxis]) for image in images])
    return Case(spec, folder, images, expected, {SOURCE: graph})


@pytest.mark.parametrize("precision", [one for one in Precision if one in LIMITS])
def test_answers_are_near_the_networks(case: Case, runtime: Runtime, precision: Precision) -> None:
    size = case.images.shape[2:]
    settings = BuildSettings(
        BATCH, precision, patch=case.images.shape[1:], output=case.spec.output_of(size)
    )
    engine = case.folder / f"{precision}.bin"
    try:
        graph = case.graph(runtime.graph(precision))
        engine.write_bytes(runtime.build(graph, settings, None).engine)
        # TensorRT-RTX compiles kernels now, and may find none.
        runtime.first_start(engine, settings)
    except UnsupportedError as error:
        pytest.skip(str(error))
    except SegtrtError as error:
        # A conversion that is refused in one line is an answer; a wrong one never gets here.
        if "leave" in str(error) and "out of engines.precisions" in str(error):
            pytest.skip(str(error))
        raise
    with runtime.load(engine, settings) as session:
        halves = [session.run(batch) for batch in np.split(case.images, len(case.images) // BATCH)]
    found = np.concatenate(halves)
    assert np.isfinite(found).all()
    error = float(np.sqrt(np.mean((found - case.expected) ** 2)) / case.expected.std())
    case.errors[precision] = error
    print(f"{case.folder.name} {precision}: relative error {error:.3g}")
    assert error < LIMITS[precision]


def test_precisions_differ(case: Case) -> None:
    """No precision was silently served by another one's graph or engine."""
    files = [path.read_bytes() for path in case.graphs.values()]
    assert len(set(files)) == len(files)
    low = [case.errors[one] for one in (Precision.FP16, Precision.BF16) if one in case.errors]
    if Precision.FP32 in case.errors and low:
        assert case.errors[Precision.FP32] < min(low)
