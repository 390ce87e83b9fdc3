"""What the edge says of bodies, against what Protobuf's own reader makes of them."""

import json
from typing import Any

import pytest
from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    duration_pb2,
    json_format,
    struct_pb2,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.descriptor import Descriptor
from google.protobuf.message_factory import GetMessageClass
from hypothesis import given, settings
from hypothesis import strategies as some

from edge.bodies import MOST_VIOLATIONS, Bodies, Unreadable, read
from edge.fields import Shapes, Violation
from envoyconf.contracts import load_contracts

BODIES = Bodies(load_contracts())
KINDS = descriptor_pb2.FieldDescriptorProto


def _everything() -> Descriptor:
    """A message with one of everything that Protobuf's JSON treats in its own way."""
    file = descriptor_pb2.FileDescriptorProto(name="all.proto", package="all", syntax="proto3")
    further = (duration_pb2, struct_pb2, timestamp_pb2, wrappers_pb2)
    file.dependency.extend(module.DESCRIPTOR.name for module in further)
    color = file.enum_type.add(name="Color")
    for number, name in enumerate(("COLOR_UNSPECIFIED", "COLOR_RED", "COLOR_BLUE")):
        color.value.add(name=name, number=number)
    message = file.message_type.add(name="Everything")
    entry = message.nested_type.add(name="CountsEntry")
    entry.options.map_entry = True
    entry.field.add(name="key", number=1, type=KINDS.TYPE_INT32, label=KINDS.LABEL_OPTIONAL)
    entry.field.add(name="value", number=2, type=KINDS.TYPE_BOOL, label=KINDS.LABEL_OPTIONAL)
    google = ".google.protobuf."
    fields: list[tuple[str, int, str, bool]] = [
        ("some_text", KINDS.TYPE_STRING, "", False),
        ("flag", KINDS.TYPE_BOOL, "", False),
        ("small", KINDS.TYPE_INT32, "", False),
        ("wide", KINDS.TYPE_INT64, "", False),
        ("natural", KINDS.TYPE_UINT32, "", False),
        ("wide_natural", KINDS.TYPE_UINT64, "", False),
        ("real", KINDS.TYPE_DOUBLE, "", False),
        ("rough", KINDS.TYPE_FLOAT, "", False),
        ("raw", KINDS.TYPE_BYTES, "", False),
        ("color", KINDS.TYPE_ENUM, ".all.Color", False),
        ("inner", KINDS.TYPE_MESSAGE, ".all.Everything", False),
        ("many", KINDS.TYPE_INT32, "", True),
        ("inners", KINDS.TYPE_MESSAGE, ".all.Everything", True),
        ("counts", KINDS.TYPE_MESSAGE, ".all.Everything.CountsEntry", True),
        ("span", KINDS.TYPE_MESSAGE, f"{google}Duration", False),
        ("moment", KINDS.TYPE_MESSAGE, f"{google}Timestamp", False),
        ("free", KINDS.TYPE_MESSAGE, f"{google}Struct", False),
        ("anything", KINDS.TYPE_MESSAGE, f"{google}Value", False),
        ("maybe", KINDS.TYPE_MESSAGE, f"{google}Int32Value", False),
        ("left", KINDS.TYPE_STRING, "", False),
        ("right", KINDS.TYPE_STRING, "", False),
    ]
    message.oneof_decl.add(name="side")
    for number, (name, kind, type_name, many) in enumerate(fields, 1):
        label = KINDS.LABEL_REPEATED if many else KINDS.LABEL_OPTIONAL
        made = message.field.add(
            name=name, number=number, type=kind, label=label, type_name=type_name or None
        )
        if name in ("left", "right"):
            made.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    for module in further:
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)  # type: ignore[no-untyped-call]
    pool.AddSerializedFile(file.SerializeToString())  # type: ignore[no-untyped-call]
    return pool.FindMessageTypeByName("all.Everything")


EVERYTHING = _everything()
MESSAGE = GetMessageClass(EVERYTHING)
CHECK = Shapes().message(EVERYTHING)


def violations(value: object) -> list[Violation]:
    """What is wrong with a value, as Everything."""
    return list(CHECK(value, ""))


