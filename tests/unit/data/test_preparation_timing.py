"""Times of what comes before inference."""

import json

import pytest
from segtrt.data.make_manifest import write_manifest
from segtrt.data.preparation_file import read_preparation
from segtrt.data.preparation_timing import time_preparation
from segtrt.errors import SegtrtError
from segtrt.machine.facts import this_machine


@pytest.fixture
def manifest(project_root, tmp_path):
    write_manifest(
        project_root / "data/demo/kaggle_3m",
        manifest_path=tmp_path / "manifest.json",
        shard_paths=[tmp_path / "shard_00.json"],
        subjects=["DEMO_0001"],
        calibration_fraction=0.0,
        seed=0,
        on_bad_subject="fail",
    )
    return tmp_path / "manifest.json"


@pytest.mark.parametrize("normalisation", ["slice", "volume"])
def test_both_steps_take_time(manifest, project_root, tmp_path, normalisation):
    out = tmp_path / "preparation.json"
    root = project_root / "data/demo/kaggle_3m"
    machine = this_machine().cpu_facts()
    time_preparation(manifest, root, out, machine=machine, normalisation=normalisation, slices=4)
    timing = read_preparation(out)
    assert timing.decode > 0
    assert timing.normalise > 0
    # A volume is taken whole.
    assert timing.slices == {"slice": 4, "volume": 16}[normalisation]


def test_an_empty_manifest_and_another_format_are_refused(tmp_path):
    empty = {"format": "segtrt-manifest-1", "subjects": [], "skipped": []}
    (tmp_path / "manifest.json").write_text(json.dumps(empty))
    with pytest.raises(SegtrtError, match="no slice to time"):
        time_preparation(
            tmp_path / "manifest.json",
            tmp_path,
            tmp_path / "out",
            machine=this_machine().cpu_facts(),
            normalisation="slice",
        )
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(SegtrtError, match="segtrt-preparation-1 expected"):
        read_preparation(tmp_path / "x.json")


def test_another_machine_than_planned_is_refused(tmp_path):
    machine = {"cpu": "another", "isa": "none"}
    with pytest.raises(SegtrtError, match="planned for another"):
        time_preparation(
            tmp_path / "manifest.json",
            tmp_path,
            tmp_path / "out",
            machine=machine,
            normalisation="slice",
        )
    assert not (tmp_path / "out").exists()
