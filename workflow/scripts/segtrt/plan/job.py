"""What every job script does around its one call: logging, checks, store and key record."""

import hashlib
import logging
import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError, os_errors_in_one_line
from segtrt.files import sha256_file, sha256_json, write_json
from segtrt.plan.fingerprint import PACKAGE
from segtrt.plan.records import FORCED, FORMAT, differences, read_key_record
from segtrt.plan.removal import describe_sweep, sweep_leftovers
from segtrt.plan.run_lock import job_lock
from segtrt.plan.store import default_store

logger = logging.getLogger(__name__)


def share_library() -> None:
    """Make job scripts import the library from here, even where another checkout's is installed."""
    inherited = os.environ.get("PYTHONPATH")
    library = str(PACKAGE.parent)
    os.environ["PYTHONPATH"] = f"{library}{os.pathsep}{inherited}" if inherited else library


@contextmanager
def logged(log: str) -> Iterator[None]:
    """Send the package's log to the file `log`; end on the user's mistakes with one line.

    The line goes to standard error and to the log; other errors keep their traceback, in both.
    """
    try:
        with os_errors_in_one_line():
            path = Path(log)
            path.parent.mkdir(parents=True, exist_ok=True)
            logging.basicConfig(
                filename=path, filemode="w", level=logging.INFO, format="%(levelname)s %(message)s"
            )
            yield
    except SegtrtError as error:
        logger.error("%s", error)
        print(f"segtrt: {error}", file=sys.stderr)
        sys.exit(1)
    except Exception:
        logger.exception("unexpected error")
        raise


def make(snakemake: Any, action: Callable[[], object]) -> None:
    """Run `action`, which makes the job's outputs, unless the store has them.

    Inputs are checked against the key records of the jobs that made them, and the job's own record
    is written last. It says why the job ran.

    Args:
        snakemake: the object that Snakemake gives a script; `params.plan` is `Node.as_params()`.
        action: makes every output. If it returns text, they are a placeholder, and the text says
            why: they are not kept in the store, and are enough only while placeholders are allowed.

    Raises:
        SegtrtError: an input is not what its record says, or what `action` raises.
    """
    with job_lock(Path()):
        _make(snakemake, action)


def _make(snakemake: Any, action: Callable[[], object]) -> None:
    plan = snakemake.params.plan
    record = Path(plan["record"])
    before = read_key_record(record)
    outputs = {f"output_{i}": Path(path) for i, path in enumerate(snakemake.output)}
    swept = sweep_leftovers([*outputs.values(), record])
    for line in describe_sweep(swept):
        logger.info("%s", line)
    inputs = _check_inputs(snakemake.input, plan)
    content = content_key(plan, inputs, len(outputs))
    store = default_store() if plan["stored"] else None
    forced = bool(before and before.get("forced"))
    if store and forced:
        store = store if store.forget(content) else None
    # From here on the outputs are not those that the record describes. That they are to be built
    # The wish holds until they are.
    write_json(record, FORCED) if forced else record.unlink(missing_ok=True)
    digests = store.fetch(content, outputs) if store and not forced else None
    placeholder = ""
    if digests is not None:
        logger.info("taken from the store, entry %s", content[:12])
    else:
        outcome = action()
        placeholder = outcome if isinstance(outcome, str) else ""
        digests = {name: digest(path) for name, path in outputs.items()}
        if store and not placeholder:
            store.put(content, outputs, digests)
    write_json(
        record,
        {
            "format": FORMAT,
            "key": plan["key"],
            "why": _why(before, plan),
            "identity": plan["identity"],
            "parts": plan["parts"],
            "upstream": plan["upstream"],
            "content_key": content,
            "inputs": {path: sha256 for files in inputs.values() for path, sha256 in files.items()},
            "outputs": {str(path): digests[name] for name, path in outputs.items()},
            **({"placeholder": placeholder} if placeholder else {}),
        },
    )


