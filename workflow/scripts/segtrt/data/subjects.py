"""Which of a data set's subjects the settings ask for."""

import difflib
from collections.abc import Sequence
from pathlib import Path

from segtrt.errors import SegtrtError, name_some

_NAMED_AT_MOST = 10
"""How many unknown subjects one message names."""


def choose_subjects(
    present: Sequence[str], requested: Sequence[str] | None, root: Path
) -> list[str]:
    """The requested subjects, sorted; all of them if None is requested.

    Args:
        present: names of the subjects that there are.
        requested: `dataset.subjects`.
        root: where they are, for the message.

    Raises:
        SegtrtError: a requested subject is not present.
    """
    if requested is None:
        return list(present)
    unknown = sorted(set(requested) - set(present))
    if unknown:
        raise SegtrtError(
            f"dataset.subjects names what {root} does not have: "
            f"{name_some([_with_close(name, present) for name in unknown], _NAMED_AT_MOST)}; "
            f"expected names of its {len(present)} folders"
        )
    return sorted(set(requested))


def _with_close(name: str, present: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, present)
    return f"{name} (close: {', '.join(close)})" if close else name
