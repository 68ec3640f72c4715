"""Text for a terminal: tables, lists of facts, and nothing that would steer the terminal."""

from collections.abc import Sequence


def plain(value: object) -> str:
    """`value` as text in which control characters are escaped, e.g. `\\x1b`."""
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in str(value)
    )


def table(rows: Sequence[Sequence[object]], left: Sequence[int] = (0,)) -> list[str]:
    """Rows of equal length as aligned lines, two spaces between columns.

    Args:
        rows: the cells; the first row is the heading.
        left: columns aligned to the left; the others are aligned to the right.
    """
    cells = [[plain(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if index in left else cell.rjust(width)
            for index, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in cells
    ]


def facts(pairs: Sequence[tuple[str, object]]) -> list[str]:
    """Labels and values as indented lines, the values one below the other."""
    width = max((len(label) for label, _ in pairs), default=0)
    return [f"  {label:<{width}}  {plain(value)}".rstrip() for label, value in pairs]
