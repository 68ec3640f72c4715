"""Precisions and graphs, and what a new one of each, and a new figure, take."""

import json
import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from segtrt.config.schema import load_schema
from segtrt.precision import CONVERTED, MIXES, SOURCE, Graph, Precision


def test_each_graph_carries_one_precision() -> None:
    assert {graph.value: graph.precision.value for graph in Graph} == {
        "fp32": "fp32",
        "fp16": "fp16",
        "bf16": "bf16",
        "int8": "int8",
        "int8_openvino": "int8",
        "int8_signed": "int8",
        "fp8": "fp8",
        "mixed": "mixed",
        "mixed_b2": "mixed_b2",
        "mixed_b3": "mixed_b3",
    }
    assert [precision.graph for precision in Precision] == [
        *("fp32", "fp32", "fp16", "bf16", "int8", "fp8", "mixed", "mixed_b2", "mixed_b3")
    ]
    assert {*CONVERTED, SOURCE, *(mix.graph for mix in MIXES)} == set(Graph)


def test_there_is_a_mix_for_each_budget_and_all_are_judged_alike() -> None:
    assert list(MIXES) == [precision for precision in Precision if precision.is_mix]
    assert [mix.graph.budget for mix in MIXES] == [0, 1, 2]
    assert {mix.judged_as for mix in MIXES} == {Precision.MIXED}
    assert all(one.judged_as is one for one in Precision if not one.is_mix)
    search = load_schema()["properties"]["precision_search"]["properties"]
    assert search["max_loss"]["maxItems"] == len(MIXES)


def test_calibration_images_decide_the_quantised_ones() -> None:
    quantised = {graph: graph.quantised.signed for graph in Graph if graph.quantised}
    assert quantised == {
        "int8": False,
        "int8_openvino": False,
        "int8_signed": True,
        "fp8": True,
    }
    assert {one for one in Precision if one.is_quantised} == {"int8", "fp8"}


def test_labels_tell_graphs_apart() -> None:
    assert len({graph.label for graph in Graph}) == len(Graph)


@pytest.mark.parametrize("member", [*Graph, *Precision])
def test_a_member_survives_text_and_a_process(member: Graph | Precision) -> None:
    assert type(member)(str(member)) is member
    assert pickle.loads(pickle.dumps(member)) is member
    assert f"{member}" == member.value


def test_the_schema_lists_the_precisions() -> None:
    schema = load_schema()["properties"]
    listed = schema["engines"]["properties"]["precisions"]["items"]["enum"]
    # The mixes of further budgets are asked for by giving more budgets.
    asked = list(dict.fromkeys(precision.judged_as for precision in Precision))
    assert listed == asked
    assert list(schema["validation"]["properties"]["tolerances"]["properties"]) == asked


EDITS = {
    "scripts/segtrt/precision.py": [
        ('    INT8 = "int8", "int8,', '    INT4 = "int4", "four bits", Quantised(signed=True)\n'),
        ('    INT8 = "int8", Graph', '    INT4 = "int4", Graph.INT4\n'),
    ],
    "scripts/segtrt/quality/metric_table.py": [
        (
            '    Metric(\n        "metric_loss"',
            '    Metric("closeness", "closeness to PyTorch", "Closeness", "mean", "Made up",\n'
            '        ("quality", "median"), Style.PERCENTAGE, higher_is_better=True),\n',
        )
    ],
    "schemas/config.schema.yaml": [
        ("          int8:\n            $ref", "          int4: {$ref: '#/$defs/tolerance'}\n"),
        ("      metric_loss:\n", "      closeness: {type: [number, 'null'], default: null}\n"),
    ],
}
"""File -> where a line is put before, and the line: all that a new precision and figure take."""

PRECISIONS = "[fp32, tf32, fp16, bf16, int8, fp8, mixed]"


@pytest.fixture(scope="module")
def seen(project_root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a library that has them makes of them."""
    folder = tmp_path_factory.mktemp("edited")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for name in ("scripts", "schemas", "report"):
        shutil.copytree(project_root / "workflow" / name, folder / name, ignore=ignored)
    for name, edits in EDITS.items():
        text = (folder / name).read_text(encoding="utf-8")
        for before, line in edits:
            assert text.count(before) == 1, (name, before)
            text = text.replace(before, line + before)
        text = text.replace(PRECISIONS, PRECISIONS.replace("int8", "int4, int8"))
        (folder / name).write_text(text, encoding="utf-8")
    tools = project_root / "tests/tools"
    done = subprocess.run(
        [sys.executable, tools / "made_up_precision.py", folder / "made"],
        env={**os.environ, "PYTHONPATH": f"{folder / 'scripts'}{os.pathsep}{tools}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_new_precision_is_planned_in_its_place(seen: dict[str, Any]) -> None:
    assert seen["engines"] == [f"openvino/b1_{one}" for one in ("fp32", "int4", "int8")]
    assert seen["graphs"] == ["int4", "int8_openvino"]
    assert "needs calibration subjects" in seen["refused"] and "int4" in seen["refused"]


def test_a_new_precision_has_looks_of_its_own(seen: dict[str, Any]) -> None:
    assert len(seen["looks"]) == len(set(map(tuple, seen["looks"]))) == len(Precision) + 1


def test_a_new_precision_and_figure_are_in_the_report(seen: dict[str, Any]) -> None:
    assert seen["rows"] == ["fp32", "int4"]
    assert seen["provenance"] == ["graph fp32 SHA-256", "graph four bits SHA-256"]
    columns = seen["columns"]
    assert columns.index("closeness") == columns.index("metric") + 1
    assert seen["cell"].endswith(" %")


def test_a_new_figure_is_judged_and_reported_in_words(seen: dict[str, Any]) -> None:
    assert seen["failures"] == [
        {"figure": "closeness", "value": 0.8, "limit": 0.9, "at_least": True, "of": ""}
    ]
    assert seen["words"] == ["closeness to PyTorch 0.8, at least 0.9 expected"]
