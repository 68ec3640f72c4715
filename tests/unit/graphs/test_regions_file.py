"""The file of regions."""

import pytest
from segtrt.errors import SegtrtError
from segtrt.graphs.regions import Region
from segtrt.graphs.regions_file import read_regions, write_regions

REGIONS = (
    Region("encoder", ("a", "b"), ("input",), ("b/out",)),
    Region("decoder", ("c",), ("b/out",), ("output",)),
)


def test_regions_are_read_as_they_were_written(tmp_path):
    write_regions(tmp_path / "regions.json", REGIONS, 12)
    assert read_regions(tmp_path / "regions.json") == REGIONS


def test_damage_is_reported_in_one_line(tmp_path):
    path = tmp_path / "regions.json"
    write_regions(path, REGIONS, 12)
    path.write_text(path.read_text().replace('"nodes"', '"node"'))
    with pytest.raises(SegtrtError, match="is not a file of regions this version can read"):
        read_regions(path)
