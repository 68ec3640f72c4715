"""What every job script does around its one call: logging, checks, store and key record."""

import hashlib
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.files import sha256_file, sha256_json, write_json
from segtrt.plan.fingerprint import PACKAGE
from segtrt.plan.nodes import FORMAT, differences, read_key_record
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
    path = Path(log)
    path.parent.mkdir(parents=True, exist_ok=True)
    logging.basicConfig(
        filename=path, filemode="w", level=logging.INFO, format="%(levelname)s %(message)s"
    )
    try:
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
    is written last. It tells why the job ran.

    Args:
        snakemake: the object that Snakemake gives a script; `params.plan` is `Node.as_params()`.
        action: makes every output. If it returns text, they are a stand-in, and the text says why:
            they are not kept in the store, and serve only while stand-ins are allowed.

    Raises:
        SegtrtError: an input is not what its record says, or what `action` raises.
    """
    plan = snakemake.params.plan
    record = Path(plan["record"])
    before = read_key_record(record)
    outputs = {f"output_{i}": Path(path) for i, path in enumerate(snakemake.output)}
    files = [Path(path) for path in snakemake.input]
    inputs = check_inputs(files, plan["records"])
    check_inputs(files, plan["checked"])
    # Positions among the inputs that count: a job that was out of date has one more in front.
    named = {f"{i} {Path(path).name}": sha256 for i, (path, sha256) in enumerate(inputs.items())}
    content = sha256_json(
        {"rule": plan["rule"], "parts": plan["parts"], "inputs": named, "outputs": len(outputs)}
    )
    store = default_store() if plan["kept"] else None
    digests = None
    if store and before and before.get("afresh"):
        store = store if store.forget(content) else None
    elif store:
        digests = store.fetch(content, outputs)
    record.unlink(missing_ok=True)
    stand_in = ""
    if digests is not None:
        logger.info("taken from the store, entry %s", content[:12])
    else:
        outcome = action()
        stand_in = outcome if isinstance(outcome, str) else ""
        digests = {name: digest(path) for name, path in outputs.items()}
        if store and not stand_in:
            store.put(content, outputs, digests)
    write_json(
        record,
        {
            "format": FORMAT,
            "key": plan["key"],
            "why": _why(before, plan),
            "parts": plan["parts"],
            "upstream": plan["upstream"],
            "content_key": content,
            "inputs": inputs,
            "outputs": {str(path): digests[name] for name, path in outputs.items()},
            **({"stand_in": stand_in} if stand_in else {}),
        },
    )


def _why(before: Mapping[str, Any] | None, plan: Mapping[str, Any]) -> list[str]:
    """Why the job ran, from the record of its last time."""
    if before is None:
        return ["made for the first time, or its record was lost"]
    if before.get("afresh"):
        return ["asked to be made afresh"]
    changed = differences(before, plan)
    return list(changed) or ["its outputs were gone, or what it is made from was made again"]


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