@pytest.mark.parametrize(
    ("value", "field", "expected"),
    [
        ({"someText": 1}, "someText", "must be a string"),
        ({"some_text": []}, "someText", "must be a string"),
        ({"someText": "\ud800"}, "someText", "must not hold half a surrogate pair"),
        ({"someText": "a\0"}, "someText", "must not hold NUL"),
        ({"sometext": ""}, "sometext", "is no field; did you mean someText?"),
        ({"zzz": ""}, "zzz", "is no field"),
        ({"@type": ""}, "@type", "is no field"),
        ({"flag": "true"}, "flag", "must be true or false"),
        ({"flag": 1}, "flag", "must be true or false"),
        ({"small": 2**31}, "small", "must be from -2147483648 to 2147483647"),
        ({"small": 1.5}, "small", "must be a whole number"),
        ({"small": True}, "small", "must be a whole number"),
        ({"small": ""}, "small", "must be a whole number"),
        ({"natural": -1}, "natural", "must be from 0 to 4294967295"),
        ({"wide": "9" * 30}, "wide", "must be a whole number"),
        ({"wide": "9223372036854775808"}, "wide", f"must be from {-(2**63)} to {2**63 - 1}"),
        ({"real": "much"}, "real", "must be a number"),
        ({"real": True}, "real", "must be a number"),
        ({"rough": 1e39}, "rough", "must be a smaller number"),
        ({"real": 10**400}, "real", "must be a smaller number"),
        ({"raw": "?"}, "raw", "must be base64"),
        ({"raw": "a"}, "raw", "must be base64"),
        ({"color": "COLOR_GREEN"}, "color", "must be one of COLOR_RED, COLOR_BLUE"),
        ({"color": 7}, "color", "must be one of COLOR_RED, COLOR_BLUE"),
        ({"color": True}, "color", "must be one of COLOR_RED, COLOR_BLUE"),
        ({"inner": []}, "inner", "must be an object"),
        ({"inner": {"inner": {"smal": 1}}}, "inner.inner.smal", "is no field; did you mean small?"),
        ({"many": 1}, "many", "must be a list"),
        ({"many": [1, None]}, "many[1]", "must not be null"),
        ({"many": [1, "x"]}, "many[1]", "must be a whole number"),
        ({"inners": [{}, {"flag": 0}]}, "inners[1].flag", "must be true or false"),
        ({"counts": []}, "counts", "must be an object"),
        ({"counts": {"a": True}}, "counts[a]", "must be a whole number"),
        ({"counts": {"1": 2}}, "counts[1]", "must be true or false"),
        ({"counts": {"1": None}}, "counts[1]", "must not be null"),
        ({"span": 3}, "span", "must be a span of time such as 3.5s"),
        ({"span": "3"}, "span", "must be a span of time such as 3.5s"),
        ({"moment": "2026"}, "moment", "must be a time such as 2026-11-22T12:00:00Z"),
        ({"free": []}, "free", "must be an object"),
        ({"maybe": "x"}, "maybe", "must be a whole number"),
        ({"left": "a", "right": "b"}, "right", "excludes another field that is set"),
        ({"someText": "a", "some_text": "b"}, "someText", "is there twice, also as some_text"),
    ],
)
def test_what_is_wrong_is_named(value: dict[str, Any], field: str, expected: str) -> None:
    assert violations(value) == [(field, expected)]


def test_everything_that_is_wrong_is_named() -> None:
    found = violations({"x": 1, "flag": 1, "inner": {"y": 1, "small": "a"}})

    assert [field for field, _ in found] == ["x", "flag", "inner.y", "inner.small"]


def test_what_is_right_passes() -> None:
    value = {
        "someText": "Não \U0001f600",
        "small": "5",
        "wide": 5.0,
        "wideNatural": "18446744073709551615",
        "real": "NaN",
        "rough": 3.4e38,
        "raw": "_-8",
        "color": "color_red",
        "inner": {"color": 2, "inner": None},
        "many": [],
        "counts": {"1": True},
        "span": "-1.5s",
        "moment": "2026-11-22T12:00:00.123-03:00",
        "free": {"a": [1]},
        "anything": None,
        "maybe": 3,
        "left": "a",
        "right": None,
    }

    assert violations(value) == []


# What is in a Struct or a Value is its owner's business.
NAMES = [field.json_name for field in EVERYTHING.fields if field.name not in ("free", "anything")]
TRICKY: list[Any] = [
    *(None, True, False, 0, 1, -1, 1.0, 1.5, -0.0, 2**31, -(2**31), 2**63, 2**64, 10**400, 1e39),
    *("", "0", "5", "-5", "1.5", "1e3", " 1", "007", "NaN", "Infinity", "true", "x", "é", "\ud800"),
    *("3s", "3.5s", "-1s", "s", "1000000000000s", "2026-11-22T12:00:00Z", "2026-13-01T00:00:00Z"),
    *("AAEC", "AA==", "AA", "_-8=", "A", "COLOR_RED", "COLOR_GREEN", "2", {}, [], [None], [1, "2"]),
    *({"1": True}, {"x": True}, {"true": 1}, {"1": None}),
]
VALUES = some.recursive(
    some.sampled_from(TRICKY),
    lambda inner: (
        some.dictionaries(some.sampled_from([*NAMES, "some_text", "unknown"]), inner, max_size=3)
        | some.lists(inner, max_size=3)
    ),
    max_leaves=8,
)


# An enum's own numbers, digits as people write them, whole base64, one name at a time, and no empty
# list for an object.
STRICTER = {
    "must be one of COLOR_RED, COLOR_BLUE",
    "must be a whole number",
    "is there twice, also as some_text",
    "must be an object",
    "must be base64",
}


