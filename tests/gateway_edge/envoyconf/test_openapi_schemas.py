"""The schemas of the OpenAPI documents: what a request may be, as the contracts' rules have it."""

from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor
from jsonschema import Draft202012Validator

from envoyconf.schemas import Schemas
from tests.gateway_edge.envoyconf.documents import (
    VERSIONS,
    committed,
    errors_by,
    operations,
    resolved,
    schema_errors,
)


@pytest.fixture(scope="module", params=VERSIONS)
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each document."""
    return committed(request.param)


@pytest.fixture(scope="module")
def v1() -> dict[str, Any]:
    """The document of version 1."""
    return committed("v1")


def test_a_request_takes_nothing_that_it_does_not_know(document: dict[str, Any]) -> None:
    for operation in operations(document).values():
        if "requestBody" in operation:
            media = operation["requestBody"]["content"]["application/json"]
            assert resolved(document, media["schema"])["additionalProperties"] is False
            assert errors_by(document, media["schema"], {**media["example"], "nmae": 1})


def test_what_may_be_left_out_may_be_null(v1: dict[str, Any]) -> None:
    name = "assistants.CreateAssistantRequest"

    assert schema_errors(v1, name, {"name": "Ana", "quietTime": None, "language": None}) == []
    assert schema_errors(v1, name, {"name": None})


@pytest.mark.parametrize(
    ("value", "valid"),
    [
        ("0s", True),
        ("3.5s", True),
        ("59.999s", True),
        ("60s", True),
        ("60.0s", True),
        ("60.1s", False),
        ("61s", False),
        ("600s", False),
        ("-1s", False),
        ("3", False),
    ],
)
def test_spans_of_time_have_their_bounds(v1: dict[str, Any], value: str, valid: bool) -> None:
    errors = schema_errors(
        v1, "assistants.CreateAssistantRequest", {"name": "Ana", "quietTime": value}
    )

    assert (errors == []) is valid


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"name": "Ana"}, None),
        ({"name": "Ana", "quietTime": "3.5s", "models": ["openai:gpt"], "minScore": 0.4}, None),
        ({}, "'name' is a required property"),
        ({"name": ""}, "does not match"),
        ({"name": " \t"}, "does not match"),
        ({"name": "A\0na"}, "does not match"),
        ({"name": "Ana", "instructions": "Be\0kind"}, "does not match"),
        ({"name": "Ana", "instructions": "Be\nkind\n"}, None),
        ({"name": "Ana", "language": "fr"}, "is not one of"),
        ({"name": "Ana", "models": ["Not A Model"]}, "does not match"),
        ({"name": "Ana", "quietTime": "3"}, "does not match"),
        ({"name": "Ana", "minScore": 2}, "is greater than the maximum"),
    ],
)
def test_the_rules_of_the_contract_are_in_the_schema(
    v1: dict[str, Any], value: object, complaint: str | None
) -> None:
    errors = schema_errors(v1, "assistants.CreateAssistantRequest", value)

    assert (errors == []) if complaint is None else (complaint in errors[0])


def test_an_update_demands_nothing(v1: dict[str, Any]) -> None:
    schema = v1["components"]["schemas"]["assistants.UpdateAssistantRequest"]

    assert "required" not in schema
    assert "id" not in schema["properties"], "it is in the path"


def test_a_field_that_must_not_be_empty_is_required_in_a_query(v1: dict[str, Any]) -> None:
    parameters = operations(v1)["malha.knowledge.v1.SearchService.SearchPassages"]["parameters"]

    assert {item.get("name") for item in parameters if item.get("required")} == {
        "assistantId",
        "queries",
    }


def test_requests_never_name_the_zero_of_an_enum(v1: dict[str, Any]) -> None:
    schemas = v1["components"]["schemas"]

    names, numbers = schemas["ingestion.WebhookStatusInput"]["anyOf"]
    assert "WEBHOOK_STATUS_UNSPECIFIED" in schemas["ingestion.WebhookStatus"]["enum"]
    assert "WEBHOOK_STATUS_UNSPECIFIED" not in names["enum"]
    assert 0 not in numbers["enum"]


def test_the_number_0_stands_where_nothing_may_be_said(v1: dict[str, Any]) -> None:
    role = in_query(v1, "crm.v1.UserService.ListUsers", "role")

    assert errors_by(v1, role, 0) == []
    assert errors_by(v1, role, "ROLE_OWNER") == []
    assert errors_by(v1, role, 99)
    assert schema_errors(v1, "crm.UpdateUserRequest", {"role": 1}) == []
    assert schema_errors(v1, "crm.UpdateUserRequest", {"role": None}) == []
    assert schema_errors(v1, "crm.UpdateUserRequest", {"role": 0})


@pytest.mark.parametrize(
    ("value", "valid"),
    [("", True), ("0198c0de-7a1b-7000-8000-0000000000d1", True), ("7", False), (" ", False)],
)
def test_an_id_that_may_be_left_out_may_be_empty(
    v1: dict[str, Any], value: str, valid: bool
) -> None:
    assistant = in_query(v1, "knowledge.v1.DocumentService.ListDocuments", "assistantId")
    body = {"email": "ana@exemplo.com.br", "role": "ROLE_AGENT", "workspaceId": value}

    assert (errors_by(v1, assistant, value) == []) is valid
    assert (schema_errors(v1, "crm.CreateInvitationRequest", body) == []) is valid
    assert errors_by(
        v1, in_query(v1, "knowledge.v1.SearchService.SearchPassages", "assistantId"), ""
    )


def test_no_text_that_is_sent_holds_nul(document: dict[str, Any]) -> None:
    seen: set[str] = set()
    texts = list(sent_texts(document, seen))

    assert len(texts) > 10
    for text in texts:
        assert not Draft202012Validator(text).is_valid("a\0a"), text


def in_query(document: dict[str, Any], rpc: str, name: str) -> dict[str, Any]:
    """The schema of a parameter."""
    [found] = [
        item["schema"]
        for item in operations(document)[f"malha.{rpc}"]["parameters"]
        if item.get("name") == name
    ]
    schema: dict[str, Any] = found
    return schema


def sent_texts(document: dict[str, Any], seen: set[str]) -> Iterator[dict[str, Any]]:
    """The schemas of all texts in bodies, paths and queries, save those with a format."""
    for operation in operations(document).values():
        parts = [item["schema"] for item in operation["parameters"] if "schema" in item]
        if "requestBody" in operation:
            parts.append(operation["requestBody"]["content"]["application/json"]["schema"])
        while parts:
            part = parts.pop()
            if "$ref" in part and part["$ref"] not in seen:
                seen.add(part["$ref"])
                parts.append(resolved(document, part))
            parts += [*part.get("properties", {}).values(), *part.get("anyOf", ())]
            parts += [part["items"]] if "items" in part else []
            is_text = "string" in part.get("type", ())
            if is_text and not ({"format", "anyOf"} & part.keys()):
                yield part


def _made_up() -> Descriptor:
    """A message with one of everything that Protobuf's JSON treats in its own way."""
    file = descriptor_pb2.FileDescriptorProto(
        name="everything.proto", package="everything", syntax="proto3"
    )
    message = file.message_type.add(name="Everything")
    kinds = descriptor_pb2.FieldDescriptorProto
    for number, (name, kind) in enumerate(
        [
            ("big", kinds.TYPE_INT64),
            ("unsigned_big", kinds.TYPE_UINT64),
            ("raw", kinds.TYPE_BYTES),
            ("left", kinds.TYPE_STRING),
            ("right", kinds.TYPE_STRING),
        ]
    ):
        message.field.add(name=name, number=number + 1, type=kind, label=kinds.LABEL_OPTIONAL)
    message.oneof_decl.add(name="side")
    for field in message.field[3:]:
        field.oneof_index = 0
    message.field.add(
        name="inner",
        number=9,
        type=kinds.TYPE_MESSAGE,
        type_name=".everything.Everything",
        label=kinds.LABEL_REPEATED,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return pool.FindMessageTypeByName("everything.Everything")


def test_wide_numbers_bytes_choices_and_recursion() -> None:
    schemas = Schemas({})
    assert schemas.answer(_made_up()) == {"$ref": "#/components/schemas/everything.Everything"}
    assert schemas.request(_made_up()) == {
        "$ref": "#/components/schemas/everything.EverythingInput"
    }

    answer = schemas.components["everything.Everything"]
    assert answer["required"] == ["big", "unsignedBig", "raw", "inner"]
    assert answer["properties"]["big"]["type"] == "string"
    assert answer["properties"]["raw"]["contentEncoding"] == "base64"
    assert answer["properties"]["inner"]["items"] == {
        "$ref": "#/components/schemas/everything.Everything"
    }
    request = schemas.components["everything.EverythingInput"]
    assert "required" not in request
    judge = Draft202012Validator({"allOf": request["allOf"]})
    assert judge.is_valid({})
    assert judge.is_valid({"left": "x"})
    assert not judge.is_valid({"left": "x", "right": "y"})
