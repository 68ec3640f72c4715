"""What pyproject.toml cannot say: a wheel is the whole checkout, as far as the workflow needs it.

The library lies in the checkout, beside the rules, scripts, schemas and templates that belong to
it, and finds them from where it is itself. So a wheel keeps that order, in the folder
`segtrt_workflow`, and a .pth file leads Python to the library in it, as that of an editable
installation does.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).resolve().parent
TREE = "segtrt_workflow"
CARRIED = ("Snakefile", "config.yaml", "config", "profiles", "envs", "workflow", "data/demo")


class BuildTree(build_py):
    """Copies the checkout's part instead of the packages alone, unless they are used in place."""

    def run(self) -> None:
        if self.editable_mode:
            super().run()
            return
        target = Path(self.build_lib)
        shutil.rmtree(target / TREE, ignore_errors=True)
        for name in CARRIED:
            source = ROOT / name
            if source.is_dir():
                ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "machines")
                shutil.copytree(source, target / TREE / name, ignore=ignored)
            else:
                (target / TREE).mkdir(parents=True, exist_ok=True)
                shutil.copy(source, target / TREE / name)
        (target / f"{TREE}.pth").write_text(f"{TREE}/workflow/scripts\n", encoding="utf-8")


setup(cmdclass={"build_py": BuildTree})
