"""What decides an outcome beside settings and sources, and settings as a report depends on them."""

import hashlib
import json
from pathlib import Path
from typing import Any

from segtrt.config.resolve import resolve_config
from segtrt.plan.contents import digest_compared, reported_settings, versions_of


def reported(**groups: Any) -> dict[str, Any]:
    return reported_settings(resolve_config(groups))


def test_paths_are_reduced_to_names() -> None:
    dataset = {"source": "path", "path": "/a/kaggle_3m"}
    report = {"compare_with": "../b/summary.json"}
    values = reported(dataset=dataset, model={"weights": "b/w.pt"}, report=report)
    assert values["dataset"]["path"] == "kaggle_3m"
    assert values["model"]["weights"] == "w.pt"
    assert values["report"]["compare_with"] == "summary.json"
    url = "https://example.org/a/w-0123abcd.pt"
    assert reported(model={"weights": url})["model"]["weights"] == url


def test_the_order_of_lists_and_the_way_to_a_machine_do_not_count() -> None:
    one = reported(
        dataset={"subjects": ["a", "b"]},
        engines={"batch_sizes": [1, 4], "precisions": ["fp32", "int8"]},
        machines={"m": {"runtimes": ["openvino", "auto"], "resources": {"gres": "a"}}, "n": None},
    )
    two = reported(
        dataset={"subjects": ["b", "a"]},
        engines={"batch_sizes": [4.0, "1"], "precisions": ["int8", "fp32"]},
        machines={"n": {}, "m": {"runtimes": ["auto", "openvino"], "resources": {"gres": "b"}}},
    )
    assert json.dumps(one) == json.dumps(two)
    assert one["machines"] == {"m": ["auto", "openvino"], "n": None}
    assert one != reported(dataset={"subjects": ["a"]})


def test_every_other_setting_counts() -> None:
    usual = reported()
    assert usual != reported(report={"title": "Other"})
    assert usual != reported(inference={"iterations": 7})
    assert usual != reported(validation={"tolerances": {"int8": {"metric_loss": 0.5}}})


def test_the_compared_summary_counts_by_content(tmp_path: Path) -> None:
    file = tmp_path / "summary.json"
    assert digest_compared(None) == digest_compared(str(file)) == ""
    file.write_text("{}")
    assert digest_compared(str(file)) == hashlib.sha256(b"{}").hexdigest()


def test_a_package_that_is_not_installed_has_no_version() -> None:
    assert versions_of("no-such-package", "numpy")["no-such-package"] is None
    assert versions_of("numpy")["numpy"]
