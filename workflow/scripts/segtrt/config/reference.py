"""The configuration reference in the documents, written from the schema."""

from collections.abc import Iterator
from typing import Any

from segtrt.config.schema import Schema, dereference, load_schema, types_of

HEAD = """\
# Configuration reference

Made from `workflow/schemas/config.schema.yaml` by `make docs`; change it there.

What is given by `--config` arrives as text and stands for the number, truth value or null that it
spells in YAML: `null`, `~` or nothing is null for every key that takes null, also where text is
allowed, and 16.0 is 16 for an integer. `.nan` is refused. So is `.inf`, except for a number that
may be null: there it means no limit and is read as null. A key given twice in one file is refused.
"""


def reference_table() -> str:
    """The configuration reference as Markdown, one table per group, made from the schema."""
    schema = load_schema()
    lines = [HEAD.rstrip("\n")]
    for group, entry in schema["properties"].items():
        lines += ["", f"## {group}", "", entry["description"], ""]
        lines += ["| key | type | default | meaning |", "| --- | --- | --- | --- |"]
        lines += list(_rows(entry, group, schema))
    return "\n".join(lines) + "\n"


CATALOGUE_HEAD = """\
# Configuration

Made from `workflow/schemas/config.schema.yaml` by `make docs`; change it there.

Run the workflow in a clone, or install its wheel, and give it a file of settings:

    snakemake results/report.html --configfile my_settings.yaml

`config.yaml` here is the one at the top, with the settings that are usually changed; `kaggle.yaml`
and `tensorrt_intro.yaml` are put over it with `--configfile`. `segtrt report NETWORK IMAGES` writes
one for a network and images. Every key has a default; unknown ones are refused. Types, defaults and
limits are in [docs/configuration.md](../docs/configuration.md).
"""


def catalogue_page() -> str:
    """What catalogues of workflows show of the configuration, as Markdown: each key's meaning."""
    schema = load_schema()
    lines = [CATALOGUE_HEAD.rstrip("\n")]
    for group, entry in schema["properties"].items():
        lines += ["", f"## {group}", "", entry["description"], ""]
        for row in _rows(entry, group, schema):
            name, *_, meaning = row.strip("| ").split(" | ")
            lines.append(f"- {name}: {meaning}")
    return "\n".join(lines) + "\n"


def _rows(part: Schema, prefix: str, schema: Schema) -> Iterator[str]:
    if "properties" not in part:
        each = dereference(part["additionalProperties"], schema)
        yield from _rows(each, f"{prefix}.NAME", schema)
        return
    for key, reference in part["properties"].items():
        entry = dereference(reference, schema)
        name = f"{prefix}.{key}"
        if "properties" in entry and types_of(entry) == ["object"] and "$ref" not in reference:
            yield from _rows(entry, name, schema)
            continue
        default = _as_yaml(entry.get("default"))
        meaning = " ".join(entry.get("description", "").split())
        if "$ref" in reference:
            meaning = "Tolerances of this precision: " + "; ".join(
                f"`{k}`: {v['description'][0].lower()}{v['description'][1:].rstrip('.')}"
                for k, v in entry["properties"].items()
            )
        kind = _kind(entry).replace("|", "\\|")
        yield f"| `{name}` | {kind} | `{default}` | {meaning} |"


def _kind(entry: Schema) -> str:
    if "enum" in entry:
        return " | ".join(f"`{choice}`" for choice in entry["enum"])
    words = " or ".join(types_of(entry)) or "any"
    if "items" in entry:
        items = entry["items"]
        words += " of " + (
            ", ".join(f"`{c}`" for c in items["enum"])
            if "enum" in items
            else " or ".join(types_of(items))
        )
    limits = [
        f"{sign} {entry[key]}"
        for key, sign in (
            ("minimum", "≥"),
            ("exclusiveMinimum", ">"),
            ("maximum", "≤"),
            ("exclusiveMaximum", "<"),
        )
        if key in entry
    ]
    return ", ".join([words, *limits])


def _as_yaml(value: Any) -> str:
    import yaml

    text = yaml.safe_dump(value, default_flow_style=True, width=1000).strip()
    return text.removesuffix("\n...").strip()
