"""Which rule is which stage."""

import re
from pathlib import Path

from segtrt.terminal.stages import QUIET, STAGES, by_stage, stage_of

RULES = Path(__file__).resolve().parents[3] / "workflow/rules"
UPKEEP = {"describe_machine", "describe_machines", "blame", "check", "explain", "verify"}
"""Asked for by name; reported as what they are."""


def test_every_rule_that_makes_something_has_a_stage() -> None:
    rules = {
        name
        for path in RULES.glob("*.smk")
        for name in re.findall(r"^ *rule (\w+):", path.read_text("utf-8"), re.MULTILINE)
    }
    reported = {rule for own in STAGES.values() for rule in own}
    assert len(reported) == sum(map(len, STAGES.values()))
    assert {name for name in rules - reported if not name.startswith("clean_")} == UPKEEP | (
        QUIET - {"total"}
    )
    assert reported <= rules


def test_a_modules_rules_have_a_prefix() -> None:
    assert stage_of("brain_build_engine") == stage_of("build_engine") == "engines"
    assert stage_of("rebuild_engine") == "runs"
    assert stage_of("prebuild_engine") == stage_of("all") == ""


def test_stages_come_in_their_order_and_the_rest_last() -> None:
    counts = {"mine": 2, "write_report": 1, "list_slices": 1, "total": 4, "note_changes": 1}
    assert by_stage(counts) == {
        "images": {"list_slices": 1},
        "report": {"write_report": 1},
        "": {"mine": 2},
    }
    assert list(by_stage(counts)) == ["images", "report", ""]
