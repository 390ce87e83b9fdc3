"""Runs protoc over proto/ with nothing but wheels: no network, no vendored .proto of others."""

import sysconfig
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf import descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2
from grpc_tools import protoc
from protovalidate._gen.buf.validate import validate_pb

ROOT = Path(__file__).resolve().parents[2]
"""The repository."""
SCRIPTS = Path(sysconfig.get_path("scripts"))
"""Where the wheels put their commands."""
VALIDATE = "buf/validate/validate.proto"


class ContractsDoNotCompile(Exception):
    """protoc refused proto/; it has said why on stderr."""


def compile_contracts(*options: str, proto: Path = ROOT / "proto") -> bytes:
    """The descriptor set of proto/, comments included; `options` are further outputs of protoc."""
    with TemporaryDirectory() as directory:
        scratch = Path(directory)
        _write_validate(scratch / "validate.binpb")
        described = scratch / "malha.binpb"
        site = Path(sysconfig.get_path("purelib"))
        arguments = [
            "protoc",
            f"--descriptor_set_in={scratch / 'validate.binpb'}",
            *(f"-I{path}" for path in (proto, site, site / "grpc_tools" / "_proto")),
            "--include_imports",
            "--include_source_info",
            f"--descriptor_set_out={described}",
            f"--plugin=protoc-gen-mypy_grpc={SCRIPTS / 'protoc-gen-mypy_grpc'}",
            *options,
            *contract_files(proto),
            VALIDATE,
        ]
        if protoc.main(arguments):
            raise ContractsDoNotCompile(f"protoc could not compile {proto}.")
        return described.read_bytes()


def contract_files(proto: Path) -> Sequence[str]:
    """The contracts, as protoc names them. Sorted: the order reaches the output."""
    return sorted(path.relative_to(proto).as_posix() for path in proto.rglob("*.proto"))


def _write_validate(path: Path) -> None:
    # protovalidate's wheel carries the rules' schema compiled, and no .proto to compile it from.
    files = descriptor_pb2.FileDescriptorSet()
    files.file.add().ParseFromString(validate_pb._DESC.proto.to_binary())
    for module in (descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2):
        module.DESCRIPTOR.CopyToProto(files.file.add())
    path.write_bytes(files.SerializeToString())
