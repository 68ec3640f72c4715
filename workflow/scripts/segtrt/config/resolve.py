"""From what the user wrote to settings: completed with defaults, checked, typed."""

from collections.abc import Iterator, Mapping
from typing import Any

from segtrt.config.faults import faults_of
from segtrt.config.images import choose_source, faults_of_images
from segtrt.config.network import faults_of_network
from segtrt.config.resources import misplaced_resources
from segtrt.config.schema import complete, load_schema
from segtrt.config.settings import Settings
from segtrt.config.typed import as_json, from_values
from segtrt.errors import SegtrtError


def resolve_config(given: Mapping[str, Any]) -> Settings:
    """Check a configuration and fill in the defaults.

    Args:
        given: what the user wrote, config files and `--config` already merged. Text stands for
            the number, truth value or null that it spells where the schema asks for one.

    Returns:
        The settings; two configurations that mean the same give equal ones.

    Raises:
        SegtrtError: unknown keys or wrong values, all of them in one line.
    """
    schema = load_schema()
    values = complete(given, schema)
    faults = faults_of(values, schema)
    if not faults:
        choose_source(values["dataset"])
        _settle_profile(values["engines"])
        _settle_budgets(values["precision_search"])
        settings = from_values(Settings, values)
        faults = list(_contradictions(settings))
    if faults:
        raise SegtrtError("configuration: " + "; ".join(faults))
    return settings


def _settle_profile(engines: dict[str, Any]) -> None:
    """One profile in a list is that profile; both have one order."""
    if not isinstance(engines["profile"], str):
        first, *more = sorted(engines["profile"], reverse=True)
        engines["profile"] = [first, *more] if more else first


def _settle_budgets(search: dict[str, Any]) -> None:
    """A budget alone is a list of one."""
    if not isinstance(search["max_loss"], list):
        search["max_loss"] = [search["max_loss"]]


def _contradictions(settings: Settings) -> Iterator[str]:
    """Faults between keys, which a schema cannot tell."""
    dataset, engines = settings.dataset, settings.engines
    yield from faults_of_images(dataset, settings.tensors)
    yield from faults_of_network(settings.model)
    batch = engines.dynamic_batch
    if not batch.min <= batch.opt <= batch.max:
        yield (
            f"engines.dynamic_batch is {as_json(batch)!r}, allowed: min at most opt, opt at most "
            "max"
        )
    if "dynamic" in engines.profiles:
        outside = [size for size in engines.batch_sizes if not batch.min <= size <= batch.max]
        if outside:
            yield (
                f"engines.batch_sizes has {outside}, outside engines.dynamic_batch "
                f"({batch.min} to {batch.max})"
            )
    yield from misplaced_resources(settings.machines)
    quantised = [precision for precision in engines.named_precisions if precision.is_quantised]
    if quantised and dataset.calibration_fraction == 0:
        yield (
            f"dataset.calibration_fraction is 0, but engines.precisions has {quantised[0]}, "
            "which needs calibration subjects"
        )
    if (
        any(precision.is_mix for precision in engines.named_precisions)
        and not dataset.search_fraction
    ):
        yield (
            "engines.precisions has mixed, whose regions are judged on subjects of their own, and "
            "dataset.search_fraction is 0; set it, e.g. to 0.2"
        )
