"""Pictures of a report for the README: desktop light and dark, and a phone's width.

    python tools/screenshot_report.py results/report.html docs/images

Needs chromium (Debian's package) and Playwright.
"""

import argparse
import shutil
import sys
from pathlib import Path

VIEWS = {
    "report-light": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "light"},
    "report-dark": {"viewport": {"width": 1280, "height": 860}, "color_scheme": "dark"},
    "report-phone": {"viewport": {"width": 390, "height": 860}, "color_scheme": "light"},
}
SECTIONS = ("charts", "images")


def main() -> None:
    """Write a PNG for each view of the first screen, and one for each of `SECTIONS`."""
    from playwright.sync_api import sync_playwright

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("folder", type=Path, help="where to")
    arguments = parser.parse_args()
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if not chromium:
        sys.exit("chromium is missing: apt-get install chromium")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as driver:
        # Containers run as root, where chromium's sandbox does not start.
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for name, view in VIEWS.items():
            page = browser.new_page(**view)
            page.goto(arguments.report.resolve().as_uri())
            page.wait_for_selector("html[data-charts=drawn]")
            page.screenshot(path=arguments.folder / f"{name}.png")
            if name != "report-light":
                continue
            for section in SECTIONS:
                page.locator(f"#{section}").evaluate(
                    "part => part.scrollIntoView({behavior: 'instant'})"
                )
                page.screenshot(path=arguments.folder / f"report-{section}.png")
        browser.close()


if __name__ == "__main__":
    main()
