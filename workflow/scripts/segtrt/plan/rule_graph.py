"""The rule graph as a picture: in SVG for the report, in Mermaid's notation for the README."""

from collections.abc import Mapping, Sequence
from html import escape
from itertools import groupby
from operator import itemgetter

Edges = Sequence[tuple[str, str]]

_BOX = (164, 30)
_GAP = (24, 44)


def draw_mermaid(edges: Edges) -> str:
    """The graph in Mermaid's flowchart notation, which code hosts draw: a line for each maker."""
    lines = ["flowchart LR"]
    for maker, own in groupby(_reduced(edges), key=itemgetter(0)):
        lines.append(f"    {maker} --> {' & '.join(user for _, user in own)}")
    return "\n".join(lines) + "\n"


def draw_svg(edges: Edges) -> str:
    """The graph as SVG: one row of boxes per step, makers above users.

    Colours come from the page's `currentColor`, so that it suits light and dark.
    """
    reduced = _reduced(edges)
    rows = _rows(reduced)
    widest = max((len(row) for row in rows), default=0)
    width = widest * (_BOX[0] + _GAP[0])
    height = len(rows) * (_BOX[1] + _GAP[1])
    place: dict[str, tuple[float, float]] = {}
    for level, row in enumerate(rows):
        indent = (width - len(row) * (_BOX[0] + _GAP[0])) / 2
        for column, name in enumerate(row):
            place[name] = (
                indent + column * (_BOX[0] + _GAP[0]) + _GAP[0] / 2,
                level * (_BOX[1] + _GAP[1]) + _GAP[1] / 2,
            )
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'width="{width}" height="{height}" role="img" aria-label="Rule graph: '
        f'{escape(", ".join(f"{a} to {b}" for a, b in reduced), quote=True)}">',
    ]
    parts += [_arrow(place[maker], place[user]) for maker, user in reduced]
    parts += [_box(name, *place[name]) for row in rows for name in row]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _reduced(edges: Edges) -> list[tuple[str, str]]:
    """The edges without those that a longer way implies (transitive reduction)."""
    users: dict[str, set[str]] = {}
    for maker, user in edges:
        users.setdefault(maker, set()).add(user)

    def reaches(start: str, end: str) -> bool:
        return any(step == end or reaches(step, end) for step in users.get(start, ()))

    return [
        (maker, user)
        for maker, user in sorted(edges)
        if not any(reaches(step, user) for step in users[maker] - {user})
    ]


def _rows(edges: Edges) -> list[list[str]]:
    """Names by level: each stands one below the lowest of its makers; ordered by their place."""
    makers: dict[str, set[str]] = {}
    for maker, user in edges:
        makers.setdefault(user, set()).add(maker)
        makers.setdefault(maker, set())
    level: dict[str, int] = {}

    def find(name: str) -> int:
        if name not in level:
            level[name] = max((find(up) + 1 for up in makers[name]), default=0)
        return level[name]

    rows: list[list[str]] = []
    for name in sorted(makers):
        while len(rows) <= find(name):
            rows.append([])
        rows[find(name)].append(name)
    position: dict[str, float] = {}
    for row in rows:
        row.sort(key=lambda name: (_mean(makers[name], position), name))
        for column, name in enumerate(row):
            position[name] = column - (len(row) - 1) / 2
    return rows


def _mean(names: set[str], position: Mapping[str, float]) -> float:
    return sum(position[name] for name in names) / len(names) if names else 0.0


def _arrow(begin: tuple[float, float], end: tuple[float, float]) -> str:
    x1, y1 = begin[0] + _BOX[0] / 2, begin[1] + _BOX[1]
    x2, y2 = end[0] + _BOX[0] / 2, end[1]
    middle = (y1 + y2) / 2
    return (
        f'<path d="M{x1:g},{y1:g} C{x1:g},{middle:g} {x2:g},{middle:g} {x2:g},{y2:g}" '
        'fill="none" stroke="currentColor" stroke-opacity="0.45"/>'
        f'<path d="M{x2 - 4:g},{y2 - 7:g} L{x2:g},{y2:g} L{x2 + 4:g},{y2 - 7:g}" '
        'fill="none" stroke="currentColor" stroke-opacity="0.6"/>'
    )


def _box(name: str, x: float, y: float) -> str:
    return (
        f'<rect x="{x:g}" y="{y:g}" width="{_BOX[0]}" height="{_BOX[1]}" rx="6" '
        'fill="none" stroke="currentColor"/>'
        f'<text x="{x + _BOX[0] / 2:g}" y="{y + _BOX[1] / 2 + 4:g}" text-anchor="middle" '
        f'font-family="system-ui, sans-serif" font-size="13" fill="currentColor">'
        f"{escape(name)}</text>"
    )
