"""The package's `README.md`: a model card in the form of the Hugging Face hub."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segtrt.data.own_code import CODE
from segtrt.package.manifest import Manifest
from segtrt.report.wording import loss, number, percent, plural, score

FILE = "README.md"


@dataclass(frozen=True)
class CardFacts:
    """What a card says beside what `package.json` does."""

    title: str
    """The engine's runtime as its makers write it."""
    precision: str
    batch: str
    """The batches that it takes, in words."""
    patch: Sequence[int]
    """(channels, *size)."""
    labels: Mapping[int, str]
    """Value in masks -> class."""
    normalisation: str
    """The user's own function that the preparation calls; empty if it calls none."""
    dataset: str
    """Where the images came from, e.g. `demo`."""
    metric: str
    """The metric's name in the settings."""
    target: Mapping[str, Any]
    """What the engine was built for."""
    licence: str | None
    """SPDX identifier."""
    licences: Sequence[str]
    """Files of licences and notices in the package."""
    views: Mapping[str, str]
    """View -> what it is, or why it is not there."""


def write_card(manifest: Manifest, facts: CardFacts) -> str:
    """The card's text."""
    parts = [
        f"---\n{_front_matter(manifest, facts)}---\n",
        f"# {manifest.name}\n",
        _what(manifest, facts),
        _use(manifest),
        _proven(manifest),
        _contract(facts),
        _views(facts),
        _limits(manifest),
        _licence(facts),
    ]
    return "\n".join(parts)


def _front_matter(manifest: Manifest, facts: CardFacts) -> str:
    """The card's data as YAML."""
    import yaml

    data: dict[str, Any] = {"license": facts.licence} if facts.licence else {}
    data |= {
        "library_name": "segtrt",
        "pipeline_tag": "image-segmentation",
        "tags": ["image-segmentation", manifest.engine.partition("/")[0], facts.precision],
    }
    quality = manifest.quality
    if quality.mean is not None:
        result = {
            "task": {"type": "image-segmentation"},
            "dataset": {"name": facts.dataset, "type": facts.dataset},
            "metrics": [
                {"type": facts.metric, "name": quality.metric, "value": round(quality.mean, 6)}
            ],
        }
        data["model-index"] = [{"name": manifest.name, "results": [result]}]
    return str(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))


def _what(manifest: Manifest, facts: CardFacts) -> str:
    how = "the one that the run recommends" if manifest.recommended else "chosen by name"
    return (
        f"A segmentation engine, proven on images: `{manifest.engine}`, {how}. {facts.title} "
        f"{facts.target.get('runtime')}, {facts.precision}, {facts.batch}, for "
        f"{manifest.proven.device}. The engine in `engine/engine.bin` is, byte for byte, the one "
        "that was measured.\n"
    )


def _use(manifest: Manifest) -> str:
    needed = " ".join(shlex.quote(one) for one in manifest.requirements)
    return f"""## Install and verify

On the machine where it is to run, with Python 3.11 or newer:

```console
$ python -m venv venv && . venv/bin/activate
$ pip install {needed}
$ pip install --no-deps segtrt-{manifest.library}-py3-none-any.whl
$ segtrt verify PACKAGE
```

`PACKAGE` is this folder or its zip. The wheel is made in the workflow's checkout: `pip wheel
--no-deps .`; no more of it is needed than the packages named, which `requirements.txt` lists again.
`sha256sum --check SHA256SUMS` compares the files alone. Masks for new images, into `masks/`:
`segtrt predict PACKAGE IMAGES --out masks`.
"""


def _proven(manifest: Manifest) -> str:
    quality, proven = manifest.quality, manifest.proven
    unit = quality.unit
    rows = [("verdict", "passed validation")]
    if quality.mean is not None and quality.loss is not None:
        theirs = score(quality.reference_mean, unit)
        rows.append(
            (quality.metric, f"{score(quality.mean, unit)} ({manifest.reference} {theirs})")
        )
        lost = loss(quality.loss, unit)
        if quality.interval:
            low, high = (loss(end, unit) for end in quality.interval)
            lost += f" (95 % confidence interval {low} to {high})"
        rows.append((f"loss of {quality.metric}", lost))
    steady = "" if proven.stable else ", not a steady figure"
    threads = f", {plural(proven.threads, 'thread')}" if proven.threads else ""
    rows += [
        ("pixels with another label", percent(quality.flipped_fraction)),
        ("relative error of outputs", f"{quality.relative_rms:.2g}"),
        ("images", f"{plural(quality.patches, 'image')} of {plural(quality.subjects, 'subject')}"),
        ("latency", f"{number(proven.latency_ms)} ms a batch (median{steady})"),
        ("throughput", f"{number(proven.images_per_second)} images per second"),
    ]
    if proven.speedup:
        other = proven.speedup_over or manifest.reference
        rows.append((f"against {other}", f"{number(proven.speedup)} times as fast"))
    rows.append(("measured on", f"{proven.device}{threads}"))
    table = "\n".join(f"| {_cell(name)} | {_cell(value)} |" for name, value in rows)
    return f"## What was proven\n\n| figure | value |\n| --- | --- |\n{table}\n"


def _contract(facts: CardFacts) -> str:
    classes = ", ".join(f"`{value}` {_cell(name)}" for value, name in facts.labels.items())
    return (
        "## Input and output\n\n"
        f"One input of {' x '.join(map(str, facts.patch))} (channels x size), float32. Values in "
        f"masks: `0` background, {classes}. How images become inputs and outputs become masks is "
        f"data in `segmentation.json`.\n{_own_code(facts.normalisation)}"
    )


def _own_code(normalisation: str) -> str:
    """What is to be known of a function of the makers' own; nothing where there is none."""
    source, _, function = normalisation.rpartition(":")
    if source == str(CODE):
        return (
            "\n**This package contains Python code and runs it.** Its normalisation is a function "
            f"of its makers' own, `{function}` in `{CODE}`. `segtrt predict`, `segtrt verify` and "
            "`segtrt.load` import it, and then it may do whatever you may do: opening such a "
            "package from a stranger is running a stranger's program. Take it only from whom you "
            "would take a program, read that file first, and compare the package's digest with its "
            "makers'. Files that the function itself reads are not in the package.\n"
        )
    if normalisation:
        return (
            f"\nIts normalisation is a function of its makers' own, `{normalisation}`, which is "
            "not in the package: it must be importable where masks are made, and is run there.\n"
        )
    return ""


def _views(facts: CardFacts) -> str:
    lines = "\n".join(f"- {name}: {instructions}" for name, instructions in facts.views.items())
    return f"## For servers\n\n{lines}\n"


def _limits(manifest: Manifest) -> str:
    return (
        "## Limits\n\n"
        f"Figures hold for the images that it was proven on, on {manifest.proven.device}. An "
        "engine that is built again, by a server or anywhere else, is another engine. No result is "
        "for diagnosis.\n"
    )


def _licence(facts: CardFacts) -> str:
    named = f"`{facts.licence}`" if facts.licence else "none was named; ask the package's makers"
    files = ", ".join(f"`{name}`" for name in facts.licences)
    return f"## Licence\n\nLicence of the network: {named}.{f' Files: {files}.' if files else ''}\n"


def _cell(text: object) -> str:
    """A text within a table: what would end a cell or begin a tag is escaped."""
    plain = " ".join(str(text).split())
    for character in "\\|<>`*_[]":
        plain = plain.replace(character, f"\\{character}")
    return plain
