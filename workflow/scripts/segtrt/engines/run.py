"""Running an engine on every patch of a shard."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from segtrt.arrays import Images, Outputs
from segtrt.data.prepared import Prepared
from segtrt.engines.answering import answer, decoder_of
from segtrt.engines.load import check_machine, check_patch, open_engine
from segtrt.engines.record import read_record
from segtrt.quality.answers import write_answers


def run_engine(
    engine: Path,
    record_path: Path,
    tensor_shard: Path,
    out: Path,
    *,
    decoding: Mapping[str, Any],
    raw_bytes: int,
    threads: int | None = None,
    mode: str = "stream",
) -> None:
    """Write an engine's answers on one shard (`segtrt.quality.answers`).

    For an engine that is unsupported the file has no answers and the status `unsupported`.

    Args:
        engine: the engine file.
        record_path: its record.
        tensor_shard: prepared images.
        out: the file to write.
        decoding: how outputs become labels (`segtrt.engines.answering.decoder_of`).
        raw_bytes: how much of the raw outputs is kept, in bytes.
        threads: CPU threads of a CPU engine, None for all cores.
        mode: `stream`, `graph` or `overlapped` on a GPU.

    Raises:
        SegtrtError: the engine or the shard cannot be used.
    """
    record = read_record(record_path)
    decoder = decoder_of(record.network, decoding)
    output = record.settings.output
    if record.status != "built":
        with write_answers(out, record.name, decoder, output, unsupported=record.reason):
            return
    with ExitStack() as stack:
        shard = stack.enter_context(Prepared(tensor_shard))
        check_patch(record, shard)

        def run(batches: Iterable[Images]) -> Iterator[Outputs]:
            check_machine(record)
            session = stack.enter_context(open_engine(engine, record, threads=threads, mode=mode))
            return session.run_batches(batches)

        answer(
            shard,
            out,
            run,
            by=record.name,
            batch_size=record.settings.batch_size,
            output=output,
            decoder=decoder,
            raw_bytes=raw_bytes,
        )
