"""Every artefact beside its key record."""

import hashlib
import runpy
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from segtrt.files import write_json
from segtrt.plan.records import FORMAT
from segtrt.plan.verify import verify, verify_files
from segtrt.quality.failures import Failure
from segtrt.quality.reference_scores import ReferenceScores
from segtrt.quality.scores import MetricFacts
from segtrt.quality.verdict import Verdict

SUMMARY, REPORT = "results/summary.json", "results/report.html"
MASKS, OVERLAYS = "results/predictions/openvino/b1_int8", "results/overlays"
SCORES = "results/reference/scores.json"
VERDICT = "results/validation/openvino/b1_int8.json"
SHARD = "results/probabilities/openvino/b1_int8/shard_00.safetensors"
ENGINE = "results/engines/openvino/b1_int8/engine.bin"
RECORDS = {
    "summarise/all": [SUMMARY, OVERLAYS],
    "write_report/all": [REPORT],
    "score_engine/openvino/b1_int8": [MASKS],
    "validate_engine/openvino/b1_int8": [VERDICT],
    "run_engine/openvino/b1_int8/00": [SHARD],
    "build_engine/openvino/b1_int8": [ENGINE],
}
SCRIPTS = Path(__file__).parents[3] / "workflow/scripts"


def sha256(path: Path) -> str:
    """Independently of the library: of a file, or of a folder's names and files' hashes."""
    if path.is_file():
        return hashlib.sha256(path.read_bytes()).hexdigest()
    lines = "".join(
        f"{file.relative_to(path)}\0{sha256(file)}\n"
        for file in sorted(path.rglob("*"))
        if file.is_file()
    )
    return hashlib.sha256(lines.encode()).hexdigest()


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A finished run with its records, logs and what else lies there by right."""
    for path in (
        SUMMARY,
        REPORT,
        VERDICT,
        SHARD,
        ENGINE,
        f"{OVERLAYS}/0.webp",
        f"{OVERLAYS}/i.json",
    ):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(f"content of {path}")
    for number in range(3):
        mask = tmp_path / MASKS / f"S1/S1_{number}_mask.png"
        mask.parent.mkdir(parents=True, exist_ok=True)
        mask.write_text(f"mask {number}")
    for name, outputs in RECORDS.items():
        known = {path: sha256(tmp_path / path) for path in outputs}
        write_json(tmp_path / f"results/keys/{name}.json", {"format": FORMAT, "outputs": known})
    for path in ("keys/hashes.txt", "keys/changes.txt", "logs/build_engine/a.log"):
        (tmp_path / "results" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "results" / path).write_text("{}")
    (tmp_path / OVERLAYS / ".snakemake_timestamp").touch()
    (tmp_path / ENGINE).with_suffix(".runtime_cache").write_bytes(b"kernels")
    (tmp_path / SHARD).unlink()
    return tmp_path


def check(base: Path) -> list[str]:
    return verify(base, temporary=["run_engine"])


def test_a_finished_run_is_as_it_was_made(base: Path) -> None:
    assert check(base) == []
    assert verify(base) == [f"{SHARD}: is missing; run the workflow to make it again"]
    assert verify(base / "nothing", temporary=[]) == []


def change_a_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[0] ^= 1
    path.write_bytes(content)


def lose(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize("path", [SUMMARY, REPORT, VERDICT, ENGINE])
def test_a_file_that_differs_or_is_gone_is_named(base: Path, path: str) -> None:
    before = sha256(base / path)
    change_a_byte(base / path)
    (line,) = check(base)
    assert line == (
        f"{path}: was changed or damaged after it was made (SHA-256 {sha256(base / path)[:12]}..., "
        f"expected {before[:12]}...); delete it and run the workflow again"
    )
    (base / path).unlink()
    assert check(base) == [f"{path}: is missing; run the workflow to make it again"]


@pytest.mark.parametrize(
    "change", [change_a_byte, lose, lambda path: path.rename(path.with_name("other"))]
)
@pytest.mark.parametrize(
    ("folder", "file"), [(MASKS, "S1/S1_1_mask.png"), (OVERLAYS, "0.webp"), (OVERLAYS, "i.json")]
)
def test_a_folder_whose_files_differ_is_named(
    base: Path, folder: str, file: str, change: Callable[[Path], None]
) -> None:
    change(base / folder / file)
    (line,) = check(base)
    assert line.startswith(f"{folder}: was changed")


def test_a_folder_with_a_file_too_many_or_none_at_all_is_named(base: Path) -> None:
    (base / MASKS / "S1/more.png").write_bytes(b"")
    shutil.rmtree(base / OVERLAYS)
    assert [line.partition(": ")[0] for line in check(base)] == [OVERLAYS, MASKS]


def test_a_temporary_file_that_is_there_is_compared(base: Path) -> None:
    (base / SHARD).write_text("something else")
    (line,) = check(base)
    assert line.startswith(f"{SHARD}: was changed")


def test_what_has_no_record_is_named(base: Path) -> None:
    (base / "results/scores/openvino").mkdir(parents=True)
    (base / "results/scores/openvino/b1_int8.json").write_text("{}")
    (base / "results/keys/write_report/all.json").unlink()
    lines = check(base)
    assert [line.partition(": ")[0] for line in lines] == [
        REPORT,
        "results/scores/openvino/b1_int8.json",
    ]
    assert all("has no key record" in line for line in lines)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": "another"}', "\xff"])
def test_a_record_that_cannot_be_read_is_named_with_its_artefacts(base: Path, content: str) -> None:
    record = "results/keys/write_report/all.json"
    (base / record).write_text(content, encoding="latin-1")
    assert [line.partition(": ")[0] for line in check(base)] == [record, REPORT]


def test_a_note_that_an_engine_is_to_be_built_claims_nothing(base: Path) -> None:
    note = {"format": FORMAT, "key": "", "forced": True}
    write_json(base / "results/keys/build_engine/openvino/b1_int8.json", note)
    assert [line.partition(": ")[0] for line in check(base)] == [
        ENGINE,
        ENGINE.replace(".bin", ".runtime_cache"),
    ]
    shutil.rmtree((base / ENGINE).parent)
    assert check(base) == []


def test_only_the_records_asked_for(base: Path) -> None:
    change_a_byte(base / SUMMARY)
    change_a_byte(base / REPORT)
    (line,) = verify(base, ["results/keys/write_report/all.json"])
    assert line.startswith(f"{REPORT}: was changed")
    assert verify(base, ["results/keys/none/all.json"]) == [
        "results/keys/none/all.json: no key record that can be read; delete it and run the "
        "workflow again"
    ]


def test_files_are_compared_one_by_one(base: Path) -> None:
    assert verify_files(base, [Path(VERDICT), Path(REPORT)]) == []
    change_a_byte(base / SUMMARY)
    assert verify_files(base, [Path(VERDICT)]) == []
    change_a_byte(base / VERDICT)
    (line,) = verify_files(base, [Path(VERDICT)])
    assert line.startswith(f"{VERDICT}: was changed")
    (base / "results/mine.json").write_text("{}")
    assert verify_files(base, [Path("results/mine.json")]) == [
        "results/mine.json: has no key record"
    ]


def run_script(name: str, base: Path, monkeypatch: pytest.MonkeyPatch, **given: object) -> None:
    """Run a job's script as Snakemake does, in `base`."""
    monkeypatch.chdir(base)
    job = SimpleNamespace(log=["results/logs/job.log"], **given)
    runpy.run_path(str(SCRIPTS / name), {"snakemake": job})


