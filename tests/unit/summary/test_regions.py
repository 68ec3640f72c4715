"""The summary's part on regions."""

import jsonschema
import yaml
from segtrt.graphs.regions import Region
from segtrt.graphs.regions_file import write_regions
from segtrt.precision import Graph
from segtrt.quality.sensitivity import Loss, Method, Outcome, Sensitivity
from segtrt.summary.document import SCHEMA
from segtrt.summary.regions import NO_REGIONS, RegionFiles, regions_entry

LOSS = Loss(0.1, 0.2, 0.3, 0, 2, 100)


def test_precisions_are_rows_and_regions_cells(tmp_path):
    regions = [Region("a", ("n1", "n2"), ("input",), ("x",)), Region("b", ("n3",), ("x",), ("y",))]
    write_regions(tmp_path / "regions.json", regions, 3)
    found = [
        Sensitivity(Graph.BF16, 1, "b", Outcome.MEASURED, method=Method.ROUNDING, loss=LOSS),
        Sensitivity(Graph.BF16, 0, "a", Outcome.UNAVAILABLE, "why"),
        Sensitivity(Graph.BF16, 2, "", Outcome.EMPTY),
        Sensitivity(Graph.INT8, 0, "a", Outcome.MEASURED, method=Method.CODES, loss=LOSS),
        Sensitivity(Graph.INT8, 1, "b", Outcome.UNCHANGED),
        Sensitivity(Graph.INT8, 2, "", Outcome.EMPTY),
    ]
    paths = []
    for number, one in enumerate(found):
        paths.append(tmp_path / f"{number}.json")
        one.write(paths[-1])
    entry = regions_entry(RegionFiles([tmp_path / "regions.json"], paths))
    assert entry["subjects"] == 2
    assert entry["regions"] == [{"name": "a", "nodes": 2}, {"name": "b", "nodes": 1}]
    assert [row["graph"] for row in entry["rows"]] == ["bf16", "int8"]
    outcomes = [[cell["outcome"] for cell in row["cells"]] for row in entry["rows"]]
    assert outcomes == [["unavailable", "measured"], ["measured", "unchanged"]]
    assert entry["rows"][0]["cells"][0]["reason"] == "why"
    assert entry["rows"][1]["cells"][0]["loss"]["metric_loss"] == 0.1
    schema = yaml.safe_load(SCHEMA.read_text())
    part = {**schema["properties"]["precision_search"], "$defs": schema["$defs"]}
    jsonschema.Draft202012Validator(part).validate(entry)


def test_no_search_is_no_part():
    assert regions_entry(NO_REGIONS) is None
