"""What `segtrt run` judges a result by: what was given, or what the run judged the engine by."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from segtrt.config.resolve import resolve_config
from segtrt.engines.record import EngineRecord
from segtrt.model.spec import NetworkSpec
from segtrt.quality.decode import Decoder
from segtrt.quality.sample_limits import SampleLimits
from segtrt.quality.scores import read_scores
from segtrt.quality.verdict import read_verdict

_ENGINES = "engines"
"""Folder of the results that holds engines, beside those of scores and verdicts."""


@dataclass(frozen=True)
class Limits:
    """What a result may differ by from the output beside its input."""

    figures: SampleLimits
    decoder: Decoder
    """How outputs become labels."""
    source: str
    """Where the limits come from, in words."""

    def __str__(self) -> str:
        limits = []
        if (error := self.figures.max_abs_error) is not None:
            limits.append(f"error of an output at most {error:g}")
        if (flipped := self.figures.flipped_fraction) is not None:
            limits.append(f"at most {flipped * 100:g} % of pixels flipped")
        if (spread := self.figures.relative_rms) is not None:
            limits.append(f"relative error of the outputs at most {spread:g}")
        return f"{', '.join(limits) or 'no limit'}; {self.source}"


def limits_of(
    engine: Path, record: EngineRecord, *, atol: float | None, max_flipped: float | None
) -> Limits:
    """The limits given; if none is, the tolerances that the engine's verdict was reached by.

    An engine that does not lie in a run's results, or was not judged yet, has the defaults of its
    precision. Which of the tolerances hold for a few inputs says `SampleLimits.of`.

    Args:
        engine: the engine file.
        record: its record.
        atol: largest error of an output value, or None.
        max_flipped: largest share of pixels whose label differs, or None.

    Raises:
        SegtrtError: the run's verdict or scores cannot be read.
    """
    defaults = resolve_config({})
    scores = _beside(engine, "scores")
    decoder = Decoder.from_json(read_scores(scores).decoder) if scores else _usual(record.network)
    if atol is not None or max_flipped is not None:
        return Limits(SampleLimits(atol, None, max_flipped), decoder, "as given")
    verdict = _beside(engine, "validation")
    tolerance: Mapping[str, float | None]
    if verdict:
        tolerance, source = read_verdict(verdict).tolerance, f"from {verdict}"
    else:
        tolerance = defaults.tolerance(record.settings.precision)
        source = f"the default of {record.settings.precision}, as the engine has no verdict here"
    return Limits(SampleLimits.of(tolerance), decoder, source)


def _usual(network: NetworkSpec) -> Decoder:
    return Decoder.usual(network.activation.value, network.classes)


def _beside(engine: Path, kind: str) -> Path | None:
    """The engine's file of one kind in the results that it lies in; None if there is none.

    Engines are `engines/{runtime}/b{batch}_{precision}/engine.bin`, their other files
    `{kind}/{runtime}/b{batch}_{precision}.json` beside that folder.
    """
    cell = engine.absolute().parent
    engines = cell.parents[1] if len(cell.parents) > 1 else cell
    path = engines.with_name(kind) / cell.parent.name / f"{cell.name}.json"
    if engines.name != _ENGINES or not path.is_file():
        return None
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
