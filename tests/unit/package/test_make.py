"""Making a package: what is in it, that the same files give the same bytes, and what is refused."""

import hashlib
import json
import os
import re
import shutil
import zipfile
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tiny_unet_graphs as graphs
from example_package import OWN, SEGMENTATION, SETTINGS, Sources
from segtrt.deploy.segmentation import read_segmentation
from segtrt.errors import SegtrtError
from segtrt.graphs.samples import write_tensor
from segtrt.package.checksums import SUMS, check_files
from segtrt.package.golden import read_golden
from segtrt.package.manifest import read_manifest
from segtrt.package.requirements import REQUIRED, library_version, requirements_of
from segtrt.runtimes.registry import get_runtime
from segtrt.runtimes.serving import Serving

OUTPUT = (1, *graphs.SHAPE[1:])


def test_a_package_has_what_it_takes(
    known_package: tuple[Path, Path], known_sources: Sources
) -> None:
    folder, archive = known_package
    golden = [f"golden/{i}/{name}.npy" for i in range(3) for name in ("input", "labels", "output")]
    expected = [
        *("README.md", "engine/engine.bin", "engine/engine.json", *golden, "onnx/model.onnx"),
        *("package.json", "report.html", "requirements.txt", "segmentation.json"),
        *("triton/small/1/model.onnx", "triton/small/config.pbtxt"),
        "triton/small/warmup/golden_0",
    ]
    assert check_files(folder) == sorted(expected)
    with zipfile.ZipFile(archive) as opened:
        assert {name: opened.read(name) for name in opened.namelist()} == {
            name: (folder / name).read_bytes() for name in [*expected, SUMS]
        }
    engine, record = known_sources.files.engines[0]
    # Not a byte of the engine is another one.
    assert (folder / "engine/engine.bin").read_bytes() == engine.read_bytes()
    assert json.loads((folder / "engine/engine.json").read_text()) == json.loads(record.read_text())
    assert (folder / "triton/small/1/model.onnx").read_bytes() == known_sources.files.graphs[
        "fp32"
    ].read_bytes()
    assert read_segmentation(folder / "segmentation.json") == SEGMENTATION
    images = graphs.slices(3)
    for number, one in enumerate(read_golden(folder / "golden", 3, graphs.SHAPE, OUTPUT)):
        assert np.array_equal(one.image[0], images[number])
        assert np.array_equal(one.labels, (one.output[0, 0] > 0.5).astype(np.uint8))
    view = onnx.load(folder / "onnx/model.onnx")
    (digest,) = (e.value for e in view.metadata_props if e.key == "segtrt.graph_sha256")
    graph = known_sources.files.graphs["fp32"].read_bytes()
    assert json.loads(digest) == hashlib.sha256(graph).hexdigest()


def test_the_description_says_what_the_run_found(
    known_package: tuple[Path, Path], known_sources: Sources
) -> None:
    found = read_manifest(known_package[0] / "package.json")
    entry = next(e for e in known_sources.summary["engines"] if e["name"] == found.engine)
    assert (found.name, found.engine, found.recommended) == ("small", SETTINGS.engine, False)
    assert found.proven.latency_ms == entry["timing"]["total"]["median"]
    assert found.quality.loss == entry["quality"]["loss"]
    assert found.proven.speedup_over == entry["speedup_over"]
    interval = entry["quality"]["loss_interval"]
    assert found.quality.interval == [interval["low"], interval["high"]]
    assert found.quality.flipped_fraction == entry["errors"]["flipped_fraction"]
    assert found.limits.relative_rms == 0.001
    assert [cell.name for cell in found.cells] == ["onnxruntime/b2_fp32", "openvino/b2_fp32"]
    assert found.requirements[0] == f"onnxruntime=={version('onnxruntime')}"
    listed = (known_package[0] / "requirements.txt").read_text().splitlines()
    assert listed == found.requirements


def test_the_same_files_give_the_same_zip(
    known_package: tuple[Path, Path], sources: Sources, tmp_path: Path, monkeypatch: Any
) -> None:
    for path in sources.files.report.parent.rglob("*"):
        os.utime(path, (1e9, 1e9))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    sources.make(tmp_path / "elsewhere")
    again = (tmp_path / "elsewhere/package.zip").read_bytes()
    assert again == known_package[1].read_bytes()


def test_the_recommended_engine_and_its_servers(sources: Sources, tmp_path: Path) -> None:
    folder = sources.make(tmp_path, replace(SETTINGS, engine=None))
    found = read_manifest(folder / "package.json")
    assert (found.engine, found.recommended) == ("openvino/b2_fp32", True)
    assert (folder / "openvino_model_server/small/1/model.onnx").is_file()
    assert 'backend: "openvino"' in (folder / "triton/small/config.pbtxt").read_text()


def test_only_the_views_that_are_wanted(sources: Sources, tmp_path: Path) -> None:
    folder = sources.make(tmp_path, replace(SETTINGS, engine=None, views=()))
    names = {path.name for path in folder.iterdir()}
    assert not names & {"onnx", "triton", "openvino_model_server"}
    check_files(folder)