def content_key(
    plan: Mapping[str, Any], inputs: Mapping[str, Mapping[str, str]], outputs: int
) -> str:
    """The key by which the store knows a result: what the job is, and all that decides it.

    Args:
        plan: `Node.as_params()`.
        inputs: by the name of an input, path -> SHA-256 of its files.
        outputs: how many files the job makes.

    Returns:
        64 hexadecimal digits. Paths have no part in it.
    """
    return sha256_json(
        {
            "rule": plan["rule"],
            "identity": plan["identity"],
            "parts": plan["parts"],
            "inputs": {name: list(files.values()) for name, files in inputs.items()},
            "outputs": outputs,
        }
    )


def _why(before: Mapping[str, Any] | None, plan: Mapping[str, Any]) -> list[str]:
    """Why the job ran, from the record of its last time."""
    if before is None:
        return ["made for the first time, or its record was lost"]
    if before.get("forced"):
        return ["it was asked to be made again"]
    changed = differences(before, plan)
    return list(changed) or ["its outputs were gone, or what it is made from was made again"]


def _check_inputs(files: Any, plan: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Check every input, and hash those that decide the outcome.

    Args:
        files: the job's inputs by name (`snakemake.input`).
        plan: `Node.as_params()`.

    Returns:
        By the name of an input that decides the outcome, path -> SHA-256.

    Raises:
        SegtrtError: an input was cut short or changed since it was made.
    """
    found: dict[str, dict[str, str]] = {}
    for name, entry in files.items():
        paths = [Path(path) for path in ([entry] if isinstance(entry, str) else entry)]
        _pull_back_future_times(paths)
        if name in plan["decided_by"]:
            known = check_inputs(paths, plan["records"])
            found[name] = {str(p): known.get(str(p)) or digest(p) for p in paths}
        else:
            check_inputs(paths, plan["verified"])
    return found


def _pull_back_future_times(paths: Sequence[Path]) -> None:
    """Take back times that lie in the future: Snakemake refuses outputs older than their inputs."""
    now = time.time()
    for path in paths:
        for part in (path, path / ".snakemake_timestamp"):
            try:
                if part.stat().st_mtime > now:
                    os.utime(part)
            except OSError:
                continue  # not there, or not ours to change


def check_inputs(inputs: Sequence[Path], records: Sequence[str]) -> dict[str, str]:
    """Hash the inputs that other jobs made and compare each with its maker's record.

    Args:
        inputs: the job's input files; those of no record (source files) are passed over.
        records: paths of key records.

    Returns:
        SHA-256 by path of the inputs that have a record, in their order.

    Raises:
        SegtrtError: an input was cut short or changed since it was made.
    """
    known: dict[str, str] = {}
    for record in records:
        entry = read_key_record(Path(record))
        known |= entry.get("outputs", {}) if entry else {}
    found: dict[str, str] = {}
    for path in inputs:
        if str(path) not in known:
            continue
        actual = digest(path)
        if actual != known[str(path)]:
            raise SegtrtError(
                f"{path} was changed or damaged after it was made (SHA-256 {actual[:12]}..., "
                f"expected {known[str(path)][:12]}...); delete it and run the workflow again to "
                "make just this one and what follows from it"
            )
        found[str(path)] = actual
    return found


def digest(path: Path) -> str:
    """SHA-256 of a file, or of a folder's file names and contents."""
    if not path.is_dir():
        return sha256_file(path)
    total = hashlib.sha256()
    for file in sorted(path.rglob("*")):
        if file.is_file() and file.name != ".snakemake_timestamp":
            total.update(f"{file.relative_to(path)}\0{sha256_file(file)}\n".encode())
    return total.hexdigest()


def run(snakemake: Any, action: Callable[[], object]) -> None:
    """`make` with logging to the job's log: the whole of a job script but its call."""
    with logged(str(snakemake.log[0])):
        make(snakemake, action)
