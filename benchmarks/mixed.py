"""Plain precisions beside mixes of several budgets: what each gains and loses.

python benchmarks/mixed.py --out benchmarks/results/mixed_demo.md [--configfile FILE]
    [--runtimes NAME ...] [--precisions NAME ...] [--budgets LOSS ...] [--batch N] [--regions N]
    [--folder FOLDER]

Runs the workflow on the demo, or on the images and network that FILE names, and writes a Markdown
table. Afterwards all engines of a runtime are loaded into one process and take turns, so that other
work on the machine meets all of them; the latencies are medians of these turns. On a GPU with
TensorRT for RTX: `--runtimes tensorrt_rtx --precisions fp32 fp16 bf16 fp8`.
"""

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workflow/scripts"))

from segtrt.data.first_slices import first_slices
from segtrt.engines.load import open_engine
from segtrt.engines.record import read_record
from segtrt.report.wording import VERDICTS, plural, runtime
from segtrt.summary.document import read_summary
from timed import describe_machine, snakemake

Json = dict[str, Any]


def main() -> None:
    """Run, time and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--configfile", type=Path)
    parser.add_argument("--runtimes", nargs="+", default=["onnxruntime", "openvino"])
    parser.add_argument("--precisions", nargs="+", default=["fp32", "int8"])
    parser.add_argument("--budgets", nargs="+", type=float, default=[0.0005, 0.005, 0.02])
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--regions", type=int, default=12)
    parser.add_argument("--search-fraction", type=float, default=0.2)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--folder", type=Path, help="where to run; what is there is gone on with")
    chosen = parser.parse_args()
    with ExitStack() as stack:
        folder = chosen.folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        folder.mkdir(parents=True, exist_ok=True)
        took = run_workflow(folder.resolve(), chosen)
        summary = read_summary(folder / "results/summary.json")
        engines = [
            one for one in summary["engines"] if one["timing"] and one["batch_size"] == chosen.batch
        ]
        latencies = {
            name: latency
            for place in dict.fromkeys(one["name"].partition("/")[0] for one in engines)
            for name, latency in take_turns(
                folder / "results",
                [one["name"] for one in engines if one["name"].startswith(f"{place}/")],
                chosen.batch,
                chosen.rounds,
            ).items()
        }
    text = page(summary, engines, latencies, chosen, took)
    chosen.out.write_text(text, encoding="utf-8")
    print(text)


def run_workflow(folder: Path, chosen: argparse.Namespace) -> float:
    """Run it to the report; returns the seconds that it took."""
    engines = {
        "runtimes": chosen.runtimes,
        "batch_sizes": [chosen.batch],
        "precisions": [*chosen.precisions, "mixed"],
        "on_unsupported": "skip",
    }
    groups = {
        "engines": engines,
        "dataset": {"search_fraction": chosen.search_fraction},
        "precision_search": {"max_loss": chosen.budgets, "regions": chosen.regions},
    }
    files = ["--configfile", str(chosen.configfile.resolve())] if chosen.configfile else []
    values = [f"{name}={json.dumps(value)}" for name, value in groups.items()]
    took = snakemake(folder, "results/report.html", "--cores", "all", *files, "--config", *values)
    return took.wall_s


def take_turns(results: Path, names: Sequence[str], batch: int, rounds: int) -> Mapping[str, float]:
    """Median latency in milliseconds of each engine, all of which take turns."""
    images = first_slices(sorted((results / "tensors").glob("shard_*.safetensors")), batch)
    samples: dict[str, list[float]] = {name: [] for name in names}
    with ExitStack() as stack:
        sessions = {}
        for name in names:
            folder = results / "engines" / name
            record = read_record(folder / "engine.json")
            sessions[name] = stack.enter_context(open_engine(folder / "engine.bin", record))
        for session in sessions.values():
            for _ in range(2):
                session.time_batch(images)
        for number in range(rounds):
            order = list(sessions) if number % 2 else list(sessions)[::-1]
            for name in order:
                samples[name].append(sessions[name].time_batch(images).total_ms)
    return {name: statistics.median(times) for name, times in samples.items()}


def page(
    summary: Json,
    engines: Sequence[Json],
    latencies: Mapping[str, float],
    chosen: argparse.Namespace,
    took: float,
) -> str:
    """The table, and what it was measured on."""
    metric, machine = summary["metric"], describe_machine()
    gpu = summary["machines"][0]["facts"].get("gpu")
    versions = sorted({f"{runtime(one['runtime'])} {one['target']['runtime']}" for one in engines})
    search = summary["precision_search"]
    options = [
        word
        for name, value in vars(chosen).items()
        if value is not None and name != "folder"
        for word in (
            f"--{name.replace('_', '-')}",
            *(value if isinstance(value, list) else [value]),
        )
    ]
    took_all = "" if chosen.folder else f" The workflow took {took / 60:.0f} minutes."
    lines = [
        f"# Mixes beside plain precisions: {chosen.configfile or 'the demo'}",
        "",
        f"`python benchmarks/mixed.py {' '.join(map(str, options))}`",
        "",
        f"{gpu or machine['cpu']}, {machine['cores']} cores, load average {machine['load'][0]} "
        f"(other work included); {', '.join(versions)}.{took_all} Batches of {chosen.batch}; "
        f"{len(search['regions'])} regions, judged on "
        f"{plural(search['subjects'], 'search subject')}, engines on "
        f"{summary['dataset']['evaluation_subjects']} others. Latencies are medians of "
        f"{chosen.rounds} turns; a time in brackets is what was predicted.",
        "",
        f"| engine | budget | regions lowered | latency, ms | × fp32 | {metric['title']} | loss | "
        "pixels flipped | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    mixes = {
        (one["runtime"], one["precision"]): one for one in search["mixes"] if not one["machine"]
    }
    lines += [
        _row(one, mixes.get((one["runtime"], one["precision"])), latencies, summary, chosen)
        for one in engines
    ]
    lines += ["", "| mix | lowered |", "| --- | --- |"]
    for (name, precision), mix in mixes.items():
        regions = ", ".join(f"{c['name']} ({c['graph']})" for c in mix["choices"])
        kinds = {choice["graph"] for choice in mix["choices"]}
        if len(mix["choices"]) == len(search["regions"]) and len(kinds) == 1:
            regions = f"all ({kinds.pop()})"
        lines.append(f"| {runtime(name)} {precision} | {regions or 'nothing: no mix gains'} |")
    left = [f"{one['name']}: {one['reason']}" for one in summary["engines"] if not one["timing"]]
    return "\n".join([*lines, *(["", "Not built: " + "; ".join(left)] if left else []), ""])


def _row(
    engine: Json,
    mix: Json | None,
    latencies: Mapping[str, float],
    summary: Json,
    chosen: argparse.Namespace,
) -> str:
    place = engine["name"].partition("/")[0]
    plain = latencies.get(f"{place}/b{chosen.batch}_fp32")
    latency = latencies[engine["name"]]
    shown, lowered = f"{latency:.4g}", ""
    if mix:
        lowered = f"{len(mix['choices'])} of {len(summary['precision_search']['regions'])}"
        predicted = mix["predicted"]
        if plain and predicted["plain_ms"]:
            # On the clock of these turns: the share that was predicted of the time found here.
            shown += f" ({plain * predicted['latency_ms'] / predicted['plain_ms']:.4g})"
    quality = engine["quality"]
    cells = (
        f"{runtime(engine['runtime'])} {engine['precision']}",
        f"{mix['budget']:g}" if mix else "",
        lowered,
        shown,
        f"{plain / latency:.2f}" if plain else "",
        f"{quality['mean']:.4f}" if quality else "",
        f"{quality['loss']:.4f}" if quality else "",
        f"{100 * engine['errors']['flipped_fraction']:.4f} %",
        VERDICTS[engine["verdict"]]
        + (", recommended" if engine["name"] == summary["recommendation"]["engine"] else ""),
    )
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
