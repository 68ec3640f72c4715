"""The contract of the network that the demo and the Kaggle data set come with."""

from segtrt.model.spec import Activation, NetworkSpec

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
