"""The OpenAPI documents: valid, fresh, and telling the truth about what Envoy does."""

import json
import re
from typing import Any

import pytest
import yaml
from google.protobuf import descriptor_pb2
from malha.assistants.v1 import assistant_pb2
from openapi_spec_validator import validate

from edge.bodies import Bodies
from envoyconf.comments import comments_of, first_sentence
from envoyconf.contracts import RPC, load_contracts, rpcs_of
from envoyconf.generated import openapi_files
from envoyconf.protoc import ROOT
from services.kit.errors import InvalidRequest
from tests.gateway_edge.envoyconf.conftest import Edge
from tests.gateway_edge.envoyconf.documents import (
    VERSIONS,
    committed,
    errors_by,
    operations,
    resolved,
    schema_errors,
)
from tests.gateway_edge.envoyconf.standin import fail

RPCS = [rpc for rpc in rpcs_of(load_contracts()) if rpc.rules]


ROLES = ["owner", "admin", "agent", "viewer"]


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


def test_every_word_is_explained(document: dict[str, Any]) -> None:
    for name, schema in document["components"]["schemas"].items():
        assert schema.get("description"), name
        for field, inner in schema.get("properties", {}).items():
            assert inner.get("description") or "const" in inner or name.startswith("google.")
            # A channel's own settings have the names that its provider gives them.
            assert "_" not in field or name.startswith("ingestion.WhatsApp")


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
