"""Verifying a package: what is refused before anything is loaded, what is reported otherwise."""

import hashlib
import json
import py_compile
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from example_package import Sources
from segtrt import load
from segtrt.cli.main import main
from segtrt.engines.budget import TimingBudget
from segtrt.engines.load import open_engine
from segtrt.errors import SegtrtError
from segtrt.package.archive import write_zip
from segtrt.package.checksums import SUMS, write_checksums
from segtrt.package.opened import is_package, opened_package, plain_name
from segtrt.package.verify import verify_package
from segtrt.runtimes.cpu.session import CpuSession
from segtrt.runtimes.registry import get_runtime

SHORT = TimingBudget(5, 0.1, 0.0)


def never(*_: object, **__: object) -> Any:
    raise AssertionError("it was loaded")


def refusal(path: Path) -> str:
    """Why a package is refused; nothing is loaded until then."""
    with pytest.raises(SegtrtError) as caught:
        verify_package(path, opened=never)
    return str(caught.value)


def changed(package: Path, **entries: Any) -> Path:
    """The package with other entries in `package.json`, and checksums that fit."""
    data = json.loads((package / "package.json").read_text())
    (package / "package.json").write_text(json.dumps(data | entries))
    write_checksums(package)
    return package


@pytest.mark.parametrize("kind", [0, 1], ids=["folder", "zip"])
def test_a_package_is_verified(known_package: tuple[Path, Path], kind: int) -> None:
    found = verify_package(known_package[kind], budget=SHORT)
    assert found.failures == ()
    assert found.comparison.flipped_pixels == (0, 0, 0)
    assert found.timing is not None
    assert found.ratio == pytest.approx(
        found.timing.total.median / found.package.manifest.proven.latency_ms
    )
    assert found.line().startswith("verified: small (onnxruntime/b2_fp32) answers 3 golden samples")
    reported = json.loads(json.dumps(found.to_json()))
    assert reported["verified"] is True
    assert (reported["engine"], reported["line"]) == ("onnxruntime/b2_fp32", found.line())
    assert len(reported["digest"]) == 64


def test_a_package_that_may_only_be_read_is_left_as_it_is(package: Path) -> None:
    def states() -> dict[Path, tuple[int, int]]:
        return {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in package.rglob("*")}

    for path in [package, *package.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    before = states()
    try:
        assert verify_package(package, budget=SHORT).failures == ()
    finally:
        for path in [package, *package.rglob("*")]:
            path.chmod(0o755 if path.is_dir() else 0o644)
    assert states() == before


FILES = [
    *("README.md", "engine/engine.bin", "engine/engine.json", "golden/0/input.npy"),
    *("golden/1/labels.npy", "golden/2/output.npy", "onnx/model.onnx", "package.json"),
    *("segmentation.json", "triton/small/1/model.onnx", "triton/small/config.pbtxt"),
    SUMS,
]


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def swap(path: Path) -> None:
    """With the file beside it, or with the package's report."""
    other = next(
        (
            p
            for p in sorted(path.parent.iterdir())
            if p.is_file() and p.name not in (path.name, SUMS)
        ),
        None,
    )
    other = other or path.parents[len(path.parts) - path.parts.index("package") - 2] / "report.html"
    one, two = path.read_bytes(), other.read_bytes()
    path.write_bytes(two)
    other.write_bytes(one)


TAMPERED: dict[str, Callable[[Path], object]] = {
    "cut": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "flipped": flip,
    "swapped": swap,
    "gone": Path.unlink,
}


@pytest.mark.parametrize("change", TAMPERED)
@pytest.mark.parametrize("name", FILES)
def test_a_tampered_file_is_named_before_anything_is_loaded(
    package: Path, name: str, change: str
) -> None:
    TAMPERED[change](package / name)
    assert name in refusal(package)
    if change == "flipped":
        write_zip(package, package.with_suffix(".zip"))
        assert name in refusal(package.with_suffix(".zip"))


@pytest.fixture
def coded(sources: Sources, tmp_path: Path) -> Path:
    """A package with a normalisation of the makers' own."""
    return sources.with_code(tmp_path / "known").make(tmp_path)


def test_code_in_a_package_is_imported_and_leaves_nothing(coded: Path) -> None:
    assert verify_package(coded, budget=SHORT).failures == ()
    assert [path.name for path in (coded / "code").iterdir()] == ["normalisation.py"]
    assert verify_package(coded, budget=SHORT).failures == ()


def test_tampered_code_is_refused_before_it_is_run(coded: Path) -> None:
    mark = coded.parent / "it was run"
    code = coded / "code/normalisation.py"
    code.write_text(f"open({str(mark)!r}, 'w')\n{code.read_text()}")
    assert "code/normalisation.py" in refusal(coded)
    write_zip(coded, coded.with_suffix(".zip"))
    assert "code/normalisation.py" in refusal(coded.with_suffix(".zip"))
    # With sound checksums it is still not the code that the description is of.
    write_checksums(coded)
    assert "it is not run" in refusal(coded)
    for place in (coded, coded.with_suffix(".zip")):
        with pytest.raises(SegtrtError, match=r"code/normalisation\.py"):
            load(place)
        assert main(["predict", str(place), str(coded), "--out", str(coded.parent / "out")]) == 2
    assert not mark.exists()


def test_bytecode_beside_the_code_is_a_file_too_many(coded: Path) -> None:
    py_compile.compile(str(coded / "code/normalisation.py"), doraise=True)
    assert "__pycache__" in refusal(coded)


def test_code_that_cannot_be_imported_here_is_named(coded: Path) -> None:
    code = coded / "code/normalisation.py"
    code.write_text(f"import no_such_package_here\n{code.read_text()}")
    data = json.loads((coded / "segmentation.json").read_text())
    data["code"]["sha256"] = hashlib.sha256(code.read_bytes()).hexdigest()
    (coded / "segmentation.json").write_text(json.dumps(data))
    write_checksums(coded)
    assert "no_such_package_here" in refusal(coded)


def test_what_is_no_package(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "gone")
    (tmp_path / "file").write_text("text")
    (tmp_path / "folder").mkdir()
    for name in ("file", "folder"):
        assert not is_package(tmp_path / name)
        assert f"{name} is no package" in refusal(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("package.json", "[]"),
        ("package.json", '{"format": "segtrt-package-9"}'),
        ("package.json", "[" * 100_000),
        ("engine/engine.json", "{}"),
        ("segmentation.json", '{"format": 1}'),
    ],
)
def test_sound_checksums_of_unsound_files(package: Path, name: str, content: str) -> None:
    """Whoever changes a package may write its checksums anew."""
    (package / name).write_text(content)
    write_checksums(package)
    assert name in refusal(package)


