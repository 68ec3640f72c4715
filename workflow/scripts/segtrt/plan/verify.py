"""Whether what lies on disk is what the jobs made: every artefact beside its key record."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from segtrt.errors import describe_os_error
from segtrt.plan.job import digest
from segtrt.plan.records import KEYS, read_key_record
from segtrt.progress import track

RESULTS = "results"
ASIDE = ("keys", "logs", "benchmarks", "machines")
"""What lies under results/ and is no job's artefact."""


def verify(
    base: Path,
    records: Iterable[str] | None = None,
    temporary: Collection[str] = (),
    prefix: str = "",
) -> list[str]:
    """Compare artefacts with the key records of the jobs that made them, by their content.

    Args:
        base: the working directory, in which outputs and records are named.
        records: paths of the key records to go by. None takes all that there are, and looks for
            files under results/ that belong to none.
        temporary: rules whose outputs are deleted once they were used, and so may be missing.
        prefix: what Snakemake puts before every path, where the workflow is part of another.

    Returns:
        One line for each artefact that differs, is missing or has no record, sorted by path, and
        for each record that cannot be read; none if all is as it was made.
    """
    paths = _all_records(base, prefix) if records is None else list(records)
    known = {path: read_key_record(base / path) for path in paths}
    lines = [
        f"{path}: no key record that can be read; delete it and run the workflow again"
        for path, record in known.items()
        if record is None
    ]
    made = {
        output: (sha256, _rule_of(path, prefix) in temporary)
        for path, record in known.items()
        for output, sha256 in _outputs(record).items()
    }
    for output in track(sorted(made), "verifying", len(made), "artefacts"):
        sha256, may_be_missing = made[output]
        if (line := _compare(base, output, sha256)) and not (
            may_be_missing and not (base / output).exists()
        ):
            lines.append(line)
    if records is None:
        lines += (
            f"{path}: has no key record; delete it, or run the workflow to make it anew"
            for path in _unclaimed(base, made, prefix)
        )
    return sorted(lines)


def verify_files(base: Path, files: Iterable[Path], prefix: str = "") -> list[str]:
    """Compare just `files`, outputs of jobs, with the key records; lines as of `verify`.

    A file with no record differs.
    """
    made: dict[str, Any] = {}
    for path in _all_records(base, prefix):
        made |= _outputs(read_key_record(base / path))
    lines = []
    for file in files:
        sha256 = made.get(str(file))
        line = _compare(base, str(file), sha256) if sha256 else f"{file}: has no key record"
        lines += [line] if line else []
    return lines


def _all_records(base: Path, prefix: str) -> list[str]:
    """Paths of the key records on disk; files directly under results/keys are none."""
    found = (base / f"{prefix}{KEYS}").glob("*/**/*.json")
    return sorted(_named(path, base) for path in found)


def _named(path: Path, base: Path) -> str:
    """A path as records and rules have it: from the working directory, or absolute outside it."""
    return (path.relative_to(base) if path.is_relative_to(base) else path).as_posix()


def _rule_of(record: str, prefix: str) -> str:
    return Path(record).relative_to(f"{prefix}{KEYS}").parts[0]


def _outputs(record: Mapping[str, Any] | None) -> dict[str, Any]:
    """SHA-256 of a job's outputs by path; a note that a job is to run again has none."""
    outputs = (record or {}).get("outputs", {})
    return outputs if isinstance(outputs, dict) else {}


def _compare(base: Path, output: str, sha256: object) -> str:
    """How an output differs from its record, in one line; empty if it does not."""
    path = base / output
    if not path.exists():
        return f"{output}: is missing; run the workflow to make it again"
    try:
        actual = digest(path)
    except OSError as error:
        return f"{output}: cannot be read ({describe_os_error(error)})"
    if actual == sha256:
        return ""
    return (
        f"{output}: was changed or damaged after it was made (SHA-256 {actual[:12]}..., expected "
        f"{str(sha256)[:12]}...); delete it and run the workflow again"
    )


def _unclaimed(base: Path, made: Collection[str], prefix: str) -> Iterator[str]:
    """Files under results/ that are no record's output, nor lie in a folder that is one.

    Hidden files are passed over, and so is what a runtime keeps beside its engine: a file that
    differs from an output in its ending alone.
    """
    stems = {str(Path(output).with_suffix("")) for output in made}
    results = base / f"{prefix}{RESULTS}"
    for path in sorted(results.rglob("*")):
        relative, inside = Path(_named(path, base)), path.relative_to(results).parts
        if path.is_dir() or inside[0] in ASIDE or any(part.startswith(".") for part in inside):
            continue
        claimed = any(str(one) in made for one in (relative, *relative.parents))
        if not claimed and str(relative.with_suffix("")) not in stems:
            yield relative.as_posix()
