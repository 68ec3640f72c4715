"""Which engines failed, for the rule that ends with an error then."""

from collections.abc import Sequence
from pathlib import Path

from segtrt.quality.failure_words import all_in_words
from segtrt.quality.verdict import read_verdict


def check(verdicts: Sequence[Path]) -> list[str]:
    """What failed, one line an engine, e.g. `openvino@a100/b4_int8: loss of Dice 0.03, limit 0.02`.

    Engines are called as their paths call them: a verdict knows no machine's name. Empty if every
    engine passed or was skipped.
    """
    lines = []
    for path in verdicts:
        verdict = read_verdict(path)
        if verdict.verdict == "fail":
            lines.append(f"{path.parent.name}/{path.stem}: {all_in_words(verdict.failures)}")
    return lines
