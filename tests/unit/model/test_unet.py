"""The network: its entries, arithmetic, gradient path and export."""

import json
from pathlib import Path

import numpy as np
import torch
from segtrt.model.unet import build_unet

# Names, shapes and types of the published checkpoint; the file names its source.
PUBLISHED = json.loads(Path(__file__).with_name("unet_state_dict.json").read_text())


def test_entries_equal_the_published_checkpoint_in_order() -> None:
    with torch.device("meta"):
        network = build_unet(PUBLISHED["architecture"]["init_features"])
    entries = [
        (name, list(value.shape), str(value.dtype).removeprefix("torch."))
        for name, value in network.state_dict().items()
    ]
    assert entries == [
        (name, entry["shape"], entry["dtype"]) for name, entry in PUBLISHED["state_dict"].items()
    ]
    assert len(entries) == 118
    assert sum(parameter.numel() for parameter in network.parameters()) == 7_763_041


def test_output_is_a_probability_for_each_pixel() -> None:
    torch.manual_seed(0)
    network = build_unet(2).eval()
    with torch.inference_mode():
        output = network(torch.randn(2, 3, 64, 48))
    assert output.shape == (2, 1, 64, 48)
    assert 0 < float(output.min()) < float(output.max()) < 1


def test_upsampled_features_come_before_the_skip_connection() -> None:
    """Cutting the first half of dec1conv1's input must cut off everything below level 1."""
    torch.manual_seed(0)
    network = build_unet(2).eval()
    images = torch.randn(1, 3, 32, 32)
    with torch.inference_mode():
        network.get_submodule("decoder1.dec1conv1").weight[:, :2] = 0
        before = network(images)
        network.get_submodule("upconv1").weight.add_(1.0)
        assert torch.equal(network(images), before)
        network.get_submodule("encoder1.enc1conv2").weight.add_(1.0)
        assert not torch.equal(network(images), before)


def test_every_parameter_gets_a_gradient() -> None:
    torch.manual_seed(0)
    network = build_unet(2)
    network(torch.randn(2, 3, 32, 32)).sum().backward()
    still = [n for n, p in network.named_parameters() if p.grad is None or not p.grad.any()]
    assert still == []


def test_export_to_onnx_has_a_dynamic_batch_and_the_same_values(tmp_path: Path) -> None:
    import onnxruntime

    torch.manual_seed(0)
    network = build_unet(2).eval()
    path = tmp_path / "model.onnx"
    torch.onnx.export(
        network,
        (torch.randn(2, 3, 64, 64),),
        path,
        dynamo=True,
        verbose=False,
        dynamic_shapes={"images": {0: torch.export.Dim("batch")}},
    )
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    images = torch.randn(5, 3, 64, 64)
    (output,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(output, network(images).numpy(), atol=1e-5)
