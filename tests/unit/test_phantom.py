"""The generator of semi-synthetic subjects, and the demo it made."""

import hashlib
import importlib.util
import runpy
import zlib
from pathlib import Path

import numpy as np
import pytest
from phantom import volume as phantom
from phantom.fields import Grid, random_field, smoothstep
from phantom.templates import TEMPLATE_FILES, template_folder
from phantom.tiff import Compression, encode_tiff
from PIL import Image
from segtrt.errors import SegtrtError

SUBJECTS = [f"DEMO_{number:04d}" for number in range(1, 6)]
SLICES = 16
TEMPLATES_SHA256 = "79197a4e816fe769af4e19e1f4964dc9965936606e35813a8a6afa06ff95b70c"


@pytest.fixture(scope="module")
def templates() -> phantom.Templates:
    """The ICBM 152 templates; skips where nilearn is not installed."""
    pytest.importorskip("nibabel")
    if importlib.util.find_spec("nilearn") is None:
        pytest.skip("nilearn, which carries the templates, is not installed")
    return phantom.load_templates()


@pytest.fixture(scope="module")
def demo(project_root: Path) -> Path:
    """The embedded demo."""
    return project_root / "data/demo"


def read_subject(folder: Path, name: str) -> tuple[np.ndarray, np.ndarray]:
    paths = [folder / name / f"{name}_{number}.tif" for number in range(1, SLICES + 1)]
    images = np.stack([np.asarray(Image.open(path)) for path in paths])
    masks = np.stack([np.asarray(Image.open(f"{path.with_suffix('')}_mask.tif")) for path in paths])
    return images, masks


# Generator


def test_same_seed_same_pixels_and_another_seed_another_subject(
    templates: phantom.Templates,
) -> None:
    images, masks = phantom.make_subject(templates, 11, 2)
    again, masks_again = phantom.make_subject(templates, 11, 2)
    assert np.array_equal(images, again)
    assert np.array_equal(masks, masks_again)
    other, other_masks = phantom.make_subject(templates, 12, 2)
    assert not np.array_equal(images, other)
    assert not np.array_equal(masks, other_masks)


@pytest.mark.parametrize("slices", [1, 3])
def test_any_number_of_slices_shows_a_lesion(templates: phantom.Templates, slices: int) -> None:
    images, masks = phantom.make_subject(templates, 21, slices)
    assert images.shape == (slices, 256, 256, 3)
    assert masks.shape == (slices, 256, 256)
    assert images.dtype == masks.dtype == np.uint8
    assert set(np.unique(masks)) == {0, 255}


@pytest.mark.parametrize(("seed", "slices"), [(1, 0), (1, 101), (-1, 4)])
def test_numbers_out_of_range_are_refused(
    templates: phantom.Templates, seed: int, slices: int
) -> None:
    with pytest.raises(ValueError, match="1 to 100 slices"):
        phantom.make_subject(templates, seed, slices)


def test_missing_nilearn_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(SegtrtError, match="pip install nilearn") as caught:
        template_folder()
    assert "\n" not in str(caught.value)


def test_template_missing_from_nilearn_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("nibabel")
    monkeypatch.setattr("phantom.templates.template_folder", lambda: tmp_path)
    with pytest.raises(SegtrtError, match=r"mni_icbm152_t1.* is missing from the installed"):
        phantom.load_templates.__wrapped__()


def test_random_field_has_unit_spread_and_does_not_depend_on_the_other_slices() -> None:
    line = np.linspace(-100, 100, 41)
    grid = Grid(z=line, y=line, x=line)
    field = random_field(np.random.default_rng(5), grid, 8.0)
    assert field.shape == grid.shape
    assert abs(field.mean()) < 0.05
    assert abs(field.std() - 1) < 0.05
    part = random_field(np.random.default_rng(5), Grid(z=line[10:12], y=line, x=line), 8.0)
    assert np.array_equal(part, field[10:12])


def test_smoothstep_rises_or_falls() -> None:
    values = np.array([-1.0, 0.0, 0.5, 1.0, 2.0])
    assert smoothstep(values, 0, 1).tolist() == [0, 0, 0.5, 1, 1]
    assert smoothstep(values, 1, 0).tolist() == [1, 1, 0.5, 0, 0]


# Files


@pytest.mark.parametrize("compression", list(Compression))
@pytest.mark.parametrize("shape", [(5, 7, 3), (256, 256, 3), (5, 7), (256, 256)])
def test_tiff_reads_back_everywhere(
    tmp_path: Path, shape: tuple[int, ...], compression: Compression
) -> None:
    tifffile = pytest.importorskip("tifffile")
    image = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / "image.tif"
    path.write_bytes(encode_tiff(image, compression))
    for read in (np.asarray(Image.open(path)), tifffile.imread(path)):
        assert read.dtype == np.uint8
        assert np.array_equal(read, image)


def test_tiff_holds_no_text(tmp_path: Path) -> None:
    path = tmp_path / "image.tif"
    path.write_bytes(encode_tiff(np.zeros((4, 4, 3), np.uint8), Compression.NONE))
    assert all(not isinstance(value, str) for value in Image.open(path).tag_v2.values())


