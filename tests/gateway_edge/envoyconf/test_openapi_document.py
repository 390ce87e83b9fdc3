"""The OpenAPI documents: valid, fresh, and telling the truth about what Envoy does."""

import json
import re
from typing import Any

import pytest
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.descriptor import Descriptor
from jsonschema import Draft202012Validator
from jsonschema.validators import validator_for
from malha.assistants.v1 import assistant_pb2
from openapi_spec_validator import validate

from edge.bodies import Bodies
from envoyconf.comments import comments_of, first_sentence
from envoyconf.contracts import RPC, load_contracts, rpcs_of
from envoyconf.generated import openapi_files
from envoyconf.protoc import ROOT
from envoyconf.schemas import Schemas
from services.kit.errors import InvalidRequest
from tests.gateway_edge.envoyconf.conftest import Edge
from tests.gateway_edge.envoyconf.standin import fail

RPCS = [rpc for rpc in rpcs_of(load_contracts()) if rpc.rules]


VERSIONS = ("v1", "v2")
ROLES = ["owner", "admin", "agent", "viewer"]


def committed(version: str) -> dict[str, Any]:
    """The committed document of a version."""
    read: dict[str, Any] = json.loads((ROOT / f"gen/openapi/{version}.json").read_bytes())
    return read


@pytest.fixture(scope="module", params=VERSIONS)
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    """Each document."""
    return committed(request.param)


@pytest.fixture(scope="module")
def v1() -> dict[str, Any]:
    """The document of version 1."""
    return committed("v1")


def rpcs(document: dict[str, Any]) -> list[RPC]:
    """The RPCs that a document describes."""
    return [rpc for rpc in RPCS if rpc.version == document["info"]["version"]]


