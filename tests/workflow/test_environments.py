"""Pins: one version of each package, whichever way it is installed."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = sorted((PROJECT / "envs").glob("*.yaml"))


def normalised(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(requirements: list[str]) -> dict[str, str]:
    found = {}
    for line in requirements:
        match = re.fullmatch(r"([\w.-]+)==([\w.]+)", line)
        assert match, f"{line} is not pinned"
        found[normalised(match[1])] = match[2]
    return found


def project_pins() -> dict[str, str]:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text("utf-8"))["project"]
    everything = [*project["dependencies"]]
    for extra in project["optional-dependencies"].values():
        everything += extra
    found = pins(sorted(set(everything)))
    # Had an extra another version of a package, it would be here twice.
    assert len(found) == len(set(everything))
    return found


def constraints() -> dict[str, str]:
    lines = (PROJECT / "requirements/constraints.txt").read_text("utf-8").splitlines()
    return pins([line for line in lines if line and not line.startswith("#")])


def test_constraints_hold_the_projects_pins() -> None:
    wanted, held = project_pins(), constraints()
    # What needs a GPU to install or run is no part of the tested environment.
    gpu_only = {"cuda-bindings", "pycuda", "tensorrt-cu13"}
    assert {name: held.get(name) for name in wanted.keys() - gpu_only} == {
        name: version for name, version in wanted.items() if name not in gpu_only
    }


def test_the_installed_packages_are_the_constraints(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests ran with is what a user gets."""
    from importlib.metadata import distributions

    monkeypatch.delenv("PYTHONPATH", raising=False)
    installed = {normalised(d.metadata["Name"]): d.version.split("+")[0] for d in distributions()}
    held = constraints()
    differing = {
        name: (version, held[name])
        for name, version in installed.items()
        if name in held and held[name] != version
    }
    assert differing == {}


def test_every_pin_is_audited_and_one_not_looked_up_is_a_failure() -> None:
    output = subprocess.run(
        ["make", "--dry-run", "--assume-old=.venv/installed-dev", "audit"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    (command,) = [line.split() for line in output.splitlines() if "pip-audit" in line]
    pinned = sorted(f"requirements/{path.name}" for path in (PROJECT / "requirements").iterdir())
    assert sorted(word for word in command if word.endswith(".txt")) == pinned
    assert "--strict" in command


@pytest.mark.parametrize("path", ENVIRONMENTS, ids=lambda path: path.stem)
def test_an_environment_is_pinned_as_the_project(path: Path) -> None:
    environment = yaml.safe_load(path.read_text("utf-8"))
    assert environment["channels"] == ["conda-forge", "nodefaults"]
    *conda, last = environment["dependencies"]
    assert all(re.fullmatch(r"[\w-]+ =[\d.]+", line) for line in conda)
    by_conda = dict(line.split(" =") for line in conda)
    assert by_conda["python"] == "3.11"
    by_pip = pins(last["pip"])
    assert list(last["pip"]) == sorted(last["pip"], key=str.lower)
    wanted = project_pins()
    for name, version in (by_conda | by_pip).items():
        if name not in ("python", "pip", "cuda-version"):
            assert wanted[name] == version, name


def test_an_engines_environment_has_its_runtime_and_no_pytorch() -> None:
    packages = {
        path.stem: set(pins(yaml.safe_load(path.read_text("utf-8"))["dependencies"][-1]["pip"]))
        for path in ENVIRONMENTS
    }
    for name, package in (
        ("onnxruntime", "onnxruntime"),
        ("openvino", "openvino"),
        ("tensorrt", "tensorrt-cu13"),
        ("tensorrt_rtx", "tensorrt-rtx-cu13"),
    ):
        assert package in packages[name]
        assert "torch" not in packages[name]
    assert "torch" in packages["cpu"]
