"""Run times of the rules and their graph, as a made-up run's summary has them."""

from typing import Any


def rules(engines: int) -> list[dict[str, Any]]:
    """Run time and memory of each rule's jobs."""
    jobs = {
        "run_engine": engines,
        "time_engine": engines,
        "build_engine": engines,
        "score_engine": engines,
        "encode_slices": 1,
        "list_slices": 1,
        "export_onnx": 1,
    }
    return [
        {
            "rule": rule,
            "jobs": count,
            "seconds": 31.5 / (1 + place) * 2,
            "longest_seconds": 9.1 / (1 + place),
            "cpu_seconds": 44.0 / (1 + place) if place else None,
            "max_rss_mib": 812.0 - 60 * place,
        }
        for place, (rule, count) in enumerate(jobs.items())
    ]


def graph() -> str:
    """The rule graph as SVG."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="520" height="60">'
        '<g font-family="sans-serif" font-size="14" text-anchor="middle">'
        '<rect x="5" y="10" width="140" height="36" fill="none" stroke="#555"/>'
        '<text x="75" y="33">list_slices</text><path d="M145 28h40" stroke="#555"/>'
        '<rect x="185" y="10" width="140" height="36" fill="none" stroke="#555"/>'
        '<text x="255" y="33">encode_slices</text><path d="M325 28h40" stroke="#555"/>'
        '<rect x="365" y="10" width="140" height="36" fill="none" stroke="#555"/>'
        '<text x="435" y="33">write_report</text></g></svg>'
    )
