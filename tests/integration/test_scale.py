"""At the Kaggle set's size: its generator, balanced shards, and memory that does not grow."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from phantom.volume import Compression, write_subject
from prepared_shards import list_folder
from segtrt.data.formats.read import read_file, read_image
from segtrt.data.layout import KAGGLE
from segtrt.data.listing import list_items
from segtrt.data.sharding import BALANCE, assign_shards
from segtrt.errors import SegtrtError

ENCODE = """
import resource, sys
from pathlib import Path
from segtrt.config.resolve import resolve_config
from segtrt.data.encode import encode_shard
from segtrt.data.labels import Labels
from segtrt.model.network_file import UNET
manifest, root, out, normalisation = sys.argv[1:]
encode_shard(
    Path(manifest),
    Path(root),
    Path(out),
    tensors=resolve_config({"tensors": {"normalisation": normalisation}}).tensors.encoding,
    spec=UNET,
    labels=Labels.of({255: "tumour"}),
)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.fixture(scope="module")
def generator(project_root: Path) -> ModuleType:
    """The script that makes large data sets."""
    path = project_root / "tools" / "generate_large_dataset.py"
    spec = importlib.util.spec_from_file_location("generate_large_dataset", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def make_dataset(project_root: Path, generator: ModuleType, root: Path, subjects: int) -> None:
    """Subjects of 16 slices each, varied from the demo's first one."""
    demo = project_root / "data" / "demo" / "kaggle_3m"
    items = list_items(demo, KAGGLE, ["DEMO_0001"]).items
    images = np.stack([read_image(item).array.transpose(1, 2, 0) for item in items])
    masks = np.stack([read_file(demo / (item.mask or "")).array[0] for item in items])
    for i in range(subjects):
        varied = generator.vary(images, masks, len(images), i)
        write_subject(root, f"LARGE_{i:04d}", *varied, Compression.NONE)


def peak_mb(project_root: Path, root: Path, normalisation: str) -> float:
    """Peak memory of a process that encodes a data set in one shard, in MB."""
    out = root.parent / "out.safetensors"
    (shard,) = list_folder(root, root.parent / f"{root.name}_listed")
    call = [sys.executable, "-c", ENCODE, str(shard), str(root), str(out), normalisation]
    done = subprocess.run(
        call,
        cwd=project_root / "workflow" / "scripts",
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout) / 1000


def test_the_shape_is_the_kaggle_sets(generator: ModuleType) -> None:
    counts = generator.slice_counts(110, 3929)
    assert (len(counts), sum(counts), min(counts), max(counts)) == (110, 3929, 20, 88)
    assert np.median(counts) < np.mean(counts)
    assert counts == generator.slice_counts(110, 3929)
    assert counts != generator.slice_counts(110, 3929, seed=1)


@pytest.mark.parametrize(("subjects", "slices"), [(1, 20), (2, 100), (3, 264), (440, 15716)])
def test_other_sizes_are_met_too(generator: ModuleType, subjects: int, slices: int) -> None:
    counts = generator.slice_counts(subjects, slices)
    assert (len(counts), sum(counts)) == (subjects, slices)
    assert min(counts) >= 20
    assert max(counts) <= 88


def test_an_impossible_size_is_refused_in_one_line(generator: ModuleType) -> None:
    with pytest.raises(
        SegtrtError, match=r"^9 slices are not to be had from 1 subjects, .*88 each"
    ):
        generator.slice_counts(1, 9)


@pytest.mark.parametrize("shards", [2, 4, 8, 16])
def test_uneven_subjects_make_even_shards(generator: ModuleType, shards: int) -> None:
    counts = generator.slice_counts(110, 3929)
    subjects = {f"LARGE_{i:04d}": count for i, count in enumerate(counts)}
    loads = [0] * shards
    for name, shard in assign_shards(subjects, shards).items():
        loads[shard] += subjects[name]
    mean = sum(loads) / shards
    assert max(abs(load - mean) for load in loads) <= BALANCE * mean


def test_jobs_are_as_many_as_the_model_says(project_root: Path, tmp_path: Path) -> None:
    """The formula of docs/scaling.md: engines E, shards S, graphs beside float32's P."""
    engines, shards, graphs = 4, 8, 2
    program = str(Path(sys.executable).with_name("snakemake"))
    call = [program, "results/report.html", "-n", "--snakefile", str(project_root / "Snakefile")]
    call += ["--directory", str(tmp_path), "--config", f"dataset={{shards: {shards}}}"]
    call += [
        "engines={runtimes: [onnxruntime, openvino], batch_sizes: [1], precisions: [fp32, int8]}"
    ]
    done = subprocess.run(call, capture_output=True, text=True, check=True)
    jobs = engines * (shards + 4) + 2 * shards + graphs + 11
    assert f"total {jobs} " in " ".join((done.stdout + done.stderr).split()) + " "


def test_varied_subjects_differ(generator: ModuleType) -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (6, 256, 256, 3), dtype=np.uint8)
    masks = np.where(images[..., 0] > 200, np.uint8(255), np.uint8(0))
    first, truth = generator.vary(images, masks, 4, 1)
    second, _ = generator.vary(images, masks, 4, 2)
    assert first.shape == (4, 256, 256, 3)
    assert truth.shape == (4, 256, 256)
    assert set(np.unique(truth)) == {0, 255}
    assert not np.array_equal(first, second)
    assert np.array_equal(first, generator.vary(images, masks, 4, 1)[0])


@pytest.mark.slow
@pytest.mark.parametrize("normalisation", ["slice", "volume"])
def test_memory_does_not_grow_with_the_subjects(
    project_root: Path, generator: ModuleType, tmp_path: Path, normalisation: str
) -> None:
    """Six times the subjects in one job: 290 MB more of tensors, and hardly more memory."""
    peaks = []
    for subjects in (4, 24):
        root = tmp_path / f"of_{subjects}"
        make_dataset(project_root, generator, root, subjects)
        peaks.append(peak_mb(project_root, root, normalisation))
    assert peaks[1] < 2000
    assert peaks[1] - peaks[0] < 25, peaks
