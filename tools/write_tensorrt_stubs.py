"""Write down what TensorRT's Python bindings have: names, members and signatures, as stubs.

TensorRT's library is over 1 GB and needs a GPU, but its bindings are a small wheel of their own.
They are imported here beside empty libraries that have the few C functions they ask the linker for;
what they are then made of is read by mypy's stubgen. Nothing of TensorRT runs.

    python tools/write_tensorrt_stubs.py tests/tools/tensorrt_stubs

writes FOLDER/VERSION/tensorrt.pyi for each of `VERSIONS`. Needs gcc, nm and the package index.
"""

import argparse
import ast
import os
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "tensorrt_cu13_bindings"
VERSIONS = {"10.13": "10.13.3.9", "11.4": "11.4.0.106"}
"""The oldest and the newest version that the workflow is meant for."""
USED = frozenset(
    {"Builder", "BuilderFlag", "DataType", "Dims", "EngineInspector", "ErrorCode"}
    | {"EngineInvalidityDiagnostics", "ExecutionContextAllocationStrategy"}
    | {"IBuilderConfig", "ICudaEngine", "IExecutionContext", "IHostMemory", "ILogger"}
    | {"INetworkDefinition", "IOptimizationProfile", "IProgressMonitor", "IRuntimeConfig"}
    | {"ITensor", "ITimingCache", "LayerInformationFormat", "MemoryPoolType"}
    | {"NetworkDefinitionCreationFlag", "OnnxParser", "ParserError", "ProfilingVerbosity"}
    | {"Runtime", "TensorIOMode"}
)
"""Classes written whole; of the others only the name."""
LIBRARIES = ("nvinfer", "nvinfer_plugin", "nvonnxparser")


def download(version: str, folder: Path) -> None:
    """Unpack the bindings of a version into `folder`."""
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"),
            *("--only-binary", ":all:", "--dest", str(folder), f"{PACKAGE}=={version}"),
        ],
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)


def empty_libraries(folder: Path, version: str) -> Path:
    """Libraries that the bindings can be linked with and that do nothing; returns their folder."""
    bindings = folder / "tensorrt_bindings/tensorrt.so"
    listed = subprocess.run(
        ["nm", "-D", "--undefined-only", str(bindings)], check=True, capture_output=True, text=True
    ).stdout
    wanted = [line.split()[-1] for line in listed.splitlines() if line.split()[-2] == "U"]
    own = [
        name for name in wanted if name.endswith("_INTERNAL") or "Nv" in name or "Plugin" in name
    ]
    source = folder / "empty.c"
    source.write_text("".join(f"void *{name}(void) {{ return 0; }}\n" for name in own))
    libraries = folder / "libraries"
    libraries.mkdir()
    for name in LIBRARIES:
        file = f"lib{name}.so.{version.partition('.')[0]}"
        subprocess.run(
            ["gcc", "-shared", "-fPIC", f"-Wl,-soname,{file}", "-o", libraries / file, source],
            check=True,
        )
    return libraries


def read_stub(folder: Path, libraries: Path) -> str:
    """What stubgen reads from the bindings."""
    subprocess.run(
        [
            *(sys.executable, "-c", "from mypy.stubgen import main; main()"),
            *("--inspect-mode", "--quiet"),
            *("--module", "tensorrt_bindings.tensorrt", "--output", str(folder / "stubs")),
        ],
        check=True,
        cwd=folder,
        env={**os.environ, "LD_LIBRARY_PATH": str(libraries), "PYTHONPATH": str(folder)},
    )
    return (folder / "stubs/tensorrt_bindings/tensorrt.pyi").read_text("utf-8")


def shorten(stub: str, python: str, version: str) -> str:
    """The classes that the workflow uses, the names of the others, and `nptype`.

    Args:
        stub: stubgen's.
        python: the bindings' own `__init__.py`, which adds to the compiled module.
        version: for the heading.
    """
    if "def nptype(trt_type):" not in python:
        raise ValueError("nptype is not what it was; look at tensorrt_bindings/__init__.py")
    kept: list[ast.stmt] = []
    for node in _parsed(stub).body:
        if isinstance(node, ast.ClassDef) and node.name not in USED:
            kept.append(ast.ClassDef(node.name, [], [], [ast.Expr(ast.Constant(...))], []))
        elif isinstance(node, ast.ClassDef):
            kept.append(_Corrected().visit(node))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            kept.append(node)
    text = ast.unparse(ast.fix_missing_locations(ast.Module(kept, [])))
    heading = f"# TensorRT {version} as its bindings are; written by tools/write_tensorrt_stubs.py."
    imports = "import collections.abc, typing, typing_extensions"
    return f"{heading}\n{imports}\n{text}\n\ndef nptype(trt_type: DataType) -> type: ...\n"


class _Corrected(ast.NodeTransformer):
    """What pybind11's signatures leave out, put right in a class.

    Sequences are taken for `Dims`, a `Dims` can be iterated over, an `IHostMemory` is a buffer, the
    `name` of an enum's member is no method, `buffer` means bytes and their like, and `SupportsInt`
    whole numbers.
    """

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.ClassDef:
        self.generic_visit(node)
        methods = {one.name for one in node.body if isinstance(one, ast.FunctionDef)}
        if node.name == "Dims" and "__getitem__" in methods and "__iter__" not in methods:
            node.body += ast.parse("def __iter__(self) -> collections.abc.Iterator[int]: ...").body
        if node.name == "IHostMemory":
            node.body += ast.parse("def __buffer__(self, flags: int) -> memoryview: ...").body
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.FunctionDef:
        for argument in node.args.args:
            if argument.annotation is not None:
                argument.annotation = ast.parse(
                    _ARGUMENTS.get(text := ast.unparse(argument.annotation), text), mode="eval"
                ).body
        if node.name == "name" and node.args.vararg is not None:
            (property_,) = ast.parse("@property\ndef name(self) -> str: ...").body
            return property_  # type: ignore[return-value]
        return node


_ARGUMENTS = {
    "Dims": "Dims | collections.abc.Sequence[int]",
    "buffer": "typing_extensions.Buffer",
    "typing.SupportsInt": "int",
}


def _parsed(stub: str) -> ast.Module:
    """The stub's syntax without lines that are none: stubgen takes impossible signatures over."""
    lines = stub.splitlines()
    while True:
        try:
            return ast.parse("\n".join(lines))
        except SyntaxError as error:
            if error.lineno is None:
                raise
            del lines[error.lineno - 1]
            if lines[error.lineno - 2].strip() == "@overload":
                del lines[error.lineno - 2]


def make_stub(version: str) -> str:
    """The stub of one version."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        download(version, folder)
        stub = read_stub(folder, empty_libraries(folder, version))
        python = (folder / "tensorrt_bindings/__init__.py").read_text("utf-8")
        return shorten(stub, python, version)


def main() -> None:
    """Write the stubs of all versions."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for short, version in VERSIONS.items():
        path = folder / short / "tensorrt.pyi"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make_stub(version), encoding="utf-8")
        print(f"{path} written")


if __name__ == "__main__":
    main()
