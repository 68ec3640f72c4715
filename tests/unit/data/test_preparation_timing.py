"""Times of what comes before inference."""

import json
from pathlib import Path
from typing import Any

import pytest
from prepared_shards import TUMOUR, encoding_settings, list_folder
from segtrt.data.preparation_file import read_preparation
from segtrt.data.preparation_timing import time_preparation
from segtrt.errors import SegtrtError
from segtrt.machine.facts import this_machine
from segtrt.model.network_file import UNET


def time_it(manifest: Path, root: Path, out: Path, **changes: Any) -> None:
    given = {
        "machine": this_machine().cpu_facts(),
        "tensors": encoding_settings({}),
        "spec": UNET,
        "labels": TUMOUR,
        **changes,
    }
    time_preparation(manifest, root, out, **given)


@pytest.mark.parametrize(("normalisation", "patches"), [("slice", 4), ("volume", 14)])
def test_both_steps_take_time(
    project_root: Path, tmp_path: Path, normalisation: str, patches: int
) -> None:
    root = project_root / "data/demo/kaggle_3m"
    list_folder(root, tmp_path, subjects=["DEMO_0001"])
    tensors = encoding_settings({"normalisation": normalisation})
    out = tmp_path / "preparation.json"
    time_it(tmp_path / "manifest.json", root, out, tensors=tensors, patches=4)
    timing = read_preparation(out)
    assert timing.decode > 0
    assert timing.normalise > 0
    # A volume is taken whole; its first and last slice are no patches.
    assert timing.slices == patches


def test_an_empty_manifest_and_another_format_are_refused(tmp_path: Path) -> None:
    empty = {
        "format": "segtrt-manifest-2",
        "ignored": {"files": 0, "examples": [], "left_behind": 0},
        **{key: [] for key in ("subjects", "skipped", "channels", "grids", "twins")},
    }
    (tmp_path / "manifest.json").write_text(json.dumps(empty))
    with pytest.raises(SegtrtError, match="no image to time"):
        time_it(tmp_path / "manifest.json", tmp_path, tmp_path / "out")
    (tmp_path / "x.json").write_text("{}")
    with pytest.raises(SegtrtError, match="segtrt-preparation-1 expected"):
        read_preparation(tmp_path / "x.json")


def test_another_machine_than_planned_is_refused(tmp_path: Path) -> None:
    machine = {"cpu": "another", "isa": "none"}
    with pytest.raises(SegtrtError, match="planned for another"):
        time_it(tmp_path / "manifest.json", tmp_path, tmp_path / "out", machine=machine)
    assert not (tmp_path / "out").exists()
