"""The descriptor set that Envoy's transcoder reads: as small as it can be."""

from collections.abc import Iterable, Iterator

from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import FileDescriptor
from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)
from google.rpc import error_details_pb2, status_pb2


def transcoder_descriptors(
    files: Iterable[FileDescriptor], further: Iterable[FileDescriptorProto] = ()
) -> bytes:
    """The files, what they import and how errors look, without what Envoy does not read.

    Rules and options of our own would make it five times as large, and it is inline in the
    configuration.
    """
    described = FileDescriptorSet()
    # The error details have to be known here, or they reach REST callers as base64.
    errors = (error_details_pb2.DESCRIPTOR, status_pb2.DESCRIPTOR)
    for proto in [*_with_imports([*files, *errors]), *further]:
        described.file.append(_stripped(proto))
    return _only_needed(described).SerializeToString(deterministic=True)


def _with_imports(files: Iterable[FileDescriptor]) -> Iterator[FileDescriptorProto]:
    seen: set[str] = set()

    def visit(file: FileDescriptor) -> Iterator[FileDescriptorProto]:
        if file.name in seen:
            return
        seen.add(file.name)
        for needed in file.dependencies:
            yield from visit(needed)
        proto = FileDescriptorProto()
        file.CopyToProto(proto)
        yield proto

    for file in files:
        yield from visit(file)


def _stripped(file: FileDescriptorProto) -> FileDescriptorProto:
    file = FileDescriptorProto.FromString(file.SerializeToString())
    file.ClearField("options")
    file.ClearField("source_code_info")
    file.ClearField("extension")
    for message in _messages(file.message_type):
        _strip_message(message)
    for enum in file.enum_type:
        for value in enum.value:
            value.ClearField("options")
    for service in file.service:
        service.ClearField("options")
        for method in service.method:
            _keep_http_rule(method)
    return file


def _keep_http_rule(method: MethodDescriptorProto) -> None:
    rule = HttpRule()
    rule.CopyFrom(method.options.Extensions[annotations_pb2.http])
    method.ClearField("options")
    if rule.WhichOneof("pattern"):
        method.options.Extensions[annotations_pb2.http].CopyFrom(rule)


def _strip_message(message: DescriptorProto) -> None:
    # A map is a message with this option: without it the map becomes a list of pairs.
    is_map = message.options.map_entry
    message.ClearField("options")
    if is_map:
        message.options.map_entry = True
    message.ClearField("extension")
    for field in message.field:
        field.ClearField("options")
    for oneof in message.oneof_decl:
        oneof.ClearField("options")
    for enum in message.enum_type:
        for value in enum.value:
            value.ClearField("options")


def _messages(messages: Iterable[DescriptorProto]) -> Iterator[DescriptorProto]:
    for message in messages:
        yield message
        yield from _messages(message.nested_type)


def _only_needed(described: FileDescriptorSet) -> FileDescriptorSet:
    home = {name: file.name for file in described.file for name in _declared(file)}
    imports = {}
    for file in described.file:
        needed = {home[name] for name in _mentioned(file)} - {file.name}
        file.ClearField("public_dependency")
        file.ClearField("weak_dependency")
        del file.dependency[:]
        file.dependency.extend(sorted(needed))
        imports[file.name] = needed
    wanted = {file.name for file in described.file if file.service}
    wanted |= {error_details_pb2.DESCRIPTOR.name, status_pb2.DESCRIPTOR.name}
    queue = list(wanted)
    while queue:
        new = imports[queue.pop()] - wanted
        wanted |= new
        queue += new
    return FileDescriptorSet(file=[file for file in described.file if file.name in wanted])


def _declared(file: FileDescriptorProto) -> Iterator[str]:
    def visit(messages: Iterable[DescriptorProto], prefix: str) -> Iterator[str]:
        for message in messages:
            name = f"{prefix}.{message.name}"
            yield name
            yield from (f"{name}.{enum.name}" for enum in message.enum_type)
            yield from visit(message.nested_type, name)

    prefix = f".{file.package}" if file.package else ""
    yield from (f"{prefix}.{enum.name}" for enum in file.enum_type)
    yield from visit(file.message_type, prefix)


def _mentioned(file: FileDescriptorProto) -> Iterator[str]:
    for message in _messages(file.message_type):
        yield from (field.type_name for field in message.field if field.type_name)
    for service in file.service:
        for method in service.method:
            yield from (method.input_type, method.output_type)
