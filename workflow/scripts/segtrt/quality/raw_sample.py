"""Which patches' raw outputs are kept: all while they fit, else an even sample over subjects."""

from collections.abc import Mapping


def choose_patches(
    counts: Mapping[str, int], patch_bytes: int, budget_bytes: int
) -> dict[str, tuple[int, ...]]:
    """Choose patches whose raw outputs fit into a budget.

    Every subject gives equally many, or all it has; what is left over goes one by one to subjects
    spread evenly over their order. A subject's patches are spread evenly over it. The result
    depends on the arguments alone, so every engine keeps the same patches as the reference.

    Args:
        counts: each subject's number of patches.
        patch_bytes: bytes of one patch's raw output, above 0.
        budget_bytes: bytes that may be kept; at least one patch is kept all the same, so that
            there is something to compare.

    Returns:
        For each subject, in the order of `counts`, the positions of the patches kept, ascending.
    """
    budget = max(1, budget_bytes // patch_bytes)
    quota = _quotas(list(counts.values()), budget)
    return {
        subject: _spread(count, kept)
        for (subject, count), kept in zip(counts.items(), quota, strict=True)
    }


def _quotas(counts: list[int], budget: int) -> list[int]:
    left = min(budget, sum(counts))
    quotas = [0] * len(counts)
    while left:
        open_places = [place for place, count in enumerate(counts) if quotas[place] < count]
        if left < len(open_places):
            for chosen in _spread(len(open_places), left):
                quotas[open_places[chosen]] += 1
            break
        # As far as the smallest of them goes, or as far as what is left goes round.
        smallest = min(counts[place] - quotas[place] for place in open_places)
        share = min(left // len(open_places), smallest)
        for place in open_places:
            quotas[place] += share
        left -= share * len(open_places)
    return quotas


def _spread(count: int, kept: int) -> tuple[int, ...]:
    """`kept` of `count` positions, each in the middle of an equal stretch."""
    return tuple((2 * index + 1) * count // (2 * kept) for index in range(kept))
