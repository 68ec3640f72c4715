"""`segtrt predict`: the workflow's own masks, whatever the images; faults, and taking up again."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from image_folders import CASES
from PIL import Image
from prepared_shards import FORM
from proven_engine import Made, contents, prove, spec_of
from segtrt.cli.main import main
from segtrt.deploy import job as job_module
from segtrt.deploy.segmentation import read_segmentation

ROOT = Path(__file__).resolve().parents[3]
SUBJECT = "DEMO_0001"


def predict(made: Made, *words: object) -> int:
    return main(["predict", str(made.engine), *map(str, words)])


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """An engine proven on a few slices of the demo's subjects, with masks beside images."""
    folder = tmp_path_factory.mktemp("demo")
    for subject in (SUBJECT, "DEMO_0002"):
        for number in (8, 9, 10):
            for ending in ("", "_mask"):
                name = f"{subject}/{subject}_{number}{ending}.tif"
                (folder / "images" / subject).mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / "data/demo/kaggle_3m" / name, folder / "images" / name)
    return prove(folder, folder / "images", FORM, spec_of(3), largest_component=True, batch=4)


@pytest.mark.parametrize("case", list(CASES))
def test_masks_are_the_workflows_byte_for_byte(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = CASES[case].make(tmp_path)
    assert predict(made, made.root, "--out", tmp_path / "masks") == 0
    assert contents(tmp_path / "masks") == made.masks()
    assert len(made.masks()) > 1
    output = capsys.readouterr()
    assert "images per second" in output.out
    assert output.err == ""


def test_masks_of_the_demo_bear_the_images_names(demo: Made, tmp_path: Path) -> None:
    assert predict(demo, demo.root, "--out", tmp_path) == 0
    expected = {name.replace("_mask", ""): mask for name, mask in demo.masks().items()}
    assert contents(tmp_path) == expected
    assert any(np.array(Image.open(tmp_path / name)).any() for name in expected)


@pytest.mark.parametrize("way", ["subject's folder", "files", "pattern", "stars"])
def test_subjects_are_reported_however_their_files_are_named(
    demo: Made, tmp_path: Path, way: str
) -> None:
    """The largest component is that of a subject's slices, so they must be known for its own."""
    folder = demo.root / SUBJECT
    words = {
        "subject's folder": [folder],
        "files": sorted(folder.iterdir()),
        "pattern": [f"{demo.root}/{{subject}}/{{subject}}_{{item,[0-9]+}}.tif"],
        "stars": [f"{folder}/*.tif"],
    }[way]
    assert predict(demo, *words, "--out", tmp_path) == 0
    expected = {name.replace("_mask", ""): mask for name, mask in demo.masks().items()}
    found = contents(tmp_path)
    assert {name for name in found if SUBJECT in name} == {n for n in expected if SUBJECT in n}
    assert found.items() <= expected.items()


def test_what_cannot_be_read_is_reported_and_the_rest_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = CASES["JPEG"].make(tmp_path)
    images = tmp_path / "new"
    shutil.copytree(made.root, images)
    (images / "broken.jpg").write_bytes((images / "a.jpg").read_bytes()[:200])
    (images / "page.jpg").write_text("<html>\x1b[2J")
    Image.new("RGB", (30, 22)).save(images / "colour.jpg")
    Image.new("L", (80, 8)).save(images / "large.jpg")
    np.save(images / "nan.npy", np.full((22, 30), np.nan, np.float32))
    assert predict(made, images, images / "nan.npy", "--out", tmp_path / "masks") == 1
    output = capsys.readouterr()
    assert contents(tmp_path / "masks") == made.masks()
    lines = output.err.splitlines()
    assert len(lines) == 5
    for name in ("broken.jpg", "page.jpg", "colour.jpg", "large.jpg", "nan.npy"):
        assert len([line for line in lines if name in line]) == 1, name
    assert "2 images segmented" in output.out and "5 faults" in output.out
    assert "\x1b" not in output.err


def test_a_subject_with_a_damaged_slice_has_no_masks(
    demo: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its component would be that of other slices than the subject has."""
    images = tmp_path / "images"
    shutil.copytree(demo.root, images)
    (images / SUBJECT / f"{SUBJECT}_9.tif").write_bytes(b"II*\0")
    assert predict(demo, images, "--out", tmp_path / "masks") == 1
    assert {path.split("/")[0] for path in contents(tmp_path / "masks")} == {"DEMO_0002"}
    output = capsys.readouterr().err
    assert f"{SUBJECT}_9.tif" in output and "2 other images have no mask either" in output


def test_a_second_run_does_what_is_missing_or_old(demo: Made, tmp_path: Path, capsys) -> None:
    images, masks = tmp_path / "images", tmp_path / "masks"
    shutil.copytree(demo.root, images)
    assert predict(demo, images, "--out", masks) == 0
    first = {path: path.stat().st_mtime_ns for path in masks.rglob("*.tif")}
    changed = images / f"{SUBJECT}/{SUBJECT}_8.tif"
    later = max(first.values()) + 10**9
    os.utime(changed, ns=(later, later))
    gone = masks / "DEMO_0002/DEMO_0002_8.tif"
    capsys.readouterr()
    assert predict(demo, images / "DEMO_0002", "--out", masks) == 0
    assert "0 images segmented" in capsys.readouterr().out
    gone.unlink()
    (masks / f".{gone.name}.abcdefgh.part").write_text("a killed run's")
    assert predict(demo, images, "--out", masks) == 0
    assert "6 images segmented" in capsys.readouterr().out
    assert contents(masks).keys() == {n.replace("_mask", "") for n in demo.masks()}
    assert predict(demo, images / "DEMO_0002", "--out", masks, "--overwrite") == 0
    assert "3 images segmented" in capsys.readouterr().out


def test_nothing_is_loaded_where_nothing_is_left(demo: Made, tmp_path: Path, monkeypatch) -> None:
    assert predict(demo, demo.root, "--out", tmp_path) == 0
    monkeypatch.delattr(job_module, "open_engine")
    assert predict(demo, demo.root, "--out", tmp_path) == 0


def test_two_engines_do_not_share_a_folder(demo: Made, tmp_path: Path, capsys) -> None:
    masks, other = tmp_path / "masks", tmp_path / "other"
    assert predict(demo, demo.root, "--out", masks) == 0
    shutil.copytree(demo.engine.parents[2], other / "results")
    path = other / "results/model/segmentation.json"
    data = json.loads(path.read_text())
    data["decoder"]["decide"] = {"threshold": 0.25}
    path.write_text(json.dumps(data))
    engine = other / "results" / demo.engine.relative_to(demo.engine.parents[2])
    words = ["predict", str(engine), str(demo.root / SUBJECT), "--out", str(masks)]
    assert main(words) == 2
    assert "holds predictions of another engine" in capsys.readouterr().err
    assert main([*words, "--overwrite"]) == 0
    # Masks of the first engine are not taken for the second one's.
    words[2] = str(demo.root)
    capsys.readouterr()
    assert main(words) == 0
    assert "3 images segmented" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["absent.tif"], "image absent.tif does not exist"),
        (["*.xyz"], r"image *.xyz matches nothing"),
        (["nowhere/{item}.tif"], "there is no folder nowhere"),
        (["empty"], "folder empty holds no image"),
        (["a/x.tif", "b/x.tif"], "would both lead to"),
    ],
)
def test_a_mistake_is_reported_in_one_line(  # noqa: PLR0917
    demo: Made, tmp_path: Path, monkeypatch, capsys, words: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("empty").mkdir()
    for folder in "ab":
        Path(folder).mkdir()
        shutil.copy(demo.root / f"{SUBJECT}/{SUBJECT}_9.tif", Path(folder, "x.tif"))
    assert predict(demo, *words, "--out", "masks") == 2
    error = capsys.readouterr().err
    assert message in error
    assert len(error.splitlines()) == 1


def test_images_are_never_overwritten(demo: Made, tmp_path: Path, capsys) -> None:
    images = tmp_path / "images"
    shutil.copytree(demo.root, images)
    before = contents(images)
    for more in ([], ["--overwrite"]):
        assert predict(demo, images, "--out", images, *more) == 2
        assert "is an image itself" in capsys.readouterr().err
    assert contents(images) == before


def test_files_of_others_are_not_overwritten(demo: Made, tmp_path: Path, capsys) -> None:
    (tmp_path / SUBJECT).mkdir()
    own = tmp_path / f"{SUBJECT}/{SUBJECT}_9.tif"
    own.write_text("drawn by hand")
    assert predict(demo, demo.root, "--out", tmp_path) == 2
    assert "is no prediction of segtrt's" in capsys.readouterr().err
    assert own.read_text() == "drawn by hand"


def test_a_full_disk_is_reported_by_the_folders_name(
    demo: Made, tmp_path: Path, monkeypatch, capsys
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    masks = tmp_path / "masks"
    assert predict(demo, demo.root / SUBJECT, "--out", masks) == 0
    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    assert predict(demo, demo.root / "DEMO_0002", "--out", masks) == 2
    output = capsys.readouterr().err
    assert str(masks) in output and "make room" in output
    assert len(output.splitlines()) == 1
    assert not [path for path in masks.rglob("*") if path.name.endswith(".part")]


@pytest.mark.parametrize("case", ["TIFF in windows", "NPY of logits", "slices as volumes"])
def test_probabilities_and_overlays_lie_beside_the_masks(case: str, tmp_path: Path) -> None:
    made = CASES[case].make(tmp_path)
    out = tmp_path / "masks"
    assert predict(made, made.root, "--out", out, "--probabilities", "--overlay") == 0
    segmentation = read_segmentation(made.engine.parents[2] / "model/segmentation.json")
    decoder = segmentation.decoder
    for name in made.masks():
        mask = (out / name).read_bytes()
        assert mask == made.masks()[name]
        stem = (out / name).with_suffix("")
        probabilities = np.load(f"{stem}.probabilities.npy")
        image = made.root / name
        pixels = np.load(image) if image.suffix == ".npy" else np.array(Image.open(image))
        shape = pixels.shape
        assert probabilities.shape == (segmentation.network.classes, *shape[:2])
        assert probabilities.dtype == np.float32
        assert probabilities.min() >= 0 and probabilities.max() <= 1
        if decoder.threshold is None:
            np.testing.assert_allclose(probabilities.sum(axis=0), 1, atol=1e-5)
        elif not decoder.largest_component:
            drawn = np.load(out / name)
            np.testing.assert_array_equal(drawn > 0, probabilities[0] > 0.5)
        with Image.open(f"{stem}.overlay.png") as overlay:
            assert overlay.size == (shape[1], shape[0])
            assert overlay.mode == "RGB"


def test_an_image_without_masks_is_taken_by_its_grid(tmp_path: Path) -> None:
    """A file that no pattern knows, beside those of the layout."""
    made = CASES["NIfTI in slices"].make(tmp_path)
    shutil.copy(made.root / "a.nii.gz", tmp_path / "scan of today.nii.gz")
    assert predict(made, tmp_path / "scan of today.nii.gz", "--out", tmp_path / "masks") == 0
    (mask,) = contents(tmp_path / "masks").values()
    assert mask == made.masks()["a.nii.gz"]
