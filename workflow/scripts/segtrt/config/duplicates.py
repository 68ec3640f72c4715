"""Keys that one configuration file gives twice: YAML's readers keep the last without a word."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from segtrt.errors import SegtrtError

if TYPE_CHECKING:
    import yaml


def refuse_duplicates(files: Iterable[str | Path]) -> None:
    """Stop at configuration files, YAML or JSON, that give a key or a group twice.

    Args:
        files: the files, in any order; those that are not here (URLs) or cannot be read as YAML are
            left to whoever reads them.

    Raises:
        SegtrtError: names every file, key and line.
    """
    found = [line for file in dict.fromkeys(map(str, files)) for line in _duplicates(Path(file))]
    if found:
        raise SegtrtError(
            f"configuration: {'; '.join(found)}; only the last would count, so put what belongs "
            "together under one key"
        )


def _duplicates(file: Path) -> list[str]:
    import yaml

    try:
        text = file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return []
    try:
        json.loads(text)
        text = text.expandtabs()  # JSON may be indented by tabs, YAML may not
    except ValueError:
        pass
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError:
        return []
    return [f"{file} {line}" for line in _in_node(root, "", set())] if root else []


def _in_node(node: "yaml.Node", path: str, seen: set[int]) -> Iterator[str]:
    import yaml

    if id(node) in seen:  # a node that aliases name again
        return
    seen.add(id(node))
    if isinstance(node, yaml.SequenceNode):
        for place, entry in enumerate(node.value):
            yield from _in_node(entry, f"{path}[{place}]", seen)
    if not isinstance(node, yaml.MappingNode):
        return
    lines: dict[tuple[str, str], int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        where = f"{path}.{name}" if path else name
        if (key.tag, name) in lines:
            yield f"gives {where} in line {lines[key.tag, name]} and again in line {line}"
        elif key.tag != "tag:yaml.org,2002:merge":  # `<<` may take in several other mappings
            lines[key.tag, name] = line
        yield from _in_node(value, where, seen)