def test_an_engine_that_triton_cannot_serve(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusal = Serving(refusal="Triton has no backend for it")
    monkeypatch.setattr(type(get_runtime("onnxruntime")), "serving", lambda *_: refusal)
    folder = sources.make(tmp_path)
    assert not (folder / "triton").exists()
    card = (folder / "README.md").read_text()
    assert "Triton: Triton has no backend for it; serve the ONNX view" in card


def test_licences_and_notices(sources: Sources, tmp_path: Path) -> None:
    for name in ("LICENSE", "NOTICE"):
        (tmp_path / name).write_text(f"the {name}")
    paths = {"licences": (str(tmp_path / "LICENSE"),), "notices": (str(tmp_path / "NOTICE"),)}
    folder = sources.make(tmp_path, replace(SETTINGS, **paths))
    assert (folder / "licences/LICENSE").read_text() == "the LICENSE"
    assert (folder / "notices/NOTICE").read_text() == "the NOTICE"
    assert "Files: `licences/LICENSE`, `notices/NOTICE`" in (folder / "README.md").read_text()


def refusal(sources: Sources, folder: Path, **settings: Any) -> str:
    with pytest.raises(SegtrtError) as caught:
        sources.make(folder, replace(SETTINGS, **settings))
    assert not (folder / "package").exists()
    assert not (folder / "package.zip").exists()
    return str(caught.value)


def test_files_of_licences_that_cannot_be_had(sources: Sources, tmp_path: Path) -> None:
    reported = refusal(sources, tmp_path, licences=("gone/LICENSE",))
    assert "package.licences names gone/LICENSE, which is no file" in reported
    for place in ("a", "b"):
        (tmp_path / place).mkdir()
        (tmp_path / place / "NOTICE").write_text(place)
    both = (str(tmp_path / "a/NOTICE"), str(tmp_path / "b/NOTICE"))
    assert "two files called NOTICE" in refusal(sources, tmp_path, notices=both)


def test_an_engine_that_was_not_built(sources: Sources, tmp_path: Path) -> None:
    less = Sources(replace(sources.files, engines=sources.files.engines[1:]), sources.summary)
    assert "is not among those that were built" in refusal(less, tmp_path)


def test_an_engine_that_is_damaged(sources: Sources, tmp_path: Path) -> None:
    (engine, record), *others = sources.files.engines
    place = tmp_path / "x/onnxruntime/b2_fp32"
    place.mkdir(parents=True)
    (place / "engine.bin").write_bytes(engine.read_bytes()[:-1])
    (place / "engine.json").write_bytes(record.read_bytes())
    pairs = [(place / "engine.bin", place / "engine.json"), *others]
    bad = Sources(replace(sources.files, engines=pairs), sources.summary)
    assert "its record says" in refusal(bad, tmp_path)


def other_samples(sources: Sources, folder: Path, change: Any) -> Sources:
    samples = []
    for number, output in enumerate(
        graphs.run_with_onnxruntime(sources.files.graphs["fp32"], graphs.slices(3))
    ):
        given = sources.files.samples[number][0]
        expected = folder / f"expected_{number}.pb"
        write_tensor(expected, change(np.asarray(output)[np.newaxis]), "output")
        samples.append((given, expected))
    return Sources(replace(sources.files, samples=samples), sources.summary)


def test_samples_that_the_engine_would_not_pass(sources: Sources, tmp_path: Path) -> None:
    wrong = other_samples(sources, tmp_path, lambda output: output * np.float32(0.9))
    reported = refusal(wrong, tmp_path)
    assert re.search(
        r"onnxruntime/b2_fp32 answers the samples with relative error 0\.\d+", reported
    )
    bad = other_samples(sources, tmp_path, lambda output: output * np.float32(np.inf))
    assert "values that are not finite, so it is no golden sample" in refusal(bad, tmp_path)


def test_an_engine_of_another_machine_is_packaged_without_a_try(
    sources: Sources, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = other_samples(sources, tmp_path, lambda output: output * np.float32(0.9))
    runtime = type(get_runtime("onnxruntime"))
    monkeypatch.setattr(runtime, "mismatch", lambda *_: "built for another CPU")
    assert (wrong.make(tmp_path) / "package.json").is_file()


def test_a_normalisation_of_ones_own_is_in_it(sources: Sources, tmp_path: Path) -> None:
    known = sources.with_code(tmp_path / "known")
    package = known.make(tmp_path)
    shutil.rmtree(tmp_path / "known")
    assert "code/normalisation.py" in check_files(package)
    assert (package / "code/normalisation.py").read_text() == OWN
    found = read_segmentation(package / "segmentation.json")
    origin = found.preparation.intensity.origin
    assert origin is not None and origin.folder == package
    assert (package / "requirements.txt").read_text().splitlines().count(
        f"pyyaml=={version('pyyaml')}"
    ) == 1
    card = (package / "README.md").read_text()
    assert "contains Python code and runs it" in card
    assert f"pyyaml=={version('pyyaml')}" in card
    assert [path for path in package.rglob("*") if str(tmp_path).encode() in holds(path)] == []


def holds(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def test_code_that_was_changed_is_not_packaged(sources: Sources, tmp_path: Path) -> None:
    known = sources.with_code(tmp_path / "known")
    (tmp_path / "known/code/normalisation.py").write_text("import os\n")
    with pytest.raises(SegtrtError, match="was changed since it was proven; it is not run"):
        known.make(tmp_path)
    assert not (tmp_path / "package").exists()


def test_what_is_required() -> None:
    found = requirements_of("openvino", {"runtime": "2026.4.1"})
    assert found[0] == "openvino==2026.4.1"
    assert f"numpy=={version('numpy')}" in found
    assert {one.partition("==")[0] for one in found[1:]} <= set(REQUIRED)
    assert requirements_of("tensorrt", {"runtime": "11.4.0"})[0] == "tensorrt-cu13==11.4.0"
    rtx = requirements_of("tensorrt_rtx", {"runtime": "1.6.1.120"})
    assert rtx[0] == "tensorrt-rtx-cu13==1.6.1.120"
    assert library_version() == version("segtrt")
