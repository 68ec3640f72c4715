"""The settings that a configuration comes to, one frozen dataclass for each group.

Attributes are named as the keys of `workflow/schemas/config.schema.yaml`, which says what each
means, allows and defaults to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from segtrt.config.package import PackageSettings
from segtrt.config.precision_search import PrecisionSearch
from segtrt.config.publish import PublishSettings
from segtrt.config.typed import as_json
from segtrt.engines.budget import TimingBudget
from segtrt.graphs.sample import Sample
from segtrt.precision import MIXES, Precision

UNET = "unet"
DEMO_WEIGHTS = "data/demo/weights.safetensors"

Tolerance = Mapping[str, float | None]
"""Figure (`segtrt.quality.metric_table`) -> what an engine may differ by; None: it is unchecked."""


@dataclass(frozen=True)
class Dataset:
    """Which images."""

    source: Literal["auto", "demo", "kaggle", "path", "nnunet"]
    """Never `auto` once a configuration is resolved."""
    path: str | None
    images: str
    masks: str | None
    channels: tuple[str, ...] | None
    labels: Mapping[int, str] | None
    ignored: int | None
    subjects: tuple[str, ...] | None
    shards: int
    calibration_fraction: float
    search_fraction: float
    seed: int
    on_bad_subject: Literal["fail", "skip"]


@dataclass(frozen=True)
class WindowSettings:
    """Overlapping patches that items are cut into."""

    size: tuple[int, ...] | None
    overlap: float
    blend: Literal["constant", "gaussian"]


@dataclass(frozen=True)
class Tensors:
    """How images become network input."""

    normalisation: str
    mean: tuple[float, ...] | None
    std: tuple[float, ...] | None
    range: tuple[float, ...] | None
    percentiles: tuple[float, ...] | None
    nonzero_only: bool
    size: tuple[int, ...] | None
    fit: Literal["linear", "nearest", "area", "pad"]
    axis: int | None
    spacing: tuple[float | None, ...] | None
    window: WindowSettings
    samples: tuple[Sample, ...] | None

    @property
    def encoding(self) -> dict[str, Any]:
        """All but the samples, as JSON values: what decides patches."""
        return {name: value for name, value in as_json(self).items() if name != "samples"}


@dataclass(frozen=True)
class ModelInput:
    """What is fixed of the network's input."""

    channels: int | None
    size: tuple[int, ...] | None


@dataclass(frozen=True)
class Model:
    """Which network."""

    network: str
    arguments: Mapping[str, Any]
    weights: str | None
    sha256: str | None
    activation: Literal["auto", "sigmoid", "softmax", "none"]
    output: str | None
    input: ModelInput
    opset: int

    @property
    def given_weights(self) -> str | None:
        """Weights given apart from the source, if any: for the U-Net the demo's, unless named."""
        return DEMO_WEIGHTS if self.weights is None and self.network == UNET else self.weights

    @property
    def called_with(self) -> Mapping[str, Any]:
        """The factory's arguments; the U-Net is as wide as the demo's unless they say otherwise."""
        return {**({"init_features": 16} if self.network == UNET else {}), **self.arguments}


@dataclass(frozen=True)
class Training:
    """How the network is trained."""

    epochs: int
    batch_size: int
    learning_rate: float
    validation_fraction: float
    seed: int


@dataclass(frozen=True)
class DynamicBatch:
    """The optimisation profile of an engine that takes several batch sizes."""

    min: int
    opt: int
    max: int


@dataclass(frozen=True)
class Calibration:
    """How ranges of quantised graphs are found."""

    method: Literal["minmax", "entropy", "percentile"]
    slices: int


@dataclass(frozen=True)
class Engines:
    """Which engines."""

    runtimes: tuple[str, ...]
    batch_sizes: tuple[int, ...]
    precisions: str | tuple[Precision, ...]
    """Or `auto`: each runtime's own (`Runtime.auto_precisions`)."""
    on_unsupported: Literal["fail", "skip"]
    profile: str | tuple[str, ...]
    dynamic_batch: DynamicBatch
    workspace_mib: int
    optimisation_level: int
    compute_capabilities: tuple[str, ...]
    rebuilds: int
    calibration: Calibration

    @property
    def named_precisions(self) -> tuple[Precision, ...]:
        """The precisions that are listed; none for `auto`."""
        return () if isinstance(self.precisions, str) else self.precisions

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles asked for, `static` first."""
        return (self.profile,) if isinstance(self.profile, str) else self.profile


@dataclass(frozen=True)
class MachineSettings:
    """What the configuration says of one machine of a cluster."""

    runtimes: tuple[str, ...] | None
    resources: Mapping[str, str | int]


@dataclass(frozen=True)
class Inference:
    """How engines are run and timed."""

    mode: Literal["stream", "graph", "overlapped"]
    iterations: int
    max_seconds: float | None
    warmup_max_seconds: float
    threads: int | None

    @property
    def budget(self) -> TimingBudget:
        """When the timing of an engine ends."""
        return TimingBudget(self.iterations, self.max_seconds, self.warmup_max_seconds)


@dataclass(frozen=True)
class Validation:
    """When an engine passes."""

    decide: Mapping[str, float] | str | None
    """`threshold` and its value, or `argmax`; None leaves the choice to `Decoder.usual`."""
    largest_component: bool | None
    metric: str
    min_reference: float
    raw_mib: int
    tolerances: Mapping[Precision, Tolerance]


@dataclass(frozen=True)
class Report:
    """What the report shows."""

    title: str
    max_metric_loss: float
    confident: bool
    torch_compile: bool
    max_latency_ms: float | None
    overlay_subjects: int
    overlay_slices: int
    display_channel: int | None
    compare_with: str | None


@dataclass(frozen=True)
class Settings:
    """A complete configuration."""

    dataset: Dataset
    tensors: Tensors
    model: Model
    training: Training
    engines: Engines
    machines: Mapping[str, MachineSettings]
    inference: Inference
    validation: Validation
    precision_search: PrecisionSearch
    report: Report
    package: PackageSettings
    publish: PublishSettings

    @property
    def mixes(self) -> tuple[Precision, ...]:
        """The mixes asked for, one for each budget."""
        asked = any(precision.is_mix for precision in self.engines.named_precisions)
        return MIXES[: len(self.precision_search.max_loss)] if asked else ()

    @property
    def gain_batch_size(self) -> int:
        """The batch size at which it is timed what regions gain in low precision."""
        return self.precision_search.batch_size or max(self.engines.batch_sizes)

    def tolerance(self, precision: Precision) -> Tolerance:
        """What an engine of this precision may differ by."""
        return self.validation.tolerances[precision.judged_as]

    @property
    def keeps_largest_component(self) -> bool:
        """Whether of each class only the largest component is kept."""
        chosen = self.validation.largest_component
        return self.model.network == UNET if chosen is None else chosen
