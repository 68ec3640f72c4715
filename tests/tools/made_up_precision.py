"""Prints as JSON what a library with a precision `int4` and a figure `agreement` makes of them."""

import json
import sys
from dataclasses import asdict
from pathlib import Path

from example_summaries import CASES, make_example
from segtrt.config.resolve import resolve_config
from segtrt.engines.matrix import make_matrix
from segtrt.engines.record import EngineRecord
from segtrt.errors import SegtrtError
from segtrt.machine.facts import this_machine
from segtrt.model.network_file import UNET
from segtrt.precision import Precision
from segtrt.quality.failure_words import in_words
from segtrt.quality.judging import validate_engine
from segtrt.quality.scores import Errors, Figures, MetricFacts, Quality, Scores
from segtrt.quality.verdict import read_verdict
from segtrt.report.chart import dash, marker
from segtrt.report.matrix import columns, make_row
from segtrt.report.page import load_overlays, render
from segtrt.runtimes.base import BuildSettings
from segtrt.runtimes.registry import get_runtime
from segtrt.summary.document import read_summary
from segtrt.summary.summarise import write_summary


def planned() -> dict[str, object]:
    """The matrix, and what is said where there is nothing to calibrate on."""
    engines = {
        "runtimes": ["openvino"],
        "batch_sizes": [1],
        "precisions": ["int8", "int4", "fp32"],
    }
    matrix = make_matrix(resolve_config({"engines": engines}), get_runtime, {"": this_machine()})
    try:
        resolve_config(
            {
                "engines": {**engines, "precisions": ["int4"]},
                "dataset": {"calibration_fraction": 0},
            }
        )
    except SegtrtError as error:
        refused = str(error)
    return {
        "engines": [spec.name for spec in matrix.engines],
        "graphs": list(map(str, matrix.graphs)),
        "refused": refused,
    }


def reported(folder: Path) -> dict[str, object]:
    """A report in which the demo's int8 engines bear the precision's name."""
    make_example(CASES["demo"](), folder)
    text = (folder / "summary.json").read_text(encoding="utf-8")
    summary = json.loads(text.replace('int8"', 'int4"').replace("int8.", "int4."))
    write_summary(summary, folder / "summary.json", folder / "summary.csv")
    summary = read_summary(folder / "summary.json")
    html = render(summary, load_overlays(folder / "overlays"))
    rows = [make_row(engine, summary) for engine in summary["engines"]]
    one = {"machines": [{"name": ""}]}
    two = {"machines": [{"name": "a"}, {"name": "b"}]}
    return {
        "rows": list(dict.fromkeys(row.precision for row in rows)),
        "provenance": [
            words
            for words in ("graph fp32 SHA-256", "graph four bits SHA-256")
            if f">{words}<" in html
        ],
        "columns": [
            column.key for column in columns(summary) if f'data-key="{column.key}"' in html
        ],
        "cell": next(cell.text for cell in rows[0].cells if cell.key == "closeness"),
        "looks": [
            [
                marker(one, "", "openvino", p)["symbol"],
                str(marker(two, "b", "openvino", p)),
                dash(p),
            ]
            for p in Precision
        ],
    }


def judged(folder: Path) -> dict[str, object]:
    """The verdict on an engine whose labels are close to PyTorch's by 0.8."""
    folder.mkdir()
    record = EngineRecord(
        runtime="openvino",
        network=UNET,
        settings=BuildSettings(1, Precision("int4")),
        graph=Precision("int4").graph,
        status="built",
        graph_sha256="0" * 64,
        target={},
        code="0" * 64,
        engine_sha256="0" * 64,
        engine_bytes=0,
        build_ms=1.0,
    )
    record.write(folder / "engine.json")
    errors = Errors(1, 1, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1, 0, 0.0, 0)
    quality = Quality(0.4, 0.8, 0.4, 0.9, 0.9, 0.5, None, 1, (), ())
    figures = Figures(errors, errors, quality, None, 1, (), ())
    metric = MetricFacts("dice", "Dice", "", higher_is_better=True)
    Scores(record.name, "built", {}, metric, figures).write(folder / "scores.json")
    validate_engine(
        folder / "engine.json",
        folder / "scores.json",
        folder / "verdict.json",
        tolerance={"closeness": 0.9, "metric_loss": None},
        confident=False,
    )
    failures = read_verdict(folder / "verdict.json").failures
    return {"failures": list(map(asdict, failures)), "words": list(map(in_words, failures))}


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir()
    print(json.dumps({**planned(), **reported(folder / "report"), **judged(folder / "engine")}))
