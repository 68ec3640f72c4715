"""Made-up runs for the report: a demo, a GPU with trouble, the whole Kaggle set, a cluster."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from segtrt.data.manifest import SkippedSubject, Twins
from segtrt.precision import Precision
from segtrt.quality.failures import Failure

HOSTILE = "<img src=x onerror=alert(1)>\"'&amp;</script><b>" + "很长的名字" * 30


@dataclass(frozen=True)
class Fault:
    """What is wrong with one engine."""

    unstable: bool = False
    loss: float = 0.0
    """Of the metric."""
    failures: tuple[Failure, ...] = ()
    not_run: str = ""


@dataclass(frozen=True)
class Place:
    """A machine of a made-up run."""

    facts: dict[str, str]
    runtimes: Sequence[str]
    torch_ms: float
    """PyTorch's milliseconds for an image at batch 1."""
    slowness: float = 1.0
    """What the engines' times are multiplied by."""
    decode_ms: float = 0.41
    normalise_ms: float = 0.66
    copies: bool = False


@dataclass(frozen=True)
class Case:
    """A made-up run."""

    title: str
    subjects: Sequence[str]
    slices: int
    machines: dict[str, Place]
    batches: Sequence[int]
    precisions: Sequence[Precision]
    speed: Callable[[str, Precision, int], float]
    """Milliseconds for a batch."""
    seed: int = 0
    calibration: int = 1
    faults: dict[str, Fault] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)
    skipped: tuple[SkippedSubject, ...] = ()
    ignored: tuple[str, ...] = ()
    twins: tuple[Twins, ...] = ()
    rebuilt: dict[str, Sequence[str]] = field(default_factory=dict)
    """Engines that are built three times more -> why further builds came to nothing."""
    report: dict[str, Any] = field(default_factory=dict)
    runs: int = 30
    metric: str = "dice"
    classes: tuple[str, ...] = ("tumour",)
    has_truth: bool = True
    volumes: bool = False
    """Whether a subject is one volume instead of slices."""
    quality: float = 1.0
    """What the reference's figures are multiplied by."""
    earlier: bool = False
    """Whether it is compared with an earlier run, which was slower on its first runtime."""


_CPU = {
    "cpu": "Example CPU with two cores at 2.6 GHz (family 6 model 143)",
    "isa": "avx2 avx512_vnni avx512f fma",
    "cores": "2",
    "onnxruntime": "1.31.1",
    "openvino": "2026.4.1",
    "torch": "2.13.0",
    "threads": "2",
}
_GPU = {
    "cpu": "Example server CPU",
    "cores": "16",
    "gpu": "Example GPU 80GB",
    "compute_capability": "9.0",
    "driver": "590.12",
    "cuda": "13.0",
    "tensorrt_rtx": "1.6.1.120",
    "onnxruntime": "1.31.1",
    "torch": "2.13.0",
}


def demo() -> Case:
    """Five subjects and twelve engines on a small CPU."""
    factor = {Precision.FP32: 1.0, Precision.INT8: 0.55}

    def speed(runtime: str, precision: Precision, batch: int) -> float:
        base = 62.0 if runtime == "onnxruntime" else 29.0
        return base * factor[precision] * batch**0.96

    return Case(
        title="Segmentation engines, proven on your images",
        subjects=[f"DEMO_{i:04d}" for i in range(1, 6)],
        slices=16,
        machines={"": Place(_CPU, ["onnxruntime", "openvino"], torch_ms=205.0)},
        batches=[1, 4, 16],
        precisions=[Precision.FP32, Precision.INT8],
        speed=speed,
        faults={"onnxruntime/b16_fp32": Fault(unstable=True)},
    )


def gpu() -> Case:
    """A GPU run with failures, skipped engines and subjects, unstable timings, hostile names."""

    def speed(runtime: str, precision: Precision, batch: int) -> float:
        base = {"fp32": 0.5, "tf32": 0.42, "fp16": 0.29, "bf16": 0.30, "int8": 0.24, "fp8": 0.2}
        slow = 60.0 if runtime == "onnxruntime" else 1.0
        return slow * base[precision] * (0.55 + 0.45 * batch) ** 0.8

    reason = 'INT8 convolutions need one of "float, half, bf16 or fp8" on compute capability 9.0'
    return Case(
        title=f"GPU run {HOSTILE}",
        subjects=[*(f"TCGA_EX_{i:04d}_19990101" for i in range(11)), HOSTILE],
        slices=22,
        machines={"": Place(_GPU, ["tensorrt_rtx", "onnxruntime"], torch_ms=1.45, copies=True)},
        batches=[1, 4, 32],
        precisions=[Precision.FP32, Precision.TF32, Precision.FP16, Precision.BF16],
        speed=speed,
        seed=1,
        calibration=2,
        faults={
            "tensorrt_rtx/b4_fp16": Fault(unstable=True),
            "tensorrt_rtx/b32_fp16": Fault(
                loss=0.031,
                failures=(
                    Failure("max_abs_error", 0.3, 0.05),
                    Failure("metric_loss", 0.031, 0.003, of="Dice"),
                ),
            ),
            "tensorrt_rtx/b1_bf16": Fault(
                loss=0.93,
                failures=(
                    Failure("metric_loss", 0.93, 0.01, of="Dice"),
                    Failure("non_finite", 131072, 0),
                ),
            ),
            "tensorrt_rtx/b32_bf16": Fault(
                failures=(Failure("precision_share", 0.12, 0.5, at_least=True, of="bf16"),)
            ),
            "onnxruntime/b1_bf16": Fault(not_run="the GPU it was built for is not here"),
            "onnxruntime/b4_bf16": Fault(not_run="the GPU it was built for is not here"),
            "onnxruntime/b32_bf16": Fault(not_run="the GPU it was built for is not here"),
        },
        left_out={f"tensorrt_rtx/b{batch}_int8": reason for batch in (1, 4, 32)},
        skipped=(
            SkippedSubject(
                "TCGA_EX_0099_19990101", "slice 7: mask is 255 x 256, expected 256 x 256"
            ),
            SkippedSubject(HOSTILE, "folder is empty"),
        ),
        report={"max_metric_loss": 0.0005, "max_latency_ms": 0.2, "title": f"GPU run {HOSTILE}"},
        rebuilt={"tensorrt_rtx/b4_fp16": (), "tensorrt_rtx/b1_fp32": (f"no {HOSTILE}",)},
        runs=200,
        earlier=True,
    )