def test_the_script_ends_with_an_error_and_a_line_for_each(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    params = SimpleNamespace(temporary=["run_engine"], prefix="")
    run_script("verify.py", base, monkeypatch, params=params)
    assert capsys.readouterr() == ("every artefact is as its job made it\n", "")
    change_a_byte(base / REPORT)
    (base / SUMMARY).unlink()
    with pytest.raises(SystemExit) as caught:
        run_script("verify.py", base, monkeypatch, params=params)
    first, second, last = capsys.readouterr().err.splitlines()
    assert caught.value.code == 1
    assert first.startswith(f"{REPORT}: was changed") and second.startswith(
        f"{SUMMARY}: is missing"
    )
    assert last == "segtrt: 2 artefacts are not as their jobs made them; see above"


def test_check_refuses_a_verdict_edited_by_hand(
    base: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    failure = Failure("metric_loss", 1.0, 0, of="Dice")
    verdict = Verdict(
        "openvino/b1_int8", "fail", "", (failure,), {"metric_loss": 0}, None, False, None
    )
    record = base / "results/keys/validate_engine/openvino/b1_int8.json"
    verdict.write(base / VERDICT)
    write_json(record, {"format": FORMAT, "outputs": {VERDICT: sha256(base / VERDICT)}})
    metric = MetricFacts("dice", "Dice", "", higher_is_better=True)
    ReferenceScores({}, metric, ("tumour",), True, ()).write(base / SCORES)
    write_json(
        base / "results/keys/score_reference/all.json",
        {"format": FORMAT, "outputs": {SCORES: sha256(base / SCORES)}},
    )

    def ended() -> str:
        with pytest.raises(SystemExit) as caught:
            run_script(
                "check.py",
                base,
                monkeypatch,
                input=SimpleNamespace(validations=[VERDICT], reference_scores=SCORES),
                params=SimpleNamespace(prefix="", min_reference=0.1),
            )
        assert caught.value.code == 1
        return capsys.readouterr().err

    assert "1 of 1 engines failed: openvino/b1_int8: loss of Dice 1, limit 0" in ended()
    replace(verdict, verdict="pass").write(base / VERDICT)
    assert f"segtrt: {VERDICT}: was changed or damaged after it was made" in ended()
    record.unlink()
    assert f"segtrt: {VERDICT}: has no key record" in ended()


def test_a_module_with_an_absolute_prefix(
    base: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    for path in (base / "results/keys").rglob("*.json"):
        path.write_text(path.read_text().replace('"results/', f'"{base}/results/'))
    elsewhere = tmp_path_factory.mktemp("work")
    assert verify(elsewhere, temporary=["run_engine"], prefix=f"{base}/") == []
    (base / REPORT).write_text("edited")
    (base / "results/stray").write_text("")
    lines = verify(elsewhere, temporary=["run_engine"], prefix=f"{base}/")
    assert [line.split(":")[0] for line in lines] == [f"{base}/{REPORT}", f"{base}/results/stray"]
