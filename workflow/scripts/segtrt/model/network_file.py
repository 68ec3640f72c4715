"""The network's contract as jobs are given it."""

from pathlib import Path

from segtrt.model.spec import Activation, NetworkSpec, read_spec

UNET = NetworkSpec(
    input="input",
    channels=3,
    size=(None, None),
    multiple=(16, 16),
    batch=None,
    output="output",
    classes=1,
    activation=Activation.SIGMOID,
    stride=(1, 1),
)
"""The contract of the brain-MRI U-Net."""


def spec_of(path: str | Path | None) -> NetworkSpec:
    """The contract in a file, or the U-Net's where there is none.

    Raises:
        SegtrtError: the file is missing or no contract.
    """
    return UNET if path is None else read_spec(Path(path))
