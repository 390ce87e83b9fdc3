"""Writes gen/python and build/malha.binpb from proto/: `python -m envoyconf.codegen`.

The output depends on proto/ and the pinned compilers alone. A file whose contract is gone is
removed, a file that did not change is not touched. With --check nothing under gen/ is written, and
the exit code says whether all of it is fresh.
"""

import argparse
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf.descriptor_pb2 import FileDescriptorSet

from envoyconf.distribution import distribution
from envoyconf.mirror import differences, mirror
from envoyconf.protoc import ROOT, VALIDATE, ContractsDoNotCompile, compile_contracts


def generate(root: Path = ROOT) -> list[Path]:
    """Bring gen/python and build/malha.binpb up to date; returns what changed under gen/."""
    return mirror(python_files(root), root / "gen" / "python")


def stale_files(root: Path = ROOT) -> list[Path]:
    """What `make gen` would change under gen/."""
    if stale := differences(python_files(root), root / "gen" / "python"):
        return stale
    # It reads the contracts from gen/python, so that has to be there and fresh.
    from envoyconf.generated import envoy_yaml, openapi_files

    gen = root / "gen"
    return [
        *differences({Path("envoy.yaml"): envoy_yaml()}, gen / "envoy"),
        *differences(openapi_files(root), gen / "openapi"),
    ]


def python_files(root: Path) -> dict[Path, bytes]:
    """What gen/python has to hold. Leaves the descriptor set, which linters read, in build/."""
    with TemporaryDirectory() as directory:
        out = Path(directory)
        described = compile_contracts(
            f"--python_out={out}",
            f"--pyi_out={out}",
            f"--grpc_python_out={out}",
            f"--mypy_grpc_out=only_async,quiet:{out}",
            proto=root / "proto",
        )
        build = root / "build"
        build.mkdir(exist_ok=True)
        (build / "malha.binpb").write_bytes(described)
        unused = _stubs_of_nothing(described)
        return {
            path.relative_to(out): path.read_bytes()
            for path in sorted(out.rglob("*.py*"))
            if path.relative_to(out).as_posix() not in unused
        } | distribution(root)


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
    """Generate and say what changed, or check and say what is stale."""
    parser = argparse.ArgumentParser(prog="envoyconf.codegen", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing under gen/")
    check = parser.parse_args().check
    try:
        paths = stale_files() if check else generate()
    except ContractsDoNotCompile as error:
        sys.exit(str(error))
    for path in paths:
        print(path.relative_to(ROOT))
    if check and paths:
        sys.exit("gen/ does not follow from proto/ and envoyconf: run `make gen`.")


if __name__ == "__main__":
    main()