def kaggle() -> Case:
    """110 subjects and 24 engines."""
    factor = {Precision.FP32: 1.0, Precision.FP16: 0.7, Precision.INT8: 0.45}

    def speed(runtime: str, precision: Precision, batch: int) -> float:
        base = 232.0 if runtime == "onnxruntime" else 170.0
        return base * factor[precision] * batch**0.93

    return Case(
        title="LGG MRI, 110 patients",
        subjects=[
            f"TCGA_{['CS', 'DU', 'FG', 'HT'][i % 4]}_{4900 + i}_19970{1 + i % 9}12"
            for i in range(110)
        ],
        slices=36,
        machines={"": Place(_CPU, ["onnxruntime", "openvino"], torch_ms=414.0)},
        batches=[1, 4, 8, 16],
        precisions=[Precision.FP32, Precision.FP16, Precision.INT8],
        speed=speed,
        seed=2,
        calibration=22,
        report={"overlay_subjects": 5, "max_metric_loss": 0.005},
        runs=100,
    )


def cluster() -> Case:
    """A machine with a GPU and one without, on which an engine fails and another is skipped."""

    def speed(runtime: str, precision: Precision, batch: int) -> float:
        base = {"tensorrt_rtx": 0.6, "onnxruntime": 31.0, "openvino": 18.0}[runtime]
        factor = {Precision.FP32: 1.0, Precision.FP16: 0.6, Precision.INT8: 0.45}[precision]
        return base * factor * (0.4 + 0.6 * batch) ** 0.93

    return Case(
        title="Two machines of a cluster",
        subjects=[f"TCGA_CL_{i:04d}_19990101" for i in range(12)],
        slices=20,
        machines={
            "a100": Place(_GPU, ["tensorrt_rtx", "onnxruntime"], 2.6, copies=True),
            "epyc-9": Place(_CPU, ["onnxruntime", "openvino"], 160.0, slowness=1.9, decode_ms=0.9),
        },
        batches=[1, 4, 16],
        precisions=[Precision.FP32, Precision.FP16, Precision.INT8],
        speed=speed,
        seed=3,
        calibration=2,
        faults={
            "openvino@epyc-9/b16_int8": Fault(
                loss=0.031, failures=(Failure("metric_loss", 0.031, 0.02, of="Dice"),)
            ),
            "onnxruntime@epyc-9/b4_fp32": Fault(unstable=True),
        },
        left_out={"openvino@epyc-9/b1_bf16": "bf16 needs a processor that has it"},
        rebuilt={"tensorrt_rtx@a100/b16_fp16": (), "openvino@epyc-9/b4_int8": ()},
        runs=100,
        earlier=True,
    )


def organs() -> Case:
    """Volumes of three classes, judged by a distance."""
    return replace(
        demo(),
        title="Organs in volumes",
        subjects=[f"case_{i:02d}" for i in range(7)],
        slices=60,
        seed=4,
        ignored=("notes.txt", "backup/case_00.nii.gz"),
        twins=(Twins(("case_00", "case_03"), ("calibration", "evaluation"), 1),),
        metric="hd95",
        classes=("liver", "spleen", "left kidney"),
        volumes=True,
        faults={},
        report={"max_metric_loss": 0.5},
    )


def unlabelled() -> Case:
    """Images without ground truth."""
    return replace(
        demo(),
        title="Without ground truth",
        seed=5,
        has_truth=False,
        faults={},
        rebuilt={"openvino/b4_int8": ()},
    )


def hollow() -> Case:
    """A network that finds nothing of what it should."""
    return replace(demo(), title="Another network's images", seed=6, quality=0.01, faults={})


CASES = {
    "demo": demo,
    "gpu": gpu,
    "kaggle": kaggle,
    "cluster": cluster,
    "organs": organs,
    "unlabelled": unlabelled,
    "hollow": hollow,
}
