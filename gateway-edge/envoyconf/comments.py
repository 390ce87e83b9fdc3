"""The comments of the contracts, which are the descriptions of the API."""

import re
from collections.abc import Iterable, Iterator

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    EnumDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
)

Path = tuple[int, ...]

# Numbers of the fields of FileDescriptorProto and below, as source locations spell paths.
MESSAGE, ENUM, SERVICE = 4, 5, 6
FIELD, NESTED_MESSAGE, NESTED_ENUM, ENUM_VALUE, METHOD = 2, 3, 4, 2, 2


def comments_of(described: bytes) -> dict[str, str]:
    """The comment of everything in a descriptor set with source info, by full name."""
    comments = {}
    for file in FileDescriptorSet.FromString(described).file:
        names = dict(_names(file))
        for location in file.source_code_info.location:
            comment = location.leading_comments or location.trailing_comments
            name = names.get(tuple(location.path))
            if comment and name:
                comments[name] = _unwrapped(comment)
    return comments


def first_sentence(text: str) -> str:
    """A title, out of a description."""
    sentence = re.split(r"(?<=[.!?])\s+(?=[A-Z])", text, maxsplit=1)[0]
    return sentence.removesuffix(".")


def _unwrapped(comment: str) -> str:
    paragraphs = re.split(r"\n\s*\n", comment.strip())
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _names(file: FileDescriptorProto) -> Iterator[tuple[Path, str]]:
    prefix = f"{file.package}." if file.package else ""
    yield from _message_names(file.message_type, (MESSAGE,), prefix)
    yield from _enum_names(file.enum_type, (ENUM,), prefix)
    for i, service in enumerate(file.service):
        yield (SERVICE, i), prefix + service.name
        for j, method in enumerate(service.method):
            yield (SERVICE, i, METHOD, j), f"{prefix}{service.name}.{method.name}"


def _message_names(
    messages: Iterable[DescriptorProto], path: Path, prefix: str
) -> Iterator[tuple[Path, str]]:
    for i, message in enumerate(messages):
        here, name = (*path, i), prefix + message.name
        yield here, name
        for j, field in enumerate(message.field):
            yield (*here, FIELD, j), f"{name}.{field.name}"
        yield from _message_names(message.nested_type, (*here, NESTED_MESSAGE), f"{name}.")
        yield from _enum_names(message.enum_type, (*here, NESTED_ENUM), f"{name}.")


def _enum_names(
    enums: Iterable[EnumDescriptorProto], path: Path, prefix: str
) -> Iterator[tuple[Path, str]]:
    for i, enum in enumerate(enums):
        here, name = (*path, i), prefix + enum.name
        yield here, name
        for j, value in enumerate(enum.value):
            yield (*here, ENUM_VALUE, j), f"{name}.{value.name}"