@pytest.mark.parametrize("name", ["package.json", "engine/engine.json", "engine/engine.bin"])
def test_a_package_without_a_part(package: Path, name: str) -> None:
    (package / name).unlink()
    write_checksums(package)
    assert f"has no {name}, which every package has" in refusal(package)


def test_parts_of_two_packages(package: Path) -> None:
    reported = refusal(changed(package, engine="openvino/b2_fp32"))
    assert "the engine of engine/engine.json is not that of its other files" in reported
    reported = refusal(changed(package, engine="onnxruntime/b2_fp32", samples=10**9))
    assert "package.json has 1000000000 samples" in reported


def test_another_engine_under_sound_checksums(package: Path) -> None:
    """Its record tells."""
    flip(package / "engine/engine.bin")
    write_checksums(package)
    with pytest.raises(SegtrtError, match="was changed after it was built"):
        verify_package(package)


def test_samples_that_are_damaged(package: Path) -> None:
    np.save(package / "golden/1/input.npy", np.zeros(3, np.float32))
    write_checksums(package)
    assert "golden/1/input.npy has float32 (3,)" in refusal(package)


def test_an_engine_that_answers_otherwise(package: Path, capsys: Any) -> None:
    output = np.load(package / "golden/0/output.npy")
    np.save(package / "golden/0/output.npy", 1 - output)
    write_checksums(package)
    found = verify_package(package, budget=SHORT)
    assert found.timing is None
    assert found.ratio is None
    assert "not verified: small (onnxruntime/b2_fp32) answers" in found.line()
    assert "relative error" in found.line()
    assert json.loads(json.dumps(found.to_json()))["verified"] is False
    assert main(["verify", str(package)]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line == found.line()


def test_a_runtime_that_is_not_installed(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runtime = type(get_runtime("onnxruntime"))
    monkeypatch.setattr(runtime, "version", lambda _: None)
    reported = refusal(package)
    assert "onnxruntime/b2_fp32 cannot run here: ONNX Runtime is not installed" in reported
    assert "pip install onnxruntime==" in reported
    assert "openvino/b2_fp32 would fit: name one with package.engine" in reported


def test_a_machine_that_it_does_not_fit(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("onnxruntime", "openvino"):
        runtime = get_runtime(name)
        target = {**runtime.target(), "isa": "sse4_2 and_more"}
        monkeypatch.setattr(runtime, "target", lambda *_, target=target: target)
    reported = refusal(package)
    assert "does not fit this machine: built for another CPU" in reported
    assert "no other engine of its run fits either" in reported


def test_an_engine_on_a_gpu_leaves_its_caches_elsewhere(
    package: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(get_runtime("onnxruntime")), "device", "gpu")
    with opened_package(package) as opened:
        assert opened.folder == package
        assert opened.engine.parent != package / "engine"
        assert opened.engine.read_bytes() == (package / "engine/engine.bin").read_bytes()
        place = opened.engine.parent
    assert not place.exists()


def test_the_engine_is_run_with_the_threads_that_are_asked_for(package: Path) -> None:
    def opened(*arguments: Any, threads: int | None, mode: str) -> CpuSession:
        assert (threads, mode) == (1, "stream")
        session = open_engine(*arguments, threads=threads, mode=mode)
        assert isinstance(session, CpuSession)
        return session

    found = verify_package(package, threads=1, budget=SHORT, opened=opened)
    assert "(with 1 threads, proven with 2)" in found.line()
    assert found.to_json()["threads"] == 1


def test_names_of_engines_without_machine_and_profile() -> None:
    assert plain_name("openvino@a-b/b1_fp32") == plain_name("openvino/b1_fp32")
    for name in ("openvino/b1_fp32", "openvino/b1_fp32_dynamic"):
        assert plain_name(name) == "openvino/b1_fp32"


def test_a_zip_with_a_folder_around_it(known_package: tuple[Path, Path], tmp_path: Path) -> None:
    shutil.copytree(known_package[0], tmp_path / "around/package")
    write_zip(tmp_path / "around", tmp_path / "around.zip")
    assert f"{SUMS} is missing" in refusal(tmp_path / "around.zip")
