"""Where files are, as messages, keys and reports may tell it: no secrets, no folders of a home."""

import re
from pathlib import PurePosixPath


def is_url(source: str | None) -> bool:
    """Whether a setting names a file by a URL rather than a local path."""
    return source is not None and source.startswith(("http://", "https://"))


def without_secrets(text: str) -> str:
    """A URL, or a message with URLs in it, without users, passwords, queries and fragments.

    These may hold tokens, and a message goes to logs and screens. What has no `://` in it stays as
    it is, but for what follows a question mark or a hash.
    """
    text = re.sub(r"(?<=://)[^/?#\s]*@", "", text)
    return re.sub(r"(?<=\S)[?#][^\s'\"<>)]+", "", text)


def shown_place(place: str) -> str:
    """Where a setting says that a file is, as far as it may be shown to others.

    Args:
        place: a path, which may end in `:function`, or a URL.

    Returns:
        A URL without user, password, query and fragment; of an absolute path, or one from a home
        folder, the last name; anything else as it is.
    """
    if "://" in place:
        return without_secrets(place)
    return PurePosixPath(place).name if place.startswith(("/", "~")) else place
