"""What every job script does around its one call: logging, checks, store and key record."""

import hashlib
import logging
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from segtrt.errors import SegtrtError
from segtrt.files import sha256_file, sha256_json, write_json
from segtrt.plan import FORMAT, read_key_record
from segtrt.store import default_store

logger = logging.getLogger(__name__)


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
    is written last.

    Args:
        snakemake: the object that Snakemake gives a script; `params.plan` is `Node.as_params()`.
        action: makes every output.

    Raises:
        SegtrtError: an input is not what its record says, or what `action` raises.
    """
    plan = snakemake.params.plan
    record = Path(plan["record"])
    record.unlink(missing_ok=True)
    outputs = {f"output_{i}": Path(path) for i, path in enumerate(snakemake.output)}
    inputs = check_inputs([Path(path) for path in snakemake.input], plan["records"])
    content = sha256_json(
        {"rule": plan["rule"], "parts": plan["parts"], "inputs": inputs, "outputs": len(outputs)}
    )
    store = default_store() if plan["kept"] else None
    digests = store.fetch(content, outputs) if store else None
    if digests is not None:
        logger.info("taken from the store, entry %s", content[:12])
    else:
        action()
        digests = {name: digest(path) for name, path in outputs.items()}
        if store:
            store.put(content, outputs, digests)
    write_json(
        record,
        {
            "format": FORMAT,
            "key": plan["key"],
            "parts": plan["parts"],
            "upstream": plan["upstream"],
            "content_key": content,
            "outputs": {str(path): digests[name] for name, path in outputs.items()},
        },
    )


def check_inputs(inputs: Sequence[Path], records: Sequence[str]) -> dict[str, str]:
    """Hash the inputs that other jobs made and compare each with its maker's record.

    Args:
        inputs: the job's input files; those of no record (source files) are passed over.
        records: paths of key records.

    Returns:
        SHA-256 by position and file name: the content that the job works on.

    Raises:
        SegtrtError: an input was cut short or changed since it was made.
    """
    known: dict[str, str] = {}
    for record in records:
        entry = read_key_record(Path(record))
        known |= entry["outputs"] if entry else {}
    found: dict[str, str] = {}
    for position, path in enumerate(inputs):
        if str(path) not in known:
            continue
        actual = digest(path)
        if actual != known[str(path)]:
            raise SegtrtError(
                f"{path} was changed or damaged after it was made (SHA-256 {actual[:12]}..., "
                f"expected {known[str(path)][:12]}...); delete it and run the workflow again to "
                "make just this one and what follows from it"
            )
        found[f"{position} {path.name}"] = actual
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
