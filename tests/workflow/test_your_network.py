"""The commands of "Bring your network" do what the page says, with networks of its forms."""

import json
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fast_snakemake import FastSnakemake
from segtrt.cli.main import main
from tiny_networks import THREE_LINES, onnx_graph, weight

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/your_network.md"
REPORT = "results/report.html"
NETWORK = "results/model/network.json"
WEIGHTS = "results/model/weights.safetensors"


def small(classes: int = 2) -> "torch.nn.Module":  # type: ignore[name-defined] # noqa: F821
    scope: dict[str, Callable[..., object]] = {}
    exec(THREE_LINES, scope)  # the user's file
    return scope["network"](classes).eval()


def graph(_: Path) -> None:
    from onnx import helper

    conv = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    onnx_graph(Path("net.onnx"), [conv], {"w": weight(2, 3, 3, 3)}, given=("n", 3, "h", "w"))


def own_file(folder: Path) -> None:
    import torch

    (folder / "net.py").write_text(THREE_LINES)
    torch.save(small().state_dict(), folder / "net.pt")


def package(folder: Path) -> None:
    import torch
    from monai.networks.nets import UNet

    torch.save(UNet(3, 1, 2, (8, 16, 32), (2, 2)).state_dict(), folder / "unet.pt")


def torchscript(folder: Path) -> None:
    import torch

    torch.jit.script(small()).save(folder / "net.ts")


def program(folder: Path) -> None:
    import torch

    free = dict.fromkeys((0, 2, 3), torch.export.Dim.DYNAMIC)
    images = torch.zeros(2, 3, 24, 32)
    exported = torch.export.export(small(), (images,), dynamic_shapes=(free,))
    torch.export.save(exported, folder / "net.pt2")


def bundle(folder: Path) -> None:
    (folder / "bundles/spleen/configs").mkdir(parents=True)
    network = {"_target_": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 2}
    sizes = {"channels": [4, 8], "strides": [2]}
    config = {"network_def": {**network, **sizes}}
    (folder / "bundles/spleen/configs/inference.json").write_text(json.dumps(config))


def commands() -> list[list[str]]:
    """The page's commands, without the prompt."""
    lines = PAGE.read_text("utf-8").splitlines()
    return [shlex.split(line[2:]) for line in lines if line.startswith("$ ")]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FastSnakemake]:
    with FastSnakemake(tmp_path_factory.mktemp("server") / "said.txt") as server:
        yield server


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_first_command_shows_the_contract(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    graph(tmp_path)
    name, *arguments = commands()[0]
    assert name == "segtrt"
    assert main(arguments) == 0
    assert "3 channels" in capsys.readouterr().out


MAKERS = {
    **{1: graph, 2: own_file, 3: package, 4: graph, 5: torchscript, 6: program},
    7: bundle,
}


@pytest.mark.parametrize(
    "number", [pytest.param(n, marks=[] if n == 2 else pytest.mark.slow) for n in MAKERS]
)
def test_a_command_takes_its_network(number: int, server: FastSnakemake, tmp_path: Path) -> None:
    MAKERS[number](tmp_path)
    program, target, *options = commands()[number]
    assert (program, target) == ("snakemake", NETWORK if number == 1 else REPORT)
    given = any("weights:" in option for option in options)
    targets = [NETWORK, WEIGHTS] if given else [NETWORK]
    server.run(tmp_path, *targets, *options, "--snakefile", str(ROOT / "Snakefile"))
    found = json.loads((tmp_path / NETWORK).read_text())
    shape = (1, 3, 2) if MAKERS[number] in (package, bundle) else (3, 2, 2)
    assert (found["channels"], len(found["size"]), found["classes"]) == shape


def test_there_is_a_test_of_every_command() -> None:
    assert len(commands()) == 1 + len(MAKERS)
