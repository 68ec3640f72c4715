"""Converting a graph and writing down how, or why it cannot be done."""

import logging
from pathlib import Path

from segtrt.errors import SegtrtError
from segtrt.files import write_bytes
from segtrt.graphs.calibration import CalibrationImages
from segtrt.graphs.convert import convert_onnx
from segtrt.graphs.proof_file import write_made, write_obstacle
from segtrt.precision import Graph

logger = logging.getLogger(__name__)


def convert_and_record(
    source: Path,
    wanted: Graph,
    out: Path,
    proof: Path,
    calibration: CalibrationImages | None,
    *,
    method: str,
    on_unsupported: str,
    refuse_wrong: bool = True,
) -> str:
    """Convert a graph and write how that was done, `Conversion`, beside it.

    Args:
        source, wanted, out, calibration, method, refuse_wrong: as for `convert_onnx`.
        proof: the file to write.
        on_unsupported: `skip` leaves an empty graph where the network cannot be converted, and the
            reason in `proof`; `fail` raises.

    Returns:
        The reason; empty if the graph was made.

    Raises:
        SegtrtError: as `convert_onnx`, where that is to fail.
    """
    try:
        conversion = convert_onnx(
            source, wanted, out, calibration, method, refuse_wrong=refuse_wrong
        )
    except SegtrtError as error:
        if on_unsupported == "fail":
            raise
        reason = str(error)
        logger.warning("%s is skipped: %s", wanted, reason)
        write_bytes(out, b"")
        write_obstacle(proof, reason)
        return reason
    write_made(proof, **conversion.to_json())
    return ""