@pytest.mark.parametrize(
    "image", [np.zeros((4, 4, 2), np.uint8), np.zeros((4, 4), np.float32), np.zeros(4, np.uint8)]
)
def test_tiff_refuses_other_arrays(image: np.ndarray) -> None:
    with pytest.raises(ValueError, match="uint8"):
        encode_tiff(image, Compression.DEFLATE)


def test_subject_is_written_in_the_kaggle_layout(tmp_path: Path) -> None:
    images = np.random.default_rng(1).integers(0, 256, (2, 256, 256, 3), dtype=np.uint8)
    masks = np.zeros((2, 256, 256), np.uint8)
    phantom.write_subject(tmp_path, "P_0001", images, masks, Compression.NONE)
    names = sorted(path.name for path in (tmp_path / "P_0001").iterdir())
    assert names == ["P_0001_1.tif", "P_0001_1_mask.tif", "P_0001_2.tif", "P_0001_2_mask.tif"]
    assert np.array_equal(np.asarray(Image.open(tmp_path / "P_0001/P_0001_2.tif")), images[1])
    with pytest.raises(SegtrtError, match=r"already holds 2 other images, e\.g\. P_0001_2\.tif"):
        phantom.write_subject(tmp_path, "P_0001", images[:1], masks[:1])


def test_command_writes_what_was_asked_for(
    templates: phantom.Templates,
    project_root: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    arguments = f"x --out {tmp_path} --subjects 2 --slices 1 --first-seed 7 --prefix T"
    monkeypatch.setattr("sys.argv", [*arguments.split(), "--compression", "none"])
    with pytest.raises(SystemExit) as caught:
        runpy.run_path(str(project_root / "tools/generate_demo.py"), run_name="__main__")
    assert caught.value.code == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["T_0001", "T_0002"]
    image, _ = phantom.make_subject(templates, 8, 1)
    assert np.array_equal(np.asarray(Image.open(tmp_path / "T_0002/T_0002_1.tif")), image[0])


# The embedded demo


def test_demo_has_five_subjects_of_sixteen_slices_and_is_small(demo: Path) -> None:
    subjects = sorted(path for path in (demo / "kaggle_3m").iterdir() if path.is_dir())
    assert [path.name for path in subjects] == SUBJECTS
    for subject in subjects:
        expected = {
            f"{subject.name}_{n}{kind}.tif" for n in range(1, SLICES + 1) for kind in ("", "_mask")
        }
        assert {path.name for path in subject.iterdir()} == expected
    size = sum(path.stat().st_size for path in (demo / "kaggle_3m").rglob("*.tif"))
    assert size <= 6_000_000


def test_demo_keeps_the_templates_notice(demo: Path) -> None:
    notice = (demo / "NOTICE").read_text(encoding="utf-8")
    assert "Louis Collins, McConnell Brain Imaging Centre" in notice
    assert "Permission to use, copy, modify, and distribute" in notice


@pytest.mark.parametrize("name", SUBJECTS)
def test_demo_subject_is_a_plausible_case(demo: Path, name: str) -> None:
    images, masks = read_subject(demo / "kaggle_3m", name)
    assert images.shape == (SLICES, 256, 256, 3)
    assert masks.shape == (SLICES, 256, 256)
    assert images.dtype == masks.dtype == np.uint8
    assert set(np.unique(masks)) == {0, 255}

    with_lesion = np.flatnonzero(masks.any(axis=(1, 2)))
    assert 3 <= len(with_lesion) <= SLICES - 4
    assert np.all(np.diff(with_lesion) == 1)
    head = images.any(axis=-1)
    assert 0.002 < masks.astype(bool).sum() / head.sum() < 0.1
    assert not masks[~head].any()
    corners = images[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert not corners.any()
    # Bright on FLAIR against the brain, but darker than the brightest fat before contrast.
    flair = images[..., 1].astype(float)
    brain = (flair > 40) & (images[..., 0] < 100) & (masks == 0)
    assert 1.15 < flair[masks > 0].mean() / flair[brain].mean() < 2.5


def check_regenerated(demo: Path, folder: Path, templates: phantom.Templates, name: str) -> None:
    digest = hashlib.sha256()
    for key in TEMPLATE_FILES:
        digest.update(getattr(templates, key).tobytes())
    if digest.hexdigest() != TEMPLATES_SHA256:
        pytest.skip("the installed nilearn carries other templates")
    images, masks = phantom.make_subject(templates, int(name[-4:]), SLICES)
    phantom.write_subject(folder, name, images, masks)
    committed = read_subject(demo / "kaggle_3m", name)
    assert np.array_equal(images, committed[0])
    assert np.array_equal(masks, committed[1])
    if "ng" in zlib.ZLIB_RUNTIME_VERSION:
        pytest.skip("this Python deflates with zlib-ng, whose bytes differ")
    for path in (folder / name).iterdir():
        assert path.read_bytes() == (demo / "kaggle_3m" / name / path.name).read_bytes(), path.name


def test_demo_is_regenerated_byte_for_byte(
    demo: Path, tmp_path: Path, templates: phantom.Templates
) -> None:
    check_regenerated(demo, tmp_path, templates, "DEMO_0003")


@pytest.mark.slow
@pytest.mark.parametrize("name", SUBJECTS)
def test_whole_demo_is_regenerated_byte_for_byte(
    demo: Path, tmp_path: Path, templates: phantom.Templates, name: str
) -> None:
    check_regenerated(demo, tmp_path, templates, name)
