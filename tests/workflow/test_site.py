"""The documents as a site: every page is on it, links hold, and nothing comes from elsewhere."""

import re
import shutil
import tomllib
from pathlib import Path

import build_site
import pytest
from playwright.sync_api import sync_playwright
from segtrt.errors import SegtrtError

PROJECT = Path(__file__).resolve().parents[2]
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
NAV = tomllib.loads((PROJECT / "zensical.toml").read_text("utf-8"))["project"]["nav"]


def copy_documents(folder: Path) -> Path:
    """A checkout as far as the site needs it."""
    for path in ("docs", "benchmarks/results"):
        shutil.copytree(PROJECT / path, folder / path)
    for path in (*PROJECT.glob("*.md"), PROJECT / "LICENSE", PROJECT / "zensical.toml"):
        shutil.copy(path, folder)
    (folder / "data/demo").mkdir(parents=True)
    shutil.copy(PROJECT / "data/demo/NOTICE", folder / "data/demo")
    return folder


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built as `make site` builds it."""
    home = build_site.build_site(copy_documents(tmp_path_factory.mktemp("site")))
    assert home.name == "index.html"
    return home.parent


def test_every_document_is_on_the_site_once() -> None:
    pages = [page.path for page in build_site.pages_of(NAV)]
    documents = {"index.md", "benchmarks/results/index.md"}
    documents |= {path.name for path in PROJECT.glob("*.md")} - {"README.md"}
    documents |= {f"docs/{path.name}" for path in (PROJECT / "docs").glob("*.md")}
    measured = (PROJECT / "benchmarks/results").glob("*.md")
    documents |= {f"benchmarks/results/{path.name}" for path in measured} - {
        "benchmarks/results/README.md"
    }
    assert sorted(pages) == sorted(documents)


def test_the_pages_are_built_in_the_order_of_reading(site: Path) -> None:
    pages = [page.path for page in build_site.pages_of(NAV)]
    assert all((site / page).with_suffix(".html").is_file() for page in pages)
    home = (site / "index.html").read_text("utf-8")
    order = [home.index(f'href="./{page.removesuffix(".md")}.html"') for page in pages[1:]]
    assert order == sorted(order)
    assert "<h1" in home
    assert re.search(r'<div class="rules">\s*(?:<p>)?<svg', home)
    assert "mermaid" not in home
    # A link that shows a path in the checkout shows the page's title here.
    assert re.search(r'<a href="docs/caching.html">Caching</a>', home)
    assert ">docs/caching.md<" not in home


def test_nothing_is_fetched_from_elsewhere(site: Path) -> None:
    for page in site.rglob("*.html"):
        text = page.read_text("utf-8")
        loaded = re.findall(r"<(?:script|img|iframe|source)\b[^>]*\bsrc=[\"']?([^\"'\s>]+)", text)
        loaded += re.findall(r"<link\b[^>]*\bhref=[\"']?([^\"'\s>]+)", text)
        assert loaded
        assert [one for one in loaded if re.match(r"(?:https?:)?//", one)] == []


@pytest.mark.skipif(not CHROMIUM, reason="chromium is missing: apt-get install chromium")
def test_the_search_works_in_a_folder_and_asks_nobody(site: Path) -> None:
    with sync_playwright() as driver:
        # Containers run as root, where chromium's sandbox does not start.
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto((site / "docs/ship.html").as_uri())
        page.get_by_role("button", name="Search").first.click()
        page.locator("dialog input").first.fill("paired bootstrap")
        page.get_by_role("option", name="The loss of the metric").click()
        page.wait_for_url("**/docs/how_sure.html**")
        assert [url for url in asked if not url.startswith("file:")] == []
        browser.close()


@pytest.mark.parametrize(
    ("link", "word"),
    [
        ("(no_such_page.md)", "no_such_page.md, which is no file"),
        ("(../tests/tools/NOTES.md)", "which is no file"),
        ("(your_images.md#no-such-heading)", "the site was not built"),
        ("(#no-such-heading)", "the site was not built"),
    ],
)
def test_a_link_that_leads_nowhere_ends_the_build(tmp_path: Path, link: str, word: str) -> None:
    page = copy_documents(tmp_path) / "docs/data.md"
    page.write_text(f"{page.read_text('utf-8')}\nSee [there]{link}.\n", encoding="utf-8")
    with pytest.raises(SegtrtError, match=re.escape(word)):
        build_site.build_site(tmp_path)


def test_a_page_that_the_navigation_lacks_ends_the_build(tmp_path: Path) -> None:
    folder = copy_documents(tmp_path)
    (folder / "docs/more.md").write_text("# More\n")
    home = folder / "README.md"
    home.write_text(f"{home.read_text('utf-8')}\n[More](docs/more.md)\n", encoding="utf-8")
    with pytest.raises(SegtrtError, match=r"docs/more\.md, a page that zensical\.toml lacks"):
        build_site.build_site(tmp_path)
