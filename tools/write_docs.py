"""Write the parts of the documents that are made from the project itself.

- docs/configuration.md, config/README.md: the configuration reference, from the schema.
- docs/caching.md, between its markers: what decides each rule's outcome, from the plan.
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

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workflow/scripts"))

from real_plan import real_plan
from segtrt.config.reference import catalogue_page, reference_table
from segtrt.errors import SegtrtError
from segtrt.files import read_json
from segtrt.plan.node import Node
from segtrt.plan.rule_graph import Edges, draw_mermaid, draw_svg
from segtrt.report.machines import shown
from segtrt.report.wording import VERDICTS, on, runtime

ROOT = Path(__file__).resolve().parent.parent


def rule_edges() -> Edges:
    """Who makes what for whom in the main job on the Kaggle data; nothing is downloaded."""
    dataset = {"source": "kaggle", "path": None}
    with (
        tempfile.TemporaryDirectory() as folder,
        real_plan(Path(folder), {"dataset": dataset}) as plan,
    ):
        return sorted({*plan.edges("make_package"), *plan.edges("train")})


def rule_picture() -> str:
    """The rules as a Mermaid block, which code hosts draw."""
    return f"```mermaid\n{draw_mermaid(rule_edges())}```\n"


def rule_svg() -> str:
    """The rules as SVG, for a page that draws nothing itself."""
    return draw_svg(rule_edges())


def decision_table() -> str:
    """What decides each rule's outcome, as a Markdown table made from the plan's declarations."""
    lines = [
        "| rule | made from the outputs of | verifies those of | decided by as well | store |",
        "| --- | --- | --- | --- | --- |",
    ]
    dataset = {"source": "kaggle", "path": None, "search_fraction": 0.1}
    weights = "results/training/weights.safetensors"
    engines = {
        "runtimes": ["onnxruntime", "openvino"],
        "batch_sizes": [1],
        "precisions": ["fp32", "int8", "mixed"],
        "rebuilds": 1,
    }
    settings = {"dataset": dataset, "model": {"weights": weights}, "engines": engines}
    with tempfile.TemporaryDirectory() as folder, real_plan(Path(folder), settings) as plan:
        nodes: dict[str, list[Node]] = {}
        for node in plan.closure([plan.node("make_package"), plan.node("publish")]):
            nodes.setdefault(node.rule, []).append(node)
        for rule in plan.rules:
            lines.append(_decision_row(rule, nodes[rule], bool(plan.rules[rule].stored)))
    return "\n".join(lines) + "\n"


def _decision_row(rule: str, nodes: list[Node], stored: bool) -> str:
    deciding = sorted({up.rule for node in nodes for up in node.upstream})
    verifying = sorted({up.rule for node in nodes for up in node.verifies} - set(deciding))
    parts = sorted({name for node in nodes for name in node.parts} - {"code", "versions"})
    packages = sorted({name for node in nodes for name in node.parts["versions"]})
    named = [*parts, *(["versions of " + ", ".join(packages)] if packages else [])]
    cells = (
        f"`{rule}`",
        ", ".join(f"`{name}`" for name in deciding),
        ", ".join(f"`{name}`" for name in verifying),
        "; ".join(named),
        "yes" if stored else "",
    )
    return f"| {' | '.join(cells)} |"


def results_table(summary: dict[str, Any]) -> str:
    """What a summary has timed as a Markdown table, PyTorch first, with the machines below."""
    engines = [engine for engine in summary["engines"] if engine["timing"]]
    reference = next(one["quality"]["reference_mean"] for one in engines if one["quality"])
    title = summary["metric"]["title"]
    lines = [
        f"| engine | batch | precision | median latency, ms | images/s | {title} | verdict |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for machine in summary["machines"]:
        place = on(shown(summary, machine["name"]))
        ways = [(machine["timed"], "fp32", machine["timings"], f"{reference:.4f}")]
        # Of the other ways a sample was answered: enough for errors, not for the metric.
        ways += [
            (one["name"], one["precision"], one["timings"], "") for one in machine["baselines"]
        ]
        lines += [
            _row(name.removesuffix(f" {precision}") + place, precision, timing, quality, "")
            for name, precision, timings, quality in ways
            for timing in timings
        ]
    chosen = summary["recommendation"]["engine"]
    for engine in engines:
        verdict = VERDICTS[engine["verdict"]]
        verdict += ", recommended" if engine["name"] == chosen else ""
        name = runtime(engine["runtime"]) + on(shown(summary, engine["machine"]))
        quality = f"{engine['quality']['mean']:.4f}"
        lines.append(_row(name, engine["precision"], engine["timing"], quality, verdict))
    devices = []
    for machine in summary["machines"]:
        facts, name = machine["facts"], shown(summary, machine["name"])
        device = facts.get("gpu") or f"{facts['cpu']}, {facts['threads']} threads"
        devices.append(f"{name}: {device}" if name else device)
    return "\n".join([*lines, "", f"{'; '.join(devices)}.", ""])


def _row(name: str, precision: str, timing: dict[str, Any], quality: str, verdict: str) -> str:
    latency, rate = timing["total"]["median"], timing["images_per_second"]
    figures = (timing["batch_size"], precision.upper(), f"{latency:.1f}", f"{rate:.1f}")
    return f"| {' | '.join(map(str, (name, *figures, quality, verdict)))} |"


def between(text: str, marker: str, content: str, name: str = "README.md") -> str:
    """`text` with `content` between the lines of the comments `marker: begin` and `marker: end`.

    Raises:
        SegtrtError: the markers are missing; `name` says from what.
    """
    begin, end = f"<!-- {marker}: begin -->\n", f"<!-- {marker}: end -->\n"
    if begin not in text or end not in text:
        raise SegtrtError(f"{name} lacks the lines {begin.strip()} and {end.strip()}")
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
    caching = (ROOT / "docs/caching.md").read_text(encoding="utf-8")
    return {
        ROOT / "docs/caching.md": between(caching, "decisions", decision_table(), "caching.md"),
        ROOT / "docs/configuration.md": reference_table(),
        ROOT / "config/README.md": catalogue_page(),
        ROOT / "README.md": readme,
    }


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
