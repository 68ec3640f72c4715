"""Describing how a run's engines segment: `segmentation.json` from settings and what was found."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from segtrt.data.encoding import encoding_of
from segtrt.data.intensity import Intensity
from segtrt.data.labels import Labels
from segtrt.data.layout import Layout
from segtrt.data.manifest import read_manifest
from segtrt.data.own_code import carried, copy_code
from segtrt.deploy.segmentation import Segmentation
from segtrt.engines.answering import decoder_of
from segtrt.files import sha256_file
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
    code: Path | None = None,
) -> None:
    """Write the description that engines of this run share.

    A normalisation of the user's own goes along as a file, so that nothing else is needed later.

    Args:
        manifest: the data set's; its images' grids decide the patch where the settings do not.
        network: the network's contract.
        out: the file to write.
        layout: where images are.
        labels: the classes of masks; None without masks: then they are 1, 2, ...
        tensors: the settings of that name, as JSON values.
        decoding: how outputs become labels (`segtrt.engines.answering.decoder_of`).
        largest_component: whether only the largest component of each class is kept.
        code: the file to write of the user's own normalisation (`segtrt.data.own_code.CODE` beside
            `out`); None where there is none to take along.

    Raises:
        SegtrtError: a file cannot be read, or network, images and settings do not go together.
    """
    listed, spec = read_manifest(manifest), read_spec(network)
    encoding = encoding_of(tensors, spec, listed.grids)
    preparation = encoding.preparation
    if code is not None:
        copy_code(tensors["normalisation"], code)
        intensity = Intensity(carried(tensors["normalisation"]))
        preparation = replace(preparation, intensity=intensity)
    decoder = replace(decoder_of(spec, decoding), largest_component=largest_component)
    names = class_names(labels, decoder.classes(spec.classes))
    Segmentation(
        network=spec,
        patch=(encoding.channels, *encoding.patch),
        preparation=preparation,
        window=encoding.window,
        stacks=encoding.stacks,
        decoder=decoder,
        labels=labels_to_write(labels, names),
        crops=tensors["size"] is not None,
        layout=replace(layout, channels=listed.channels or None),
        code_sha256=None if code is None else sha256_file(code),
    ).write(out)
