"""The summary's data set: what was listed, what was scored, and how the network sees it."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from segtrt.config.settings import Settings
from segtrt.data.manifest import Manifest
from segtrt.data.prepared import Prepared
from segtrt.quality.reference_scores import ReferenceScores

Json = dict[str, Any]


def patches_entry(tensors: Sequence[Path]) -> Json:
    """How the network sees the images: `patch`, (channels, *size), and how many `patches`."""
    count, patch = 0, None
    for path in tensors:
        with Prepared(path) as shard:
            count += len(shard)
            patch = list(shard.patch)
    return {"patch": patch, "patches": count}


def dataset_entry(manifest: Manifest, reference: ReferenceScores, settings: Settings) -> Json:
    """Subjects, items and slices of each split, and what was left out."""
    counts: Json = {}
    for split in ("evaluation", "calibration", "search", ""):
        prefix = f"{split}_" if split else ""
        own = [one for one in reference.subjects if split in ("", one.split)]
        counts[f"{prefix}subjects"] = len(own)
        counts[f"{prefix}items"] = sum(one.items for one in own)
        counts[f"{prefix}slices"] = sum(one.slices for one in own)
        counts[f"{prefix}slices_seen"] = sum(one.slices_seen for one in own)
    return {
        "source": settings.dataset.source,
        "normalisation": settings.tensors.normalisation,
        **counts,
        "skipped": [{"subject": one.name, "reason": one.reason} for one in manifest.skipped],
        "twins": [asdict(one) for one in manifest.twins],
        "ignored": {"files": manifest.ignored.files, "examples": manifest.ignored.examples},
    }
