"""Which engine goes into the package: the recommended one, or the one that the settings name."""

from collections.abc import Mapping
from typing import Any

from segtrt.errors import SegtrtError, name_some
from segtrt.quality.failure_words import all_in_words, broken_limits
from segtrt.quality.failures import failures_of

_PASSED = "pass"


def choose_engine(summary: Mapping[str, Any], wanted: str | None) -> dict[str, Any]:
    """The entry of the summary's `engines` that goes into the package.

    Args:
        summary: as `segtrt.summary.document.read_summary` gives it.
        wanted: the engine's name, `package.engine`; None takes the recommended one.

    Raises:
        SegtrtError: none is recommended, there is no such engine, or it did not pass validation;
            says why.
    """
    engines = {engine["name"]: engine for engine in summary["engines"]}
    name = wanted or summary["recommendation"]["engine"]
    if name is None:
        raise SegtrtError(f"there is no engine to package: {_why_none(summary['recommendation'])}")
    if name not in engines:
        known = name_some(engines, 12)
        raise SegtrtError(
            f"package.engine names {name}, which the run has not; choose from {known}"
        )
    engine: dict[str, Any] = engines[name]
    if engine["verdict"] != _PASSED:
        raise SegtrtError(
            f"{name} is not packaged: {_why_not(engine)}; choose "
            "an engine that passed (package.engine), or null for the recommended one"
        )
    return engine


def _why_none(recommendation: Mapping[str, Any]) -> str:
    """Why the run recommends no engine."""
    own = "name one that passed with package.engine"
    if recommendation["doubt"]:
        return f"none is recommended, for {recommendation['doubt']}"
    if recommendation["closest"] is None:
        return "no engine was run"
    breaks = broken_limits(
        failures_of(recommendation["failures"]), failures_of(recommendation["broken"])
    )
    return (
        f"none is recommended; {recommendation['closest']} came closest: {'; '.join(breaks)}; {own}"
    )


def _why_not(engine: Mapping[str, Any]) -> str:
    """Why an engine did not pass."""
    if engine["verdict"] == "fail":
        return f"it failed validation ({all_in_words(failures_of(engine['failures']))})"
    return engine["reason"] or f"its verdict is {engine['verdict']}"
