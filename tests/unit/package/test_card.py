"""The model card: read as the hub reads it, and true to the figures."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from example_cases import HOSTILE
from huggingface_hub import ModelCard
from segtrt.errors import SegtrtError
from segtrt.package.card import CardFacts, write_card
from segtrt.package.manifest import Manifest, Proven, Quality, read_manifest
from segtrt.quality.sample_limits import SampleLimits

MANIFEST = Manifest(
    name="brain",
    engine="openvino/b4_int8",
    recommended=True,
    verdict="pass",
    reference="PyTorch",
    quality=Quality("Dice", "", 0.9012, 0.9034, 0.0022, None, 0.00012, 0.013, 4, 64),
    proven=Proven(12.34, 324.1, "stream", 2, 6.41, "PyTorch bf16", "A CPU", stable=True),
    limits=SampleLimits(None, 0.1, None),
    samples=3,
    requirements=["openvino==2026.4.1", "numpy==2.4.6"],
    library="0.1.0",
)
FACTS = CardFacts(
    title="OpenVINO",
    precision="int8",
    batch="batches of 4",
    patch=(3, 256, 256),
    labels={255: "tumour"},
    normalisation="",
    dataset="demo",
    metric="dice",
    target={"runtime": "2026.4.1"},
    licence="mit",
    licences=["licences/LICENSE"],
    views={"ONNX": "`onnx/model.onnx`"},
)


def test_the_hub_reads_it() -> None:
    card = ModelCard(write_card(MANIFEST, FACTS))
    assert card.data.license == "mit"
    assert card.data.pipeline_tag == "image-segmentation"
    assert card.data.tags == ["image-segmentation", "openvino", "int8"]
    assert card.data.model_name == "brain"
    (result,) = card.data.eval_results
    assert (result.task_type, result.dataset_name) == ("image-segmentation", "demo")
    assert (result.metric_type, result.metric_name, result.metric_value) == ("dice", "Dice", 0.9012)


def rows(card: str) -> dict[str, str]:
    lines = [line.strip("| ").split(" | ") for line in card.splitlines() if line.startswith("|")]
    return {cells[0]: cells[1] for cells in lines if len(cells) == 2}


def test_it_tells_what_was_proven() -> None:
    found = rows(write_card(MANIFEST, FACTS))
    assert found["Dice"] == "0.9012 (PyTorch 0.9034)"
    assert found["loss of Dice"] == "0.0022"
    assert found["pixels with another label"] == "0.0120 %"
    assert found["latency"] == "12.3 ms a batch (median)"
    assert found["against PyTorch bf16"] == "6.41 times as fast"
    assert found["measured on"] == "A CPU, 2 threads"


def test_confidence_is_reported_where_it_is_known() -> None:
    sure = replace(MANIFEST, quality=replace(MANIFEST.quality, interval=[-0.001, 0.0051]))
    reported = rows(write_card(sure, FACTS))["loss of Dice"]
    assert reported == "0.0022 (95 % confidence interval −0.0010 to 0.0051)"


def test_without_ground_truth_no_figure_is_made_up() -> None:
    quality = replace(MANIFEST.quality, mean=None, reference_mean=None, loss=None)
    unsteady = replace(MANIFEST.proven, stable=False, threads=None, speedup=None)
    card = write_card(replace(MANIFEST, quality=quality, proven=unsteady), FACTS)
    data = yaml.safe_load(card.split("---\n")[1])
    assert "model-index" not in data
    found = rows(card)
    assert "Dice" not in found
    assert not [name for name in found if name.startswith("against")]
    assert found["latency"] == "12.3 ms a batch (median, not a steady figure)"
    assert found["measured on"] == "A CPU"


def test_it_says_what_is_missing() -> None:
    facts = replace(FACTS, licence=None, licences=[], normalisation="mine.py:scale")
    card = write_card(replace(MANIFEST, recommended=False), facts)
    assert "license" not in yaml.safe_load(card.split("---\n")[1])
    assert "none was named; ask the package's makers" in card
    assert "`mine.py:scale`, which is not in the package" in card
    assert "chosen by name" in card


def test_code_that_goes_along_is_said_to_be_run() -> None:
    facts = replace(FACTS, normalisation="code/normalisation.py:scale")
    card = write_card(MANIFEST, facts)
    assert "**This package contains Python code and runs it.**" in card
    assert "`scale` in `code/normalisation.py`" in card
    assert "from a stranger is running a stranger's program" in card
    assert "contains Python code" not in write_card(MANIFEST, FACTS)


def test_hostile_names_stay_text() -> None:
    quality = replace(MANIFEST.quality, metric="Dice | <b>")
    facts = replace(FACTS, dataset=f"x\n---\n{HOSTILE}", labels={1: HOSTILE})
    card = write_card(replace(MANIFEST, quality=quality), facts)
    assert ModelCard(card).data.eval_results[0].dataset_name == facts.dataset
    body = card.split("\n---\n\n", 1)[1]
    assert "<img" not in body.replace("\\<", "")
    assert "Dice \\| \\<b\\>" in body


def test_its_commands_install_what_the_package_needs(known_package: tuple[Path, Any]) -> None:
    folder, _ = known_package
    card = (folder / "README.md").read_text()
    needed = read_manifest(folder / "package.json").requirements
    assert f"$ pip install {' '.join(needed)}\n" in card
    assert "$ segtrt verify PACKAGE\n" in card


@pytest.mark.parametrize("field", ["engine", "samples", "limits", "quality"])
def test_a_description_without_a_field_is_refused(
    known_package: tuple[Path, Any], tmp_path: Path, field: str
) -> None:
    data = json.loads((known_package[0] / "package.json").read_text())
    del data[field]
    (tmp_path / "package.json").write_text(json.dumps(data))
    with pytest.raises(SegtrtError, match=f"{field} is missing"):
        read_manifest(tmp_path / "package.json")
