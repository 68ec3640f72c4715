"""Scoring the reference: its masks, made once for all engines, against ground truth."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from segtrt.data.shards import Shard, refuse_other_slices
from segtrt.progress import track
from segtrt.quality.mask_shards import write_masks
from segtrt.quality.metrics import dice, masks_of
from segtrt.quality.non_finite import find_non_finite, not_comparable
from segtrt.quality.reference_scores import ReferenceScores, ReferenceSubject


def score_reference(
    *,
    tensor_shards: Sequence[Path],
    reference_shards: Sequence[Path],
    out_json: Path,
    out_masks: Sequence[Path],
    threshold: float,
    largest_component: bool,
) -> None:
    """Write the reference's masks and score them against ground truth, subject by subject.

    Args:
        tensor_shards: shards with `masks`, (N, 256, 256) uint8 0/1.
        reference_shards: shards with `probabilities` from PyTorch, in the same order.
        out_json: the figures (`segtrt.quality.reference_scores`).
        out_masks: one file for each shard, in the same order (`segtrt.quality.mask_shards`).
        threshold: probability above which a pixel is foreground.
        largest_component: keep only the largest component of a subject's volume.

    Raises:
        SegtrtError: a shard cannot be read, shards do not belong together, or PyTorch's
            probabilities are not finite.
    """
    subjects: list[ReferenceSubject] = []
    for paths in zip(tensor_shards, reference_shards, out_masks, strict=True):
        subjects += _score_shard(*paths, threshold, largest_component)
    ReferenceScores(threshold, largest_component, tuple(subjects)).write(out_json)


def _score_shard(
    tensors: Path, reference: Path, out_masks: Path, threshold: float, largest_component: bool
) -> list[ReferenceSubject]:
    found = []
    with ExitStack() as stack:
        truth, answers = (stack.enter_context(Shard(path)) for path in (tensors, reference))
        refuse_other_slices(truth, answers)
        height, width = truth.rows("masks", 0, 0).shape[1:]
        append = stack.enter_context(write_masks(out_masks, truth.index, (height, width)))
        runs = truth.subjects()
        for subject, rows in track(runs.items(), "scoring PyTorch", len(runs), "subjects"):
            probabilities = answers.rows("probabilities", rows.start, rows.stop)
            refs = truth.index[rows]
            if fault := find_non_finite(probabilities, refs):
                raise not_comparable(reference, fault)
            masks = masks_of(probabilities, threshold, largest=largest_component)
            append(masks)
            true_masks = truth.rows("masks", rows.start, rows.stop)
            found.append(
                ReferenceSubject(subject, refs[0].split, len(refs), dice(masks, true_masks))
            )
    return found