def operations(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The operations, by RPC."""
    return {
        operation["x-rpc"]: operation
        for path in document["paths"].values()
        for operation in path.values()
    }


def schema_errors(document: dict[str, Any], name: str, value: object) -> list[str]:
    """What is wrong with a value, by one of the document's schemas."""
    return errors_by(document, {"$ref": f"#/components/schemas/{name}"}, value)


def errors_by(document: dict[str, Any], schema: dict[str, Any], value: object) -> list[str]:
    """What is wrong with a value, by a schema that refers to the document."""
    validator = Draft202012Validator(
        {"components": document["components"], **schema},
        format_checker=validator_for({}, Draft202012Validator).FORMAT_CHECKER,
    )
    return [error.message for error in validator.iter_errors(value)]


def test_the_committed_documents_are_fresh() -> None:
    made = openapi_files()

    here = {path.name for path in (ROOT / "gen/openapi").iterdir()}
    assert here == {str(name) for name in made}
    for name, content in made.items():
        assert (ROOT / "gen/openapi" / name).read_bytes() == content, "run `make gen`"


def test_it_is_valid_and_both_forms_agree(document: dict[str, Any]) -> None:
    validate(document)
    version = document["info"]["version"]
    assert yaml.safe_load((ROOT / f"gen/openapi/{version}.yaml").read_text()) == document


def test_every_public_rpc_is_described(document: dict[str, Any]) -> None:
    described = operations(document)

    assert described.keys() == {f"{rpc.service}.{rpc.name}" for rpc in rpcs(document)}
    ids = [operation["operationId"] for operation in described.values()]
    assert len(ids) == len(set(ids))
    for operation in described.values():
        assert operation["summary"], operation["operationId"]
        assert operation["tags"]
        for parameter in operation["parameters"]:
            assert resolved(document, parameter)["description"], parameter


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    """A part of a document, wherever it stands."""
    while "$ref" in part:
        found: Any = document
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def test_scopes_and_who_holds_them_are_said(document: dict[str, Any]) -> None:
    described = operations(document)
    for rpc in rpcs(document):
        operation = described[f"{rpc.service}.{rpc.name}"]
        if rpc.scope == "public":
            assert operation["security"] == []
            assert "Needs no identity." in operation["description"]
        elif rpc.scope == "user":
            assert operation["security"] == [{"bearer": ["user"]}]
        else:
            assert operation["security"] == [{"apiKey": [rpc.scope]}, {"bearer": [rpc.scope]}]
            roles = re.search(r"Roles: ([a-z, ]+)\.", operation["description"])
            assert roles, operation["description"]
            named = roles[1].split(", ")
            assert named == [role for role in ROLES if role in named]


@pytest.mark.parametrize(
    ("rpc", "holders"),
    [
        ("TenantService.DeleteTenant", ["owner"]),
        ("ApiKeyService.CreateApiKey", ["owner", "admin"]),
        ("TenantService.GetTenant", ROLES),
    ],
)
def test_the_roles_are_the_contracts(v1: dict[str, Any], rpc: str, holders: list[str]) -> None:
    description = operations(v1)[f"malha.crm.v1.{rpc}"]["description"]

    assert description.endswith(f"Roles: {', '.join(holders)}.")


def test_every_request_and_answer_has_an_example_that_its_schema_takes(
    document: dict[str, Any],
) -> None:
    for operation in operations(document).values():
        bodies = [resolved(document, answer) for answer in operation["responses"].values()]
        if "requestBody" in operation:
            bodies.append(operation["requestBody"])
        for body in bodies:
            media = body["content"]["application/json"]
            wrong = errors_by(document, media["schema"], media["example"])
            assert wrong == [], (operation["operationId"], media["example"])


def test_examples_of_bodies_are_what_the_edge_takes(document: dict[str, Any]) -> None:
    bodies = Bodies(load_contracts())
    for path, item in document["paths"].items():
        for verb, operation in item.items():
            if "requestBody" in operation:
                example = operation["requestBody"]["content"]["application/json"]["example"]
                assert bodies.violations(verb.upper(), path, json.dumps(example).encode()) == []


def test_headers_stand_where_they_count(document: dict[str, Any]) -> None:
    described = operations(document)
    for path in document["paths"].values():
        for verb, operation in path.items():
            taken = {
                resolved(document, item)["name"]
                for item in operation["parameters"]
                if resolved(document, item)["in"] == "header"
            }
            told = operation["responses"]["200"]["headers"].keys()
            public = operation["security"] == []
            assert "x-correlation-id" in taken
            assert {"x-request-id", "x-correlation-id"} <= told
            assert ("Idempotency-Key" in taken) == (verb != "get" and not public)
            assert ("idempotent-replayed" in told) == ("Idempotency-Key" in taken)
            assert ("RateLimit-Remaining" in told) != public
            assert ("409" in operation["responses"]) >= ("Idempotency-Key" in taken)
            assert ("415" in operation["responses"]) == ("requestBody" in operation)
    for name, operation in described.items():
        if name.endswith(".UpdateAssistant"):
            names = {resolved(document, item)["name"] for item in operation["parameters"]}
            assert "If-Match" in names
            assert "ETag" in operation["responses"]["200"]["headers"]


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


def test_every_word_is_explained(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name
        for field, inner in schema.get("properties", {}).items():
            assert inner.get("description") or "const" in inner or name.startswith("google.")
            # A channel's own settings have the names that its provider gives them.
            assert "_" not in field or name.startswith("ingestion.WhatsApp")


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({"name": "Ana"}, None),
        ({"name": "Ana", "quietTime": "3.5s", "models": ["openai:gpt"], "minScore": 0.4}, None),
        ({}, "'name' is a required property"),
        ({"name": ""}, "'' should be non-empty"),
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

    assert "WEBHOOK_STATUS_UNSPECIFIED" in schemas["ingestion.WebhookStatus"]["enum"]
    assert "WEBHOOK_STATUS_UNSPECIFIED" not in schemas["ingestion.WebhookStatusInput"]["enum"]


def test_what_envoy_prints_is_what_the_document_says(edge: Edge, v1: dict[str, Any]) -> None:
    full = assistant_pb2.Assistant(id="0190d4c8-0000-7000-8000-000000000000", name="Ana")
    full.quiet_time.FromMilliseconds(3500)
    full.create_time.GetCurrentTime()
    edge.upstream.answers["AssistantService/GetAssistant"] = lambda *_: full

    printed = edge.rest("GET", "/v1/assistants/7").json

    assert schema_errors(v1, "assistants.Assistant", printed) == []
    assert set(printed) <= set(v1["components"]["schemas"]["assistants.Assistant"]["properties"])


def test_errors_look_as_the_document_says(edge: Edge, document: dict[str, Any]) -> None:
    edge.upstream.answers["AssistantService/GetAssistant"] = fail(
        InvalidRequest([("name", "must not be empty")])
    )

    by_service = edge.rest("GET", "/v1/assistants/7").json
    by_envoy = edge.rest("GET", "/v1/nope").json

    assert schema_errors(document, "google.rpc.Status", by_service) == []
    assert schema_errors(document, "google.rpc.Status", by_envoy) == []


def test_a_comment_is_one_line_a_paragraph() -> None:
    file = descriptor_pb2.FileDescriptorProto(name="a.proto", package="a")
    file.message_type.add(name="M").nested_type.add(name="N").field.add(name="f")
    location = file.source_code_info.location.add(path=[4, 0, 3, 0, 2, 0])
    location.leading_comments = " One, wrapped\n here.\n\n Two.\n"
    described = descriptor_pb2.FileDescriptorSet(file=[file]).SerializeToString()

    comments = comments_of(described)

    assert comments == {"a.M.N.f": "One, wrapped here.\n\nTwo."}
    assert first_sentence(comments["a.M.N.f"]) == "One, wrapped here"
    assert first_sentence("Adds e.g. this: v1.2 of it. And more.") == "Adds e.g. this: v1.2 of it"


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
