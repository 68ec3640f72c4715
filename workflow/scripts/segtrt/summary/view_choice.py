"""Which pictures the report shows: subjects by their figure, and what tells most of each."""

from collections.abc import Mapping, Sequence
from typing import Any

from segtrt.quality.scores import Figures, SubjectScore, View
from segtrt.quality.views import spread

MAX_PICTURES = 700
"""Pictures in all, about 5 kB each; engines later in line share those of the earlier ones."""

Json = dict[str, Any]
Key = tuple[str, str, int | None]
"""Subject, item and plane; no plane of a 2-D item."""


def key_of(view: View) -> Key:
    """What identifies a view."""
    return view.subject, view.item, view.plane


def key_text(key: Key) -> str:
    """A view's key in `index.json`."""
    subject, item, plane = key
    return f"{subject}/{item}" if plane is None else f"{subject}/{item}/{plane}"


def choose_subjects(
    entries: Sequence[SubjectScore], count: int, *, higher_is_better: bool = True
) -> list[tuple[str, SubjectScore]]:
    """Best, median and worst evaluation subject by the metric, then the next worst: (role, entry).

    Without ground truth they are ranked by their agreement with the reference, and where that has
    no figure either by their flipped pixels. With an even number the median is the worse of the two
    in the middle; a subject is shown once.
    """
    ranked = sorted(
        (entry for entry in entries if entry.split == "evaluation"),
        key=lambda entry: (_worst_last(entry, higher_is_better), entry.subject),
    )
    if not ranked:
        return []
    places = [(0, "best"), (len(ranked) // 2, "median"), (len(ranked) - 1, "worst")]
    places += [(place, "more") for place in range(len(ranked) - 2, 0, -1)]
    chosen: dict[int, str] = {}
    # With few subjects the extremes come before the middle.
    for place, role in sorted(places[:3], key=lambda one: one[1] == "median") + places[3:]:
        chosen.setdefault(place, role)
    kept = dict(list(chosen.items())[:count])
    return [(role, ranked[place]) for place, role in sorted(kept.items())]


def _worst_last(entry: SubjectScore, higher_is_better: bool) -> tuple[float, int]:
    """Sort key, the best subject first."""
    figure = entry.agreement if entry.figure is None else entry.figure
    if figure is None:
        return 0.0, entry.flipped_pixels
    return (-figure if higher_is_better else figure), 0


def choose_views(
    figures: Figures,
    telling: Mapping[str, Sequence[Key]],
    subjects: int,
    views: int,
    wanted: dict[Key, None],
    *,
    higher_is_better: bool = True,
) -> Json:
    """One engine's choice, as in `index.json`; adds to `wanted` while there is room.

    Args:
        figures: the engine's.
        telling: subject -> its views where something lies, in order.
        subjects: subjects to show.
        views: views of each, spread over the telling ones, and views where engine and reference
            differ most.
        wanted: what was chosen so far, for all engines.
        higher_is_better: the metric's direction.
    """

    def take(key: Key) -> bool:
        if key not in wanted and len(wanted) >= MAX_PICTURES:
            return False
        wanted[key] = None
        return True

    chosen: list[Key] = []
    shown = []
    known = {key_of(view): view for view in figures.views}
    ranked = choose_subjects(figures.subjects, subjects, higher_is_better=higher_is_better)
    for role, entry in ranked:
        own = [key for key in telling[entry.subject] if key in known]
        keys = [key for key in spread(own, views) if take(key)]
        chosen += keys
        shown.append(
            {
                "subject": entry.subject,
                "role": role,
                "figure": entry.figure,
                "reference_figure": entry.reference_figure,
                "agreement": entry.agreement,
                "views": [key_text(key) for key in keys],
            }
        )
    most = sorted(figures.views, key=lambda one: -one.flipped_pixels)[:views]
    differs = []
    for one in most:
        if one.flipped_pixels and take(key_of(one)):
            chosen.append(key_of(one))
            differs.append({"view": key_text(key_of(one)), "flipped_pixels": one.flipped_pixels})
    return {
        "subjects": shown,
        "differs": differs,
        "outlines": {key_text(key): dict(known[key].outlines) for key in dict.fromkeys(chosen)},
    }
