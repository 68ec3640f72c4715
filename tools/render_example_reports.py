"""Render the report of made-up runs, to look at: demo, gpu, kaggle, cluster.

python tools/render_example_reports.py build/reports
"""

import argparse
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    """Write one folder a case with its summary, pictures and `report.html`."""
    sys.path[:0] = [str(ROOT / "tests" / "tools"), str(ROOT / "workflow" / "scripts")]
    from example_summaries import CASES, make_example
    from segtrt.report.page import write_report

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where to")
    parser.add_argument("cases", nargs="*", default=list(CASES), help="which of them")
    arguments = parser.parse_args()
    for name in arguments.cases:
        folder = arguments.folder / name
        make_example(CASES[name](), folder)
        begin = time.perf_counter()
        write_report(folder / "summary.json", folder / "overlays", folder / "report.html")
        mib = (folder / "report.html").stat().st_size / 2**20
        print(f"{folder / 'report.html'}: {mib:.1f} MiB in {time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main()
