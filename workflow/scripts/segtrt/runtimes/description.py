"""Data about an engine that runtimes and files share: its settings, its layers, a batch's times."""

from dataclasses import dataclass

from segtrt.precision import Precision


@dataclass(frozen=True)
class BuildSettings:
    """How an engine is built from its graph; `Runtime.key_settings` says what goes into its key."""

    batch_size: int
    precision: Precision
    profile: str = "static"
    """`static`: the batch size alone; `dynamic`: any batch from `dynamic_min` to `dynamic_max`."""
    dynamic_min: int = 1
    dynamic_opt: int = 1
    dynamic_max: int = 32
    workspace_mib: int = 1024
    optimisation_level: int = 3
    """TensorRT's builder level, 0 to 5."""
    compute_capabilities: tuple[str, ...] = ()
    """GPUs that a TensorRT-RTX engine is built for, e.g. `("8.9", "9.0")`; empty: the GPU here."""
    patch: tuple[int, ...] = ()
    """(channels, *size) of one image as the engine takes it; empty until it is known, as it is when
    an engine is built."""
    output: tuple[int, ...] = ()
    """(classes, *size) of the answer to one; empty until it is known."""

    @property
    def largest_batch(self) -> int:
        """The largest batch that the engine takes."""
        return self.dynamic_max if self.profile == "dynamic" else self.batch_size


@dataclass(frozen=True)
class Layer:
    """One layer of a built engine, as the runtime's own inspector tells it."""

    name: str
    kind: str
    """The runtime's name for the operation, e.g. `Convolution`, `Conv`, `FusedConv`."""
    dtype: str
    """Type in which it computes: `fp32`, `tf32`, `fp16`, `bf16`, `int8`, `fp8` or `other`."""
    flops: float | None = None
    """Floating-point operations for one run (a multiply-add is two), where it is known."""


@dataclass(frozen=True)
class BatchTiming:
    """Times of one batch, in milliseconds; None where the device has no such step."""

    run_ms: float
    copy_in_ms: float | None = None
    copy_out_ms: float | None = None

    @property
    def total_ms(self) -> float:
        """Copy-in, run and copy-out together: the batch's latency."""
        return self.run_ms + (self.copy_in_ms or 0.0) + (self.copy_out_ms or 0.0)
