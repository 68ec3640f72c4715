"""Build the documents as a site in build/site/html.

    python tools/build_site.py

The pages are those that zensical.toml names, under the paths that they have in the checkout, so
that links between them hold. The README becomes the home page. Where a link shows a page's path, it
shows its title here. Pictures and other files that pages link to are carried along; a link to
anything else ends the build, and so does what Zensical warns of (links to pages and headings that
are not there). Nothing is fetched.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "workflow/scripts"))

from segtrt.errors import SegtrtError
from write_docs import ROOT, between, rule_svg

CONFIG = "zensical.toml"
FOLDER = "build/site"
HOME = "index.md"
EXTRAS = "docs/site"
"""Style and script of the site, beside the theme's."""
SOURCES = {HOME: "README.md", "benchmarks/results/index.md": "benchmarks/results/README.md"}
"""Pages that have another path in the checkout."""

_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s]+)\)")
_ELSEWHERE = re.compile(r"[a-z]+:|#")


@dataclass(frozen=True)
class Page:
    """A page of the site."""

    title: str
    path: str


def pages_of(nav: list[Any]) -> Iterator[Page]:
    """The pages that a navigation names, in its order."""
    for entry in nav:
        for title, value in entry.items():
            if isinstance(value, str):
                yield Page(title, value)
            else:
                yield from pages_of(value)


def gather(root: Path, pages: list[Page], folder: Path) -> None:
    """Write the pages and what they link to below `folder`.

    Args:
        root: the checkout.
        pages: the pages of the site.
        folder: where to.

    Raises:
        SegtrtError: a page or what it links to is not in the checkout.
    """
    places = {root / SOURCES.get(page.path, page.path): page for page in pages}
    for source, page in places.items():
        if not source.is_file():
            raise SegtrtError(f"{CONFIG} names {page.path}, which is not in the checkout")
        text = source.read_text(encoding="utf-8")
        if page.path == HOME:
            # Drawn here, as code hosts draw it: the theme would fetch a script for it.
            text = between(text, "rules", f'<div class="rules">\n{rule_svg()}</div>\n')
        target = folder / page.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(_relinked(text, source, root, places, folder), encoding="utf-8")
    shutil.copytree(root / EXTRAS, folder / Path(EXTRAS).name)


def _relinked(text: str, source: Path, root: Path, places: dict[Path, Page], folder: Path) -> str:
    """A page's text with its links as they are on the site; carries along the files linked to."""
    name = source.relative_to(root)

    def moved(match: re.Match[str]) -> str:
        shown, target = match.groups()
        if _ELSEWHERE.match(target):
            return match[0]
        path, mark, anchor = target.partition("#")
        file = Path(os.path.normpath(source.parent / path))
        if not file.is_relative_to(root) or not file.is_file():
            raise SegtrtError(f"{name} links to {target}, which is no file of the checkout")
        page = places.get(file)
        if page is not None:
            place = page.path
            shown = page.title if shown == path else shown
        elif file.suffix == ".md":
            raise SegtrtError(f"{name} links to {path}, a page that {CONFIG} lacks")
        else:
            place = file.relative_to(root).as_posix()
            (folder / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, folder / place)
        way = os.path.relpath(place, Path(places[source].path).parent)
        return f"[{shown}]({way}{mark}{anchor})"

    return _LINK.sub(moved, text)


def build_site(root: Path = ROOT) -> Path:
    """Build the site of a checkout; returns its home page.

    Raises:
        SegtrtError: a page cannot be gathered, or Zensical finds something to warn of.
    """
    project = tomllib.loads((root / CONFIG).read_text(encoding="utf-8"))["project"]
    folder = root / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    gather(root, list(pages_of(project["nav"])), folder / project["docs_dir"])
    shutil.copy(root / CONFIG, folder)
    command = [sys.executable, "-m", "zensical", "build", "--strict", "-f", CONFIG]
    if subprocess.run(command, cwd=folder, check=False).returncode:
        raise SegtrtError("the site was not built; see above")
    return folder / project["site_dir"] / "index.html"


def main() -> int:
    """Command line."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0]).parse_args()
    try:
        print(f"The site: {build_site().as_uri()}")
    except SegtrtError as error:
        print(f"build_site: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
