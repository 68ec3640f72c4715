"""The report in a real browser, opened from disk: Debian's chromium driven by Playwright."""

import re
import shutil
from collections.abc import Iterator
from itertools import count

import pytest
from example_summaries import CASES, make_example
from segtrt.report.page import load_overlays, render, write_report
from segtrt.summary.document import check_summary

playwright = pytest.importorskip(
    "playwright.sync_api", reason="Playwright is missing: pip install -e '.[dev]'"
)
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
pytestmark = pytest.mark.skipif(
    not CHROMIUM, reason="chromium is missing: apt-get install chromium"
)

PAYLOADS = (
    "</script><script>window.hacked = 1</script>",
    "<img src=x onerror='window.hacked = 1'>",
    "\" onmouseover='window.hacked = 1' style='position:fixed;inset:0' x=\"",
    "javascript:window.hacked=1",
    "<!-- {{ 7 * 7 }} <b>\u202egpj.exe\u2028",
)
"""What a name, a note or a message may hold that would be code if it were taken for markup."""

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Case -> address of its report."""
    addresses = {}
    for name, case in CASES.items():
        folder = tmp_path_factory.mktemp(name)
        make_example(case(), folder)
        write_report(folder / "summary.json", folder / "overlays", folder / "report.html")
        addresses[name] = (folder / "report.html").as_uri()
    return addresses


@pytest.fixture(scope="module")
def browser() -> Iterator:
    with playwright.sync_playwright() as driver:
        # Containers run as root, where chromium's sandbox does not start.
        opened = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def open_report(browser, reports):
    """Opens a report; at the end of the test nothing may have left the page or gone wrong."""
    contexts, faults = [], []

    def opener(case="demo", **settings):
        context = browser.new_context(**{"viewport": DESKTOP, **settings})
        contexts.append(context)
        page = context.new_page()
        allowed = (reports[case], "data:", "blob:")
        page.on("request", lambda one: one.url.startswith(allowed) or faults.append(one.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("dialog", lambda dialog: (faults.append("a dialog opened"), dialog.dismiss()))
        page.on(
            "console",
            lambda line: line.type in ("error", "warning") and faults.append(line.text),
        )
        page.goto(reports[case])
        page.wait_for_selector("html[data-charts=drawn]")
        return page

    yield opener
    for context in contexts:
        context.close()
    assert faults == []


def shown_rows(page):
    return page.locator("#matrix tbody tr:visible")


def names(page):
    return shown_rows(page).evaluate_all("rows => rows.map(row => row.dataset.engine)")


CHARTS = {"organs": 7, "unlabelled": 4}
"""Labels have a chart of their own; without masks there is no Dice to draw, and no loss of it."""


@pytest.mark.parametrize("case", list(CASES))
@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_it_opens_from_disk_and_nothing_sticks_out(open_report, case, viewport):
    page = open_report(case, viewport=viewport)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= viewport["width"]
    charts = page.locator("[data-chart] svg.main-svg")
    assert charts.count() >= page.locator("[data-chart]").count() == CHARTS.get(case, 6)
    assert page.locator("h1").count() == 1


@pytest.mark.parametrize("key", ["latency_ms", "metric", "size"])
def test_columns_sort_both_ways_with_missing_figures_last(open_report, key):
    page = open_report("gpu")
    head = page.locator(f'#matrix th[data-key="{key}"]')
    for order in ("ascending", "descending"):
        head.get_by_role("button").click()
        assert head.get_attribute("aria-sort") == order
        reported = page.locator(f'#matrix td[data-key="{key}"]').evaluate_all(
            "cells => cells.map(cell => cell.dataset.value)"
        )
        figures = [float(value) for value in reported if value]
        assert figures == sorted(figures, reverse=order == "descending")
        assert reported[len(figures) :] == [""] * (len(reported) - len(figures))
    assert page.locator("#matrix th[aria-sort]").count() == 1


def test_filters_narrow_the_matrix_and_clear(open_report):
    page = open_report("gpu")
    every = names(page)
    page.locator("#filter-precision").select_option("bf16")
    assert names(page) == [name for name in every if name.endswith("bf16")]
    page.locator("#filter-verdict").select_option("fail")
    assert names(page) == ["tensorrt_rtx/b1_bf16", "tensorrt_rtx/b32_bf16"]
    assert page.locator("#filter-count").inner_text() == f"2 of {len(every)} engines"
    page.get_by_role("button", name="Clear").click()
    playwright.expect(page.locator("#filter-count")).to_have_text(f"{len(every)} engines")
    page.locator("#filter-text").fill("rtx INT8 capability")
    assert names(page) == [name for name in every if name.endswith("int8")]
    page.locator("#filter-text").fill("no such engine")
    assert names(page) == []


def test_machines_sort_and_filter(open_report):
    page = open_report("cluster")
    every = names(page)
    page.locator("#filter-machine").select_option("epyc-9")
    assert names(page) == [name for name in every if "@epyc-9/" in name]
    page.locator("#filter-verdict").select_option("fail")
    assert names(page) == ["openvino@epyc-9/b16_int8"]
    page.get_by_role("button", name="Clear").click()
    playwright.expect(page.locator("#filter-count")).to_have_text(f"{len(every)} engines")
    head = page.locator('#matrix th[data-key="machine"]')
    head.get_by_role("button").click()
    head.get_by_role("button").click()
    assert names(page)[0].split("@")[1].startswith("epyc-9/")
    page.locator('#matrix th[data-key="verdict"]').get_by_role("button").click()
    assert names(page)[0] == "openvino@epyc-9/b16_int8"
    page.locator("#filter-text").fill("limit 0.02")
    assert names(page) == ["openvino@epyc-9/b16_int8"]
    page.locator("#filter-text").fill("a100 int8 recommended")
    assert names(page) == ["tensorrt_rtx@a100/b16_int8"]


def test_one_machine_is_not_mentioned(open_report):
    page = open_report("demo")
    for selector in ("#filter-machine", '#matrix th[data-key="machine"]', "#best", "#machines"):
        assert page.locator(selector).count() == 0
    many = open_report("cluster")
    assert many.locator("#best tbody tr").count() == 2
    assert many.locator("#best").bounding_box()["y"] < DESKTOP["height"]


def test_the_legend_shows_one_machine_alone(open_report):
    page = open_report("cluster")
    lines = "#chart-throughput .scatterlayer .trace"
    assert page.locator(lines).count() == 18
    page.locator("#chart-throughput .legendtoggle").first.click()
    playwright.expect(page.locator(lines)).to_have_count(9)


def test_images_enlarge_and_page_by_mouse_and_keyboard(open_report):
    page = open_report()
    viewer = page.locator("#viewer")
    first = page.locator(".thumb").first
    first.click()
    assert viewer.is_visible()
    box = viewer.locator("svg").bounding_box()
    assert box["width"] > 2 * first.bounding_box()["width"]
    assert page.locator("#viewer-place").inner_text() == "1 of 6"
    title = page.locator("#viewer-title").inner_text()
    assert page.locator("#viewer-previous").is_disabled()
    page.locator("#viewer-next").click()
    page.keyboard.press("ArrowRight")
    assert page.locator("#viewer-place").inner_text() == "3 of 6"
    assert page.locator("#viewer-title").inner_text() != title
    page.keyboard.press("ArrowLeft")
    assert page.locator("#viewer-place").inner_text() == "2 of 6"
    page.keyboard.press("Escape")
    assert viewer.is_hidden()
    assert first.evaluate("button => button === document.activeElement")


def test_another_engines_images_can_be_chosen_and_outlines_hidden(open_report):
    page = open_report()
    before = page.locator("#gallery").inner_text()
    page.locator("#images-engine").select_option("onnxruntime/b1_int8")
    assert page.locator("#gallery").inner_text() != before
    outline = page.locator("#gallery path.engine").first
    assert outline.evaluate("path => getComputedStyle(path).visibility") == "visible"
    page.get_by_label("engine", exact=True).uncheck()
    assert outline.evaluate("path => getComputedStyle(path).visibility") == "hidden"
    assert (
        page.locator("#gallery path.truth").first.evaluate(
            "path => getComputedStyle(path).visibility"
        )
        == "visible"
    )


def brightness(page, selector="body"):
    colour = page.locator(selector).first.evaluate("e => getComputedStyle(e).backgroundColor")
    return sum(map(int, re.findall(r"\d+", colour)[:3])) / 3


def test_dark_mode_follows_the_system_and_the_button(open_report):
    page = open_report(color_scheme="dark")
    assert brightness(page) < 60
    paper = page.locator("[data-chart] .main-svg").first
    assert "255" not in paper.evaluate("svg => getComputedStyle(svg).backgroundColor")
    button = page.locator("#theme")
    button.click()
    assert button.inner_text() == "Theme: light"
    assert brightness(page) > 200
    button.click()
    assert button.inner_text() == "Theme: dark"
    assert brightness(page) < 60
    page.emulate_media(color_scheme="light")
    assert brightness(page) < 60
    button.click()
    assert brightness(page) > 200


def test_it_prints_light_and_whole(open_report, tmp_path):
    page = open_report(color_scheme="dark")
    pdf = page.pdf(path=tmp_path / "report.pdf", prefer_css_page_size=True)
    pages = len(re.findall(rb"/Type\s*/Page[^s]", pdf))
    assert 4 <= pages <= 20
    page.emulate_media(media="print")
    assert page.locator(".top").is_hidden()
    assert page.locator("#filters").is_hidden()
    assert (
        page.locator("#matrix").evaluate("table => getComputedStyle(table.parentElement).overflowX")
        == "visible"
    )


def test_it_works_by_keyboard_alone(open_report):
    page = open_report()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the report"
    page.locator('#matrix th[data-key="metric"] button').focus()
    page.keyboard.press("Enter")
    assert page.locator('#matrix th[data-key="metric"]').get_attribute("aria-sort") == "ascending"
    page.locator(".thumb").first.focus()
    page.keyboard.press("Enter")
    assert page.locator("#viewer").is_visible()


@pytest.mark.parametrize("case", ["demo", "gpu", "cluster"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(open_report, case, scheme):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright",
        reason="axe-playwright-python is missing: pip install -e '.[dev]'",
    )
    page = open_report(case, color_scheme=scheme)
    page.locator("details").evaluate_all("all => all.forEach(one => { one.open = true; })")
    found = axe.Axe().run(page).response["violations"]
    serious = [
        f"{one['id']}: {one['help']}: {[node['html'][:120] for node in one['nodes'][:3]]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
    assert serious == []


def with_payloads(value, turn):
    """The same JSON value with each text of it behind a payload, in turn; names of keys too."""
    if isinstance(value, str):
        return f"{PAYLOADS[next(turn) % len(PAYLOADS)]} {value}"
    if isinstance(value, list):
        return [with_payloads(one, turn) for one in value]
    if isinstance(value, dict):
        return {
            f"{PAYLOADS[next(turn) % len(PAYLOADS)]}{key}": with_payloads(one, turn)
            for key, one in value.items()
        }
    return value


def test_hostile_texts_anywhere_run_nothing(browser, tmp_path):
    summary = make_example(CASES["gpu"](), tmp_path)
    turn = count()
    summary["title"] = with_payloads(summary["title"], turn)
    for group, key in (
        *(("model", "source"), ("model", "weights"), ("dataset", "normalisation")),
        *(("metric", "title"), ("metric", "unit"), ("dataset", "ignored")),
    ):
        value = summary[group][key]
        summary[group][key] = (
            {**value, "examples": list(PAYLOADS)}
            if key == "ignored"
            else with_payloads(value, turn)
        )
    summary["classes"] = with_payloads(summary["classes"], turn)
    summary["config"]["report"] = with_payloads(summary["config"]["report"], turn)
    summary["machines"][0]["facts"] = with_payloads(summary["machines"][0]["facts"], turn)
    for one in summary["dataset"]["skipped"]:
        one.update(subject=PAYLOADS[0], reason=PAYLOADS[1])
    for place, engine in enumerate(summary["engines"]):
        engine["notes"] = list(PAYLOADS)
        for key in ("reason", "not_run"):
            if engine.get(key):
                engine[key] = PAYLOADS[place % len(PAYLOADS)]
        for subject in engine["subjects"] or []:
            subject["subject"] = f"{PAYLOADS[place % len(PAYLOADS)]} {subject['subject']}"
    check_summary(summary)
    overlays = load_overlays(tmp_path / "overlays")
    overlays["classes"] = summary["classes"]
    path = tmp_path / "hostile.html"
    path.write_text(render(summary, overlays), encoding="utf-8")

    page = browser.new_page(viewport=DESKTOP)
    faults = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("request", lambda one: one.url.startswith(("file:", "data:", "blob:")) or 1 / 0)
    page.on("console", lambda line: line.type == "error" and faults.append(line.text))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-charts=drawn]")
    # Every part that scripts draw is looked at: the other engine's pictures, a filter, the viewer.
    engines = page.locator("#images-engine option").count()
    page.locator("#images-engine").select_option(index=engines - 1)
    page.locator("#filter-text").fill("<script>")
    page.locator("#filters button[type=reset]").click()
    page.locator("#gallery button").first.click()
    page.wait_for_selector("dialog[open]")
    for details in page.locator("details > summary").all():
        details.evaluate("element => element.click()")
    assert page.evaluate("window.hacked") is None
    assert page.locator("img[src=x], [onmouseover], [onerror]").count() == 0
    assert PAYLOADS[0] in page.locator("h1, .brand").first.inner_text()
    assert faults == []
    # And if a text did become markup, the policy would stop its script.
    page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', `<img src=x onerror='window.hacked = 1'>`);"
        "const script = document.createElement('script');"
        "script.textContent = 'window.hacked = 1'; document.body.append(script);"
    )
    page.wait_for_timeout(300)
    assert page.evaluate("window.hacked") is None
    assert any("Content Security Policy" in fault for fault in faults)
    page.close()
