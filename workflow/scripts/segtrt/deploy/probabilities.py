"""A network's outputs as probabilities."""

import numpy as np

from segtrt.arrays import Outputs
from segtrt.quality.decode import Decoder


def probabilities_of(outputs: Outputs, decoder: Decoder) -> Outputs:
    """Probabilities of each channel: logits go through the function that the decision implies.

    Args:
        outputs: (classes, *size) float32.
        decoder: how they become labels: logits with a threshold are taken for sigmoid's, those that
            argmax decides on for softmax's.

    Returns:
        (classes, *size) float32, 0 to 1.
    """
    if decoder.activation != "none":
        return outputs
    with np.errstate(over="ignore"):
        if decoder.threshold is not None:
            found: Outputs = (1 / (1 + np.exp(-outputs))).astype(np.float32)
            return found
        raised = np.exp(outputs - outputs.max(axis=0))
    shares: Outputs = (raised / raised.sum(axis=0)).astype(np.float32)
    return shares
