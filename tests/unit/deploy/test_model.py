"""A proven engine as a function, and how one is found and refused."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from example_package import SEGMENTATION, write_sources
from image_folders import CASES
from proven_engine import Made
from segtrt import load
from segtrt.data.formats.read import read_file
from segtrt.deploy.proven import Proven, open_proven
from segtrt.errors import SegtrtError

PLAIN = "TIFF in windows"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    folder = tmp_path_factory.mktemp("made")
    return CASES[PLAIN].make(folder)


@pytest.fixture
def copy(made: Made, tmp_path: Path) -> Path:
    """The engine's folder in a copy of its run's results."""
    results = made.engine.parents[2]
    shutil.copytree(results, tmp_path / "results")
    return tmp_path / "results" / made.engine.relative_to(results)


@pytest.mark.parametrize("case", [PLAIN, "NIfTI in slices", "NRRD in channels"])
def test_it_gives_the_labels_of_the_files(case: str, tmp_path: Path) -> None:
    made = CASES[case].make(tmp_path)
    masks = sorted(path for path in made.predictions.rglob("*") if path.is_file())
    with load(str(made.engine), threads=1) as model:
        for path in masks:
            name = path.relative_to(made.predictions).as_posix()
            channels = [made.root / name]
            if case == "NRRD in channels":
                channels = [made.root / name[:1] / f"{kind}.nrrd" for kind in ("t1", "t2")]
            images = [read_file(channel) for channel in channels]
            geometry = images[0].geometry
            spacing = None if geometry is None else geometry.spacing
            found = model(np.concatenate([image.array for image in images]), spacing)
            assert found.dtype == np.uint8
            np.testing.assert_array_equal(model.labels.decode(found), read_file(path).array[0])
        assert model.labels.names[0] == "class 1"
    assert len(masks) > 1


def test_a_subject_s_slices_are_one_volume_where_they_are_normalised_so(tmp_path: Path) -> None:
    made = CASES["slices as volumes"].make(tmp_path)
    slices = [read_file(path).array for path in sorted((made.root / "a").iterdir())]
    masks = [read_file(path).array[0] for path in sorted((made.predictions / "a").iterdir())]
    with load(made.engine) as model:
        np.testing.assert_array_equal(model(np.stack(slices, axis=1)), np.stack(masks))


def test_a_single_channel_may_be_left_out(made: Made) -> None:
    image = np.random.default_rng(0).integers(0, 99, (30, 20), np.uint16)
    with load(made.engine) as model:
        np.testing.assert_array_equal(model(image), model(image[np.newaxis]))
        with pytest.raises(SegtrtError, match="2 channels, the network takes 1"):
            model(np.stack([image, image]))
        with pytest.raises(SegtrtError, match="it has 3 axes, but the engine was proven on images"):
            model(image[np.newaxis, np.newaxis])
        with pytest.raises(SegtrtError, match="values that are not finite"):
            model(np.full((8, 8), np.inf, np.float32))


def test_neither_torch_nor_a_graph_s_tools_are_imported(made: Made) -> None:
    code = (
        "import sys, numpy as np\n"
        "import segtrt\n"
        "assert not [name for name in sys.modules if name.startswith('segtrt.')]\n"
        "from segtrt import load\n"
        f"model = load({str(made.engine)!r})\n"
        "assert model(np.zeros((20, 30), np.uint16)).shape == (20, 30)\n"
        "print(*{'torch', 'onnx', 'openvino', 'snakemake', 'skimage'} & sys.modules.keys())"
    )
    library = Path(__file__).resolve().parents[3] / "workflow/scripts"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=library, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []


def found(place: Path) -> Proven:
    """What is found there; a zip is gone again."""
    with open_proven(place) as proven:
        assert proven.engine.is_file()
        return proven


def test_a_package_is_as_good_as_the_run(tmp_path: Path) -> None:
    package = write_sources(tmp_path / "sources").make(tmp_path)
    image = np.random.default_rng(0).integers(0, 256, (3, 256, 256), np.uint8)
    labels = []
    for place in (package, tmp_path / "package.zip"):
        assert found(place).segmentation == SEGMENTATION
        with load(place) as model:
            labels.append(model(image))
            assert model.labels.names == ("tumour",)
    np.testing.assert_array_equal(*labels)
    with (package / "engine/engine.bin").open("ab") as handle:
        handle.write(b"x")
    with pytest.raises(SegtrtError, match=r"engine/engine\.bin"):
        load(package)


def test_an_engine_may_be_named_by_its_file(copy: Path) -> None:
    assert found(copy / "engine.bin") == found(copy)


def test_what_does_not_belong_together_is_refused(copy: Path) -> None:
    path = copy.parents[2] / "model/segmentation.json"
    whole = json.loads(path.read_text())
    path.write_text(json.dumps({**whole, "patch": [1, 16, 16], "window": None}))
    with pytest.raises(SegtrtError, match=r"is not of engine onnxruntime/b2_fp32"):
        found(copy)
    path.unlink()
    with pytest.raises(SegtrtError, match=r"has no segmentation\.json.*snakemake results/model"):
        found(copy)
    (copy / "engine.json").unlink()
    with pytest.raises(SegtrtError, match=r"has no engine\.json"):
        found(copy)
    with pytest.raises(SegtrtError, match="does not exist"):
        found(copy / "gone")


def test_an_engine_that_was_left_out_says_why(copy: Path) -> None:
    record = json.loads((copy / "engine.json").read_text())
    (copy / "engine.json").write_text(
        json.dumps({**record, "status": "unsupported", "reason": "no such kernel"})
    )
    with pytest.raises(SegtrtError, match="left out when it was to be built: no such kernel"):
        found(copy)


def test_a_changed_engine_is_not_loaded(copy: Path) -> None:
    with (copy / "engine.bin").open("ab") as handle:
        handle.write(b"x")
    with pytest.raises(SegtrtError, match="its record says"):
        load(copy)


def test_other_names_of_the_package_are_none() -> None:
    import segtrt

    with pytest.raises(AttributeError, match="no attribute 'absent'"):
        segtrt.absent  # noqa: B018
