"""What a run comes to, in at most ten lines."""

from segtrt.terminal.digest import digest
from segtrt.terminal.stages import STAGES

EVERY = {rule: 3 for rules in STAGES.values() for rule in rules}


def test_it_counts_by_stage_and_says_why() -> None:
    counts = {"list_slices": 1, "build_engine": 12, "note_changes": 1, "total": 14}
    assert digest(counts, changes=(), left_out={}) == [
        "13 jobs to run",
        "  images    list_slices",
        "  engines   build_engine x 12",
        "  why       not made yet",
    ]
    lines = digest(counts, changes=["a: stale (code)", "and 3 that follow"], left_out={})
    assert lines[-1] == "  why       a: stale (code) and 1 more (snakemake explain)"


def test_what_is_skipped_is_said_with_its_reason() -> None:
    left_out = {"tensorrt/b1_fp32": "no GPU", "tensorrt/b4_fp32": "no GPU", "x/b1_fp8": "too old"}
    *_, last = digest({"build_engine": 1}, changes=(), left_out=left_out)
    assert last == (
        "  skipped   2 engines such as tensorrt/b1_fp32: no GPU; and 1 more, for other reasons"
    )
    *_, last = digest({"build_engine": 1}, changes=(), left_out={"x/b1_fp8": "too old"})
    assert last == "  skipped   x/b1_fp8: too old"


def test_it_is_never_longer_than_ten_lines_of_a_hundred_characters() -> None:
    counts = {**EVERY, "their_own_rule": 7, "other": 1, "note_changes": 1}
    lines = digest(counts, changes=["x" * 300, "y"], left_out={"a": "z" * 300, "b": "z"})
    assert len(lines) == 10
    assert max(map(len, lines)) <= 100
    assert (
        lines[0] == f"{3 * len(EVERY) + 8} jobs to run, of other rules: their_own_rule x 7, other"
    )
    assert lines[-2].endswith("... and 1 more (snakemake explain)")
