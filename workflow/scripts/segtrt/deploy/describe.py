"""Describing how a run's engines segment: `segmentation.json` from settings and what was found."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from segtrt.data.encoding import encoding_of
from segtrt.data.labels import Labels
from segtrt.data.layout import Layout
from segtrt.data.manifest import read_manifest
from segtrt.deploy.segmentation import Segmentation
from segtrt.engines.answering import decoder_of
from segtrt.model.spec import read_spec
from segtrt.quality.subject_labels import class_names, labels_to_write


def describe_segmentation(
    manifest: Path,
    network: Path,
    out: Path,
    *,
    layout: Layout,
    labels: Labels | None,
    tensors: Mapping[str, Any],
    decoding: Mapping[str, Any],
    largest_component: bool,
) -> None:
    """Write the description that engines of this run share.

    Args:
        manifest: the data set's; its images' grids decide the patch where the settings do not.
        network: the network's contract.
        out: the file to write.
        layout: where images are.
        labels: the classes of masks; None without masks: then they are 1, 2, ...
        tensors: the settings of that name, as JSON values.
        decoding: how outputs become labels (`segtrt.engines.answering.decoder_of`).
        largest_component: whether only the largest component of each class is kept.

    Raises:
        SegtrtError: a file cannot be read, or network, images and settings do not go together.
    """
    listed, spec = read_manifest(manifest), read_spec(network)
    encoding = encoding_of(tensors, spec, listed.grids)
    decoder = replace(decoder_of(spec, decoding), largest_component=largest_component)
    names = class_names(labels, decoder.classes(spec.classes))
    Segmentation(
        network=spec,
        patch=(encoding.channels, *encoding.patch),
        preparation=encoding.preparation,
        window=encoding.window,
        stacks=encoding.stacks,
        decoder=decoder,
        labels=labels_to_write(labels, names),
        crops=tensors["size"] is not None,
        layout=replace(layout, channels=listed.channels or None),
    ).write(out)
