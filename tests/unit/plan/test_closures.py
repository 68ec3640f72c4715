"""What code decides each rule's outcome: what it computes with, and readers of what it reads."""

import pytest
from segtrt.plan.fingerprint import PACKAGE, import_closure

BASICS = {"files", "formats"}
RECORD = {"engines.record", "precision", "runtimes.description"}
NETWORK = {"model.inference", "model.unet", "model.weight_files", "model.weights"}
LAYOUT = {f"data.{name}" for name in ("formats.kinds", "layout", "wildcards")}
LISTING = LAYOUT | {f"data.{name}" for name in ("entries", "listing", "roots", "walk")}
FORMATS = ("arrays", "dicom", "image", "pictures", "read", "tiff", "volumes")
READING = LAYOUT | {"data.labels"} | {f"data.formats.{name}" for name in FORMATS}

CORES = {"machine.cgroup", "machine.cpu"}

ANSWERED = {
    *("addresses", "data.formats.kinds", "data.geometry", "user_function"),
    *(
        f"data.{name}"
        for name in (
            *("labels", "layout", "placement", "prepared", "resampling", "tensor_file"),
            *("wildcards", "windows"),
        )
    ),
    *(
        f"quality.{name}"
        for name in (
            *("answers", "components", "decode", "labels", "means", "metric", "overlap"),
            *("raw_sample", "reference_scores", "scores", "subject_labels", "worth"),
        )
    ),
}
"""What reads answers and scores labels."""

CLOSURES = {
    "check": BASICS
    | {"plan.verify"}
    | {
        f"quality.{name}"
        for name in (
            *("check", "failure_words", "failures", "means", "metric_table"),
            *("reference_scores", "scores", "verdict"),
        )
    },
    "validate_engine": BASICS
    | RECORD
    | {"model.spec"}
    | {
        f"quality.{name}"
        for name in (
            *("failures", "judging", "loss_limit", "metric_table", "precision_proof", "scores"),
            "verdict",
        )
    },
    "score_reference": BASICS | ANSWERED | {"quality.reference_scoring"},
    "score_engine": BASICS
    | ANSWERED
    | RECORD
    | READING
    | {"data.formats.write", "model.spec"}
    | {
        f"quality.{name}"
        for name in ("confidence", "errors", "masks", "outlines", "scoring", "views")
    },
    "write_report": BASICS
    | {f"quality.{name}" for name in ("failure_words", "failures", "metric_table")}
    | {"summary.document", "summary.overlay_index"}
    # Titles and colours are the runtimes' own.
    | {"arrays", "precision", "runtimes.base", "runtimes.description"}
    | {"runtimes.registry", "runtimes.serving"}
    | {f"report.{path.stem}" for path in (PACKAGE / "report").glob("[!_]*.py")},
    # A network that is given as a graph or a file is run and decoded as an engine is.
    "run_reference": {"arrays", "files", "model.reference"}
    | NETWORK
    | {f"model.{name}" for name in ("bundle", "load", "outputs", "source", "spec", "user_code")}
    | {
        f"data.{name}"
        for name in (
            *("formats.kinds", "geometry", "labels", "layout", "placement", "prepared"),
            *("resampling", "tensor_file", "wildcards", "windows"),
        )
    }
    | {f"quality.{name}" for name in ("answers", "components", "decode", "labels", "raw_sample")}
    | CORES
    | {"engines.answering", "graphs.running", "precision", "user_function"}
    | {"runtimes.description"},
    "describe_segmentation": BASICS
    | ANSWERED
    - {f"quality.{name}" for name in ("means", "metric", "overlap", "reference_scores", "scores")}
    - {"quality.worth"}
    | {
        f"data.{name}"
        for name in (
            *("encoding", "intensity", "manifest", "normalisations", "normalise", "preparation"),
            *("own_code", "volume"),
        )
    }
    # A normalisation of the user's own goes along, by its name and place.
    | {
        "addresses",
        "model.user_code",
        "arrays",
        "deploy.describe",
        "deploy.segmentation",
        "engines.answering",
        "model.spec",
    },
    "fetch_dataset": {"files"}
    | LISTING
    | {f"data.{name}" for name in ("archive", "fetched_folder", "kaggle", "kaggle_download")},
    "list_slices": BASICS
    | CORES
    | LISTING
    | READING
    | {
        f"data.{name}"
        for name in (
            *("fetched_folder", "form", "make_manifest", "manifest", "nnunet", "scan"),
            "sharding",
        )
    },
    "encode_slices": BASICS
    | READING
    | {"addresses", "model.spec", "user_function"}
    | {
        f"data.{name}"
        for name in (
            *("encode", "encoding", "geometry", "intensity", "manifest", "normalisations"),
            *("normalise", "placement", "preparation", "prepared", "resampling", "stored"),
            *("tensor_file", "volume", "windows"),
        )
    },
}
"""Rule -> all modules of the library in its fingerprint."""

JUDGES = ("quality.scor", "quality.judg", "quality.metric", "quality.verdict", "quality.fail")
"""What judges answers; decoding them is the business of who gives them."""

FORBIDDEN = {
    "run_engine": ("data.kaggle", "data.manifest", "engines.tim", "engines.build", *JUDGES),
    "time_engine": ("data.kaggle", "data.manifest", "engines.run", "engines.build", "quality."),
    "time_reference": (
        *("data.kaggle", "engines.run", "engines.load", "runtimes.base"),
        *("quality.scoring", "quality.judg", "quality.metric", "quality.verdict", "quality.fail"),
    ),
    "write_samples": (
        *("data.kaggle", "data.normalise", "engines.run", "engines.build", "engines.tim"),
        *("runtimes.base", "runtimes.registry", *JUDGES),
    ),
    "encode_slices": (
        *("data.kaggle", "data.listing", "data.make_manifest", "data.scan", "data.sharding"),
        *("data.nnunet", "data.walk"),
    ),
    "train": (
        *("data.kaggle", "data.normalise", "data.intensity", "data.preparation", "data.manifest"),
        *("data.volume", "data.formats.read", "engines.", "quality.", "runtimes."),
    ),
    "export_onnx": ("data.", "engines.", "quality.", "runtimes."),
    "summarise": (
        *("data.kaggle", "data.make_manifest", "data.normalise", "data.tensors", "data.volume"),
        *("engines.run", "engines.load", "engines.build", "model.reference_timing.", "report."),
        *("quality.scoring", "quality.judging", "quality.metrics", "runtimes.base"),
    ),
}
"""Rule -> beginnings of names that must not be in its fingerprint."""


def closure(rule: str) -> set[str]:
    script = PACKAGE.parent / f"{rule}.py"
    return {
        name.removeprefix("segtrt.") for name in import_closure([script]) if name != script.name
    }


@pytest.mark.parametrize("rule", list(CLOSURES))
def test_a_rules_fingerprint_covers_what_it_computes_with_and_no_more(rule: str) -> None:
    assert closure(rule) == CLOSURES[rule]


@pytest.mark.parametrize("rule", list(FORBIDDEN))
def test_makers_of_what_a_rule_only_reads_are_not_in_its_fingerprint(rule: str) -> None:
    found = closure(rule)
    assert found
    assert [name for name in found if name.startswith(FORBIDDEN[rule])] == []
