"""The page: the summary's figures, the charts and the pictures put into the templates."""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from segtrt.files import write_bytes
from segtrt.precision import Graph
from segtrt.report import machines, wording
from segtrt.report.baselines import make_baselines
from segtrt.report.chart import runtime_colours
from segtrt.report.charts_confidence import how_sure
from segtrt.report.charts_quality import quality_against_speed
from segtrt.report.charts_speed import latency, throughput
from segtrt.report.charts_subjects import metric_per_class, metric_per_subject
from segtrt.report.charts_time import where_time_goes
from segtrt.report.matrix import columns, make_row
from segtrt.report.mixes import make_mixes
from segtrt.report.overview import make_overview
from segtrt.report.profiles import costs_of_profiles
from segtrt.report.rebuilds import make_strays
from segtrt.report.regions import make_strip
from segtrt.summary.document import read_summary
from segtrt.summary.overlay_index import read_overlays

TEMPLATES = Path(__file__).resolve().parents[3] / "report"
PAGE = "report.html.j2"
SCRIPTS = ("theme.js", "plotly.js", "charts.js", "matrix.js", "images.js")
"""All that the page runs, in this order; its content security policy lets nothing else run."""

_CHARTS = (
    quality_against_speed,
    how_sure,
    latency,
    throughput,
    metric_per_subject,
    metric_per_class,
    where_time_goes,
)


def write_report(summary_json: Path, overlays_dir: Path, out_html: Path) -> None:
    """Write the report: one HTML file that loads nothing from anywhere.

    Args:
        summary_json: `results/summary.json`.
        overlays_dir: the pictures (`segtrt.summary.overlay_index`).
        out_html: the report.

    Raises:
        SegtrtError: an input is missing, damaged or of another format.
    """
    summary = read_summary(summary_json)
    write_bytes(out_html, render(summary, load_overlays(overlays_dir)).encode())


def render(summary: Mapping[str, Any], overlays: Mapping[str, Any]) -> str:
    """The page's HTML.

    Args:
        summary: as `read_summary` gives it.
        overlays: as `load_overlays` gives it.
    """
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.globals |= {
        "words": wording,
        "machines": machines,
        # Our own files and plotly's: code, not data.
        "inline": lambda name: Markup(_own_file(name)),
        "scripts": SCRIPTS,
        "script": lambda name: Markup(_script(name)),
        "script_hash": lambda name: script_hash(_script(name)),
        "script_json": lambda value: Markup(script_json(value)),
        "runtime_colours": lambda: Markup(runtime_colours()),
        "graph_label": lambda name: Graph(name).label,
    }
    charts = [chart for draw in _CHARTS if (chart := draw(summary))]
    return environment.get_template(PAGE).render(
        summary=summary,
        overview=make_overview(summary),
        baselines=make_baselines(summary),
        profiles=costs_of_profiles(summary),
        strays=make_strays(summary),
        columns=columns(summary),
        rows=[make_row(engine, summary) for engine in summary["engines"]],
        charts=charts,
        strip=make_strip(summary),
        mixes=make_mixes(summary),
        chart_specs={chart.id: chart.spec for chart in charts},
        overlays={
            **overlays,
            "metric": summary["metric"],
            "reference": summary["reference"]["name"],
            "has_truth": summary["reference"]["has_truth"],
        },
        config_yaml=_yaml(summary["config"]),
        rule_graph=_data_uri(summary["rule_graph"].encode(), "image/svg+xml")
        if summary["rule_graph"]
        else None,
    )


def load_overlays(folder: Path) -> dict[str, Any]:
    """The pictures' index, each view's `image` replaced by a data URI.

    Raises:
        SegtrtError: the folder is missing a file or is of another format.
    """
    index, pictures = read_overlays(folder)
    for key, content in pictures.items():
        index["views"][key]["image"] = _data_uri(content, "image/webp")
    return index


def script_json(value: Any) -> str:
    """JSON that can stand in a script element: no character of it can end the element."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def script_hash(source: str) -> str:
    """How a content security policy names a script that stands in the page, by its SHA-256."""
    return f"sha256-{base64.b64encode(hashlib.sha256(source.encode()).digest()).decode()}"


def _own_file(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


@cache
def _script(name: str) -> str:
    return _plotly() if name == "plotly.js" else _own_file(name)


def _data_uri(content: bytes, kind: str) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _plotly() -> str:
    """plotly.js as the plotly package ships it."""
    source = files("plotly").joinpath("package_data/plotly.min.js").read_text(encoding="utf-8")
    return source.replace("</script", "<\\/script")


def _yaml(config: Mapping[str, Any]) -> str:
    import yaml

    return str(yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=100))
