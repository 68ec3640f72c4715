"""Write the parts of the documents that are made from the project itself.

- docs/configuration.md: the configuration reference, from the schema.
- README.md, between its markers: the picture of the rules, and the table of results of a summary.

    python tools/write_docs.py                                   # reference and picture
    python tools/write_docs.py --summary results/summary.json    # the table of results too
    python tools/write_docs.py --check                           # writes nothing; 1 if out of date
"""

import argparse
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml
from segtrt.config.reference import reference_table
from segtrt.config.resolve import resolve_config
from segtrt.engines.matrix import make_matrix
from segtrt.errors import SegtrtError
from segtrt.files import read_json
from segtrt.machine.facts import this_machine
from segtrt.plan.hash_cache import HashCache
from segtrt.plan.pipeline import Pipeline
from segtrt.plan.rule_graph import draw_mermaid
from segtrt.plan.sources import digest_dataset, digest_weights
from segtrt.report.machines import shown
from segtrt.report.wording import VERDICTS, on, runtime
from segtrt.runtimes.registry import get_runtime

ROOT = Path(__file__).resolve().parent.parent


def rule_picture() -> str:
    """The rules of the main job on the Kaggle data as a Mermaid block; nothing is downloaded."""
    given = yaml.safe_load((ROOT / "config.yaml").read_text(encoding="utf-8"))
    given["dataset"] = {"source": "kaggle"}
    settings = resolve_config(given)
    matrix = make_matrix(settings, get_runtime, {"": this_machine()})
    with tempfile.TemporaryDirectory() as folder:
        cache = HashCache(Path(folder) / "hashes.json")
        dataset = digest_dataset(settings.dataset, ROOT, cache)
        weights = digest_weights(settings.model, ROOT, cache)
    pipeline = Pipeline(settings, matrix, dataset, weights, get_runtime)
    return f"```mermaid\n{draw_mermaid(pipeline.edges())}```\n"


def results_table(summary: dict[str, Any]) -> str:
    """The engines of a summary as a Markdown table, PyTorch first, with the machines below."""
    dice = next(e["dice"] for e in summary["engines"] if e["dice"])
    lines = [
        "| engine | batch | precision | median latency, ms | images/s | Dice | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for machine in summary["machines"]:
        lines += [
            _row(
                runtime=f"PyTorch{on(shown(summary, machine['name']))}",
                precision="FP32",
                timing=timing,
                dice=dice["reference_mean"],
                verdict="",
            )
            for timing in machine["timings"]
        ]
    chosen = summary["recommendation"]["engine"]
    for engine in summary["engines"]:
        if not engine["timing"]:
            continue
        verdict = VERDICTS[engine["verdict"]]
        verdict += ", recommended" if engine["name"] == chosen else ""
        lines.append(
            _row(
                runtime=runtime(engine["runtime"]) + on(shown(summary, engine["machine"])),
                precision=engine["precision"].upper(),
                timing=engine["timing"],
                dice=engine["dice"]["mean"],
                verdict=verdict,
            )
        )
    devices = []
    for machine in summary["machines"]:
        facts, name = machine["facts"], shown(summary, machine["name"])
        device = facts.get("gpu") or f"{facts['cpu']}, {facts['threads']} threads"
        devices.append(f"{name}: {device}" if name else device)
    return "\n".join([*lines, "", f"{'; '.join(devices)}.", ""])


def _row(*, runtime: str, precision: str, timing: dict[str, Any], dice: float, verdict: str) -> str:
    latency, rate = timing["total"]["median"], timing["images_per_second"]
    figures = (timing["batch_size"], precision, f"{latency:.1f}", f"{rate:.1f}", f"{dice:.4f}")
    return f"| {' | '.join(map(str, (runtime, *figures, verdict)))} |"


def between(text: str, marker: str, content: str) -> str:
    """`text` with `content` between the lines of the comments `marker: begin` and `marker: end`.

    Raises:
        SegtrtError: the markers are missing.
    """
    begin, end = f"<!-- {marker}: begin -->\n", f"<!-- {marker}: end -->\n"
    if begin not in text or end not in text:
        raise SegtrtError(f"README.md lacks the lines {begin.strip()} and {end.strip()}")
    return text.split(begin, maxsplit=1)[0] + begin + content + end + text.split(end, 1)[1]


def documents(summary: Path | None) -> dict[Path, str]:
    """What each document must hold, by path.

    Args:
        summary: `summary.json` for the table of results, or None to leave the table as it is.
    """
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    readme = between(readme, "rules", rule_picture())
    if summary:
        readme = between(readme, "results", results_table(read_json(summary, "summary")))
    return {ROOT / "docs/configuration.md": reference_table(), ROOT / "README.md": readme}


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description="Write the documents' generated parts.")
    parser.add_argument("--summary", type=Path, help="summary.json for the README's table")
    parser.add_argument("--check", action="store_true", help="write nothing; 1 if out of date")
    options = parser.parse_args()
    try:
        wanted = documents(options.summary)
    except SegtrtError as error:
        print(f"write_docs: {error}", file=sys.stderr)
        return 1
    stale = [p for p, t in wanted.items() if not p.exists() or p.read_text(encoding="utf-8") != t]
    for path in stale:
        print(f"{path.relative_to(ROOT)} {'is out of date' if options.check else 'written'}")
        if not options.check:
            path.write_text(wanted[path], encoding="utf-8")
    return int(bool(stale) and options.check)


if __name__ == "__main__":
    sys.exit(main())
