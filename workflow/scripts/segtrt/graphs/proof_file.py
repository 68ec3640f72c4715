"""The file beside a graph: how it was made, and how wrong its answers are."""

import logging
from pathlib import Path

from segtrt.errors import SegtrtError
from segtrt.files import read_json, write_bytes, write_json
from segtrt.graphs.calibration import CalibrationImages
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.export import Exported
from segtrt.precision import Graph

FORMAT = "segtrt-proof-1"

logger = logging.getLogger(__name__)


def write_export(exported: Exported, path: Path) -> None:
    """Write what is known of the float32 graph: `notes`, and `agreement` with the network."""
    notes, agreement = list(exported.notes), exported.agreement.to_json()
    write_json(path, {"format": FORMAT, "status": "made", "notes": notes, "agreement": agreement})


def convert_and_record(
    source: Path,
    wanted: Graph,
    out: Path,
    proof: Path,
    calibration: CalibrationImages | None,
    *,
    method: str,
    on_unsupported: str,
) -> str:
    """Convert a graph and write how that was done, `Conversion`, beside it.

    Args:
        source, wanted, out, calibration, method: as for `convert_onnx`.
        proof: the file to write.
        on_unsupported: `skip` leaves an empty graph where the network cannot be converted, and the
            reason in `proof`; `fail` raises.

    Returns:
        The reason; empty if the graph was made.

    Raises:
        SegtrtError: as `convert_onnx`, where that is to fail.
    """
    try:
        conversion = convert_onnx(source, wanted, out, calibration, method)
    except SegtrtError as error:
        if on_unsupported == "fail":
            raise
        reason = str(error)
        logger.warning("%s is skipped: %s", wanted, reason)
        write_bytes(out, b"")
        write_json(proof, {"format": FORMAT, "status": "unsupported", "reason": reason})
        return reason
    write_json(proof, {"format": FORMAT, "status": "made", **conversion.to_json()})
    return ""


def obstacle_of(proof: Path) -> str:
    """Why there is no such graph; empty if there is one.

    Raises:
        SegtrtError: the file is missing or damaged.
    """
    data = read_json(proof, "proof of a graph")
    return str(data["reason"]) if data.get("status") == "unsupported" else ""
