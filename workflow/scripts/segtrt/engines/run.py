"""Running an engine on every slice of a shard."""

from contextlib import ExitStack
from pathlib import Path

from segtrt.data.shards import Shard, write_shard
from segtrt.engines.load import check_machine, open_engine
from segtrt.engines.record import read_record
from segtrt.progress import track

FORMAT = "segtrt-probabilities-1"


def run_engine(
    engine: Path,
    record_path: Path,
    tensor_shard: Path,
    out: Path,
    *,
    threads: int | None = None,
    mode: str = "stream",
) -> None:
    """Write an engine's probabilities on the slices of one shard.

    The file has `probabilities`, (N, 256, 256) float32 in 0..1, in the order of the shard, and the
    shard's index. For an engine that is unsupported it has no rows and the status `unsupported`.

    Args:
        engine: the engine file.
        record_path: its record.
        tensor_shard: shard with `images`, (N, 3, 256, 256) float32.
        out: the file to write.
        threads: CPU threads of a CPU engine, None for all cores.
        mode: `stream`, `graph` or `overlapped` on a GPU.

    Raises:
        SegtrtError: the engine or the shard cannot be used.
    """
    record = read_record(record_path)
    tensors = {"probabilities": ("F32", (256, 256))}
    metadata = {"format": FORMAT, "engine": record.name, "status": record.status}
    if record.status != "built":
        with write_shard(out, tensors, [], {**metadata, "reason": record.reason}):
            return
    with ExitStack() as stack:
        shard = stack.enter_context(Shard(tensor_shard))
        writer = stack.enter_context(write_shard(out, tensors, shard.index, metadata))
        if len(shard) == 0:
            return
        check_machine(record)
        session = stack.enter_context(open_engine(engine, record, threads=threads, mode=mode))
        size = session.batch_size
        starts = range(0, len(shard), size)
        batches = (shard.rows("images", start, start + size) for start in starts)
        results = session.run_batches(batches)
        for found in track(results, f"running {record.name}", len(starts), "batches"):
            writer.append("probabilities", found[:, 0])
