"""A model repository for Triton: `config.pbtxt`, the model, and a golden sample to warm up with."""

import json
import shutil
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from segtrt.arrays import Images
from segtrt.errors import SegtrtError
from segtrt.package.served import ServedModel, Tensor
from segtrt.runtimes.serving import Serving

WARM_UP = "golden_0"
_TYPES = {"FLOAT": ("TYPE_FP32", "<f4"), "FLOAT16": ("TYPE_FP16", "<f2")}
"""ONNX's name of an element type -> Triton's, and NumPy's of the bytes that it reads."""

_QUEUE_DELAY_US = 500
"""How long a request waits for others to fill the batch."""


def write_repository(
    folder: Path,
    name: str,
    model: Path,
    *,
    serving: Serving,
    served: ServedModel,
    image: Images,
    facts: Mapping[str, str],
    device: str,
) -> None:
    """Write the folder `name` of a model repository.

    Args:
        folder: the repository.
        name: the model's.
        model: the file that Triton loads.
        serving: which backend takes it.
        served: the model as servers see it.
        image: a golden sample, (1, channels, *size) float32.
        facts: parameters that clients may ask for, e.g. the labels; no backend looks at them.
        device: `cpu` or `gpu`.

    Raises:
        SegtrtError: Triton has no such element type.
    """
    place = folder / name
    (place / "1").mkdir(parents=True)
    (place / "warmup").mkdir()
    shutil.copyfile(model, place / "1" / serving.file)
    _, bytes_as = _type_of(served.input)
    count = 1 if served.batches else served.batch
    images = np.repeat(image, count, axis=0).astype(bytes_as)
    (place / "warmup" / WARM_UP).write_bytes(images.tobytes())
    text = config_text(name, serving=serving, served=served, facts=facts, device=device)
    (place / "config.pbtxt").write_text(text, encoding="utf-8")


def config_text(
    name: str,
    *,
    serving: Serving,
    served: ServedModel,
    facts: Mapping[str, str],
    device: str,
) -> str:
    """`config.pbtxt`, in protobuf's text form; arguments as for `write_repository`.

    Where the model takes batches of several sizes, Triton makes them from single requests, up to
    the proven batch; else clients send whole batches.
    """
    lead = [] if served.batches else [served.batch]
    shapes = {tensor: [*lead, *tensor.shape] for tensor in (served.input, served.output)}
    lines = [f"name: {_quoted(name)}"]
    lines += [f"{key}: {_quoted(value)}" for key, value in (serving.triton or {}).items()]
    lines.append(f"default_model_filename: {_quoted(serving.file)}")
    lines.append(f"max_batch_size: {served.batches[1] if served.batches else 0}")
    for kind, tensor in (("input", served.input), ("output", served.output)):
        lines += _group(f"{kind} [", _tensor(tensor, shapes[tensor]), "]")
    if served.batches:
        lines += _message(
            "dynamic_batching",
            [
                f"preferred_batch_size: [ {served.batch} ]",
                f"max_queue_delay_microseconds: {_QUEUE_DELAY_US}",
            ],
        )
    kind = "KIND_GPU" if device == "gpu" else "KIND_CPU"
    lines += _group("instance_group [", _message("", ["count: 1", f"kind: {kind}"]), "]")
    sample = [
        f"data_type: {_type_of(served.input)[0]}",
        f"dims: {_dims(shapes[served.input])}",
        f"input_data_file: {_quoted(WARM_UP)}",
    ]
    entry = [f"key: {_quoted(served.input.name)}", *_message("value", sample)]
    warm_up = [f"name: {_quoted(WARM_UP)}", "batch_size: 1", *_message("inputs", entry)]
    lines += _group("model_warmup [", _message("", warm_up), "]")
    for key, value in sorted({**serving.triton_parameters, **facts}.items()):
        entry = [f"key: {_quoted(key)}", *_message("value", [f"string_value: {_quoted(value)}"])]
        lines += _message("parameters", entry)
    return "\n".join(lines) + "\n"


def _tensor(tensor: Tensor, shape: Sequence[int]) -> list[str]:
    return _message(
        "",
        [
            f"name: {_quoted(tensor.name)}",
            f"data_type: {_type_of(tensor)[0]}",
            f"dims: {_dims(shape)}",
        ],
    )


def _type_of(tensor: Tensor) -> tuple[str, str]:
    if tensor.kind not in _TYPES:
        raise SegtrtError(
            f"Triton takes no {tensor.kind} as {tensor.name}; leave triton out of package.views"
        )
    return _TYPES[tensor.kind]


def _dims(shape: Iterable[int]) -> str:
    return f"[ {', '.join(map(str, shape))} ]"


def _message(name: str, lines: Sequence[str]) -> list[str]:
    return _group(f"{name} {{".lstrip(), lines, "}")


def _group(begin: str, lines: Iterable[str], end: str) -> list[str]:
    return [begin, *(f"  {line}" for line in lines), end]


def _quoted(text: str) -> str:
    """A text of protobuf's text form: what is not plain ASCII as octal numbers of its UTF-8."""
    plain = text.replace("\\", "\\\\").replace('"', '\\"')
    escaped = "".join(chr(byte) if 32 <= byte < 127 else f"\\{byte:03o}" for byte in plain.encode())
    return f'"{escaped}"'


def facts_of(labels: Mapping[str, object], segmentation: Mapping[str, object]) -> dict[str, str]:
    """What a client may ask Triton for: the labels, and how images become inputs, as JSON."""
    return {
        "labels": json.dumps(labels, sort_keys=True),
        "segmentation": json.dumps(segmentation, sort_keys=True),
    }
