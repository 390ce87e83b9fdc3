"""Writes gen/python and build/malha.binpb from proto/: `python -m envoyconf.codegen`.

The output depends on proto/ and the pinned compilers alone. A file whose contract is gone is
removed, a file that did not change is not touched.
"""

import sys
from collections.abc import Mapping
from pathlib import Path
from shutil import rmtree
from tempfile import TemporaryDirectory

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from envoyconf.protoc import ROOT, VALIDATE, ContractsDoNotCompile, compile_contracts


def generate(root: Path = ROOT) -> list[Path]:
    """Bring gen/python and build/malha.binpb up to date; returns what changed."""
    with TemporaryDirectory() as directory:
        out = Path(directory)
        described = compile_contracts(
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            f"--mypy_grpc_out=only_async,quiet:{out}",
            proto=root / "proto",
        )
        unused = _stubs_of_nothing(described)
        made = {
            path.relative_to(out): path.read_bytes()
            for path in out.rglob("*.py*")
            if path.relative_to(out).as_posix() not in unused
        }
    changed = mirror(made, root / "gen" / "python")
    changed += mirror({Path("malha.binpb"): described}, root / "build", prune=False)
    return changed


def mirror(files: Mapping[Path, bytes], directory: Path, *, prune: bool = True) -> list[Path]:
    """Make a directory hold exactly these files; returns the paths written or removed."""
    changed = []
    for name, content in sorted(files.items()):
        path = directory / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            changed.append(path)
    if prune:
        changed += _prune(directory, keep={directory / name for name in files})
    return changed


def _prune(directory: Path, keep: set[Path]) -> list[Path]:
    here = [path for path in sorted(directory.rglob("*")) if "__pycache__" not in path.parts]
    stale = [path for path in here if path.is_file() and path not in keep]
    for path in stale:
        path.unlink()
    wanted = {parent for path in keep for parent in path.parents}
    for path in here:
        if path.is_dir() and path not in wanted:
            rmtree(path, ignore_errors=True)  # A parent removed before took it along.
    return stale


def _stubs_of_nothing(described: bytes) -> set[str]:
    # protoc writes a gRPC module for every file, most of which declare no service.
    files = FileDescriptorSet.FromString(described).file
    without = [file.name for file in files if not file.service] + [VALIDATE]
    return {
        name.removesuffix(".proto") + ending
        for name in without
        for ending in ("_pb2_grpc.py", "_pb2_grpc.pyi")
    }


def main() -> None:
    """Generate, and say what changed."""
    try:
        changed = generate()
    except ContractsDoNotCompile as error:
        sys.exit(str(error))
    for path in changed:
        print(path.relative_to(ROOT))


if __name__ == "__main__":
    main()