@settings(max_examples=300, deadline=None)
@given(some.dictionaries(some.sampled_from([*NAMES, "some_text", "unknown"]), VALUES, max_size=4))
def test_protobufs_reader_is_the_truth(value: dict[str, Any]) -> None:
    found = violations(value)

    if not reads(value):
        assert found
    elif found:
        assert {said for _, said in found} <= STRICTER


def reads(value: dict[str, Any]) -> bool:
    """Whether Protobuf reads it."""
    try:
        json_format.ParseDict(value, MESSAGE())
    except (json_format.ParseError, ValueError, OverflowError, SystemError):
        return False
    return True


@pytest.mark.parametrize(
    ("method", "path", "body", "found"),
    [
        ("POST", "/v1/assistants", b'{"name":"Ana"}', []),
        ("POST", "/v1/assistants", b"", []),
        ("POST", "/v1/nope", b"[]", []),
        ("GET", "/v1/assistants", b"[]", []),
        ("POST", "/v1/assistants", b"null", [("body", "must be an object")]),
        ("POST", "/v1/assistants", b'"x"', [("body", "must be an object")]),
        ("PATCH", "/v1/assistants/7", b'{"name":"Bia"}', []),
        (
            "PATCH",
            "/v1/assistants/7",
            b'{"id":"7"}',
            [("id", "is in the path, and must not be in the body as well")],
        ),
        ("PATCH", "/v1/assistants/7/x", b'{"id":"7"}', []),
        ("POST", "/v1/api-keys/7:rotate", b'{"overlap":"60s"}', []),
        ("POST", "/v1/api-keys/7:rotate", b'{"name":"x"}', [("name", "is no field")]),
    ],
)
def test_a_path_and_a_method_mean_a_message(
    method: str, path: str, body: bytes, found: list[Violation]
) -> None:
    assert BODIES.violations(method, path, body) == found


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        (b"{", "body", "must be JSON, which it is not at character 1"),
        (b"{'a':1}", "body", "must be JSON, which it is not at character 1"),
        (b'{"a":1,}', "body", "must be JSON, which it is not at character 7"),
        (b"\xef\xbb\xbf{}", "body", "must be JSON, which it is not at character 0"),
        (b'{"a":NaN}', "body", "must be JSON, in which NaN is no number"),
        (b'{"a":-Infinity}', "body", "must be JSON, in which -Infinity is no number"),
        (b'{"a":"\xc3"}', "body", "must be UTF-8, which it is not at byte 6"),
        ('{"a":1}'.encode("utf-16"), "body", "must be UTF-8, which it is not at byte 0"),
        (b'{"a":1,"b":{"c":1,"c":2}}', "c", "is there twice"),
        (b'{"a":1,"\\u0061":2}', "a", "is there twice"),
        (b"[" * 33 + b"]" * 33, "body", "must not be nested deeper than 32 levels"),
        (b"[" * 500_000, "body", "must not be nested deeper than 32 levels"),
        (b'{"a":' + b"9" * 5000 + b"}", "body", "must not hold a number this long"),
    ],
)
def test_json_that_readers_disagree_about_is_refused(
    body: bytes, field: str, expected: str
) -> None:
    with pytest.raises(Unreadable) as refused:
        read(body)

    assert refused.value.violation == (field, expected)


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        (b'{"models":[' + b"{}," * 340_000 + b"{}]}", "body", "more than 10000 values"),
        (b'{"models":[' + b"[]," * 340_000 + b"[]]}", "body", "more than 10000 values"),
        (b'{"models":[' + b"1," * 340_000 + b"1]}", "models", "more than 10000 items"),
    ],
    ids=["objects", "lists", "numbers"],
)
def test_a_body_made_to_keep_the_edge_busy_is_put_down_soon(
    body: bytes, field: str, expected: str
) -> None:
    ((named, said),) = BODIES.violations("POST", "/v1/assistants", body)

    assert named == field
    assert expected in said


def test_braces_in_a_text_are_text() -> None:
    body = json.dumps({"title": "T", "text": "{[" * 100_000}).encode()

    assert BODIES.violations("POST", "/v1/documents", body) == []


def test_depth_is_counted_and_not_brackets() -> None:
    assert read(b"[" * 32 + b"]" * 32)
    assert len(read(b"[" + b"[]," * 100 + b"[]]")) == 101


def test_a_strangers_names_are_cut_and_printable() -> None:
    body = json.dumps({"\x1b[31m" + "x" * 9000: 1, "\ud800": 1}).encode()

    for field, _ in BODIES.violations("POST", "/v1/assistants", body):
        assert len(field) < 100
        assert field.isprintable()
        field.encode()


def test_a_body_full_of_mistakes_is_not_told_all_of_them() -> None:
    body = json.dumps({f"x{number}": 1 for number in range(5000)}).encode()

    assert len(BODIES.violations("POST", "/v1/assistants", body)) == MOST_VIOLATIONS
