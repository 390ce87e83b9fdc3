"""Bodies of writes through a real Envoy, which asks the edge what it thinks of each."""

import pytest

from tests.gateway_edge.envoyconf.conftest import Edge

DEEP = b'{"name":' + b"[" * 40 + b"]" * 40 + b"}"


def test_an_unknown_field_is_refused_as_a_service_refuses_it(edge: Edge) -> None:
    body = {"name": "Ana", "configuration": {"buffering": {"quietTme": "3s"}}}

    reply = edge.rest("POST", "/v2/assistants", body)

    assert (reply.status, reply.json["code"], reply.reason) == (400, 3, "INVALID_REQUEST")
    assert reply.headers["content-type"] == "application/json"
    field = "configuration.buffering.quietTme"
    assert reply.json["message"] == f"The request has invalid fields: {field}."
    assert reply.detail("ErrorInfo")["metadata"] == {"fields": field}
    (violation,) = reply.detail("BadRequest")["fieldViolations"]
    assert (violation["field"], violation["description"]) == (
        field,
        "is no field; did you mean quietTime?",
    )
    assert reply.detail("RequestInfo")["requestId"] == reply.headers["x-request-id"]
    assert not edge.upstream.calls


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/v1/assistants", b'{"nmae":"Bia"}', "nmae"),
        ("POST", "/v1/assistants", b'{"name":"Ana","name":"Bia"}', "name"),
        ("POST", "/v1/assistants", b'{"quietTime":"3s","quiet_time":"4s"}', "quietTime"),
        ("POST", "/v1/assistants", b'{"name":{}}', "name"),
        ("POST", "/v1/assistants", b'{"quietTime":"3"}', "quietTime"),
        ("POST", "/v1/assistants", b'{"minScore":"much"}', "minScore"),
        ("POST", "/v1/assistants", b'{"name":', "body"),
        ("POST", "/v1/assistants", b" ", "body"),
        ("POST", "/v1/assistants", b"[]", "body"),
        ("POST", "/v1/assistants", b'{"name":"\xff"}', "body"),
        ("POST", "/v1/assistants", DEEP, "body"),
        ("POST", "/v1/assistants", b"[" * 500_000, "body"),
        ("POST", "/v1/assistants", b"{'name':'Ana'}", "body"),
        ("PATCH", "/v1/assistants/7", b'{"id":"8"}', "id"),
        ("PATCH", "/v1/assistants/7", b'{"version":1}', "version"),
        ("PATCH", "/v1/conversations/7", b'{"status":"OPN"}', "status"),
        ("POST", "/v1/api-keys/7:rotate", b'{"overlap":"1 day"}', "overlap"),
        ("POST", "/v1/sessions:signOutEverywhere", b'{"all":true}', "all"),
    ],
)
def test_a_body_that_the_api_does_not_take_names_the_field(
    edge: Edge, method: str, path: str, body: bytes, field: str
) -> None:
    reply = edge.rest(method, path, body, {"content-type": "application/json"})

    assert (reply.status, reply.reason) == (400, "INVALID_REQUEST")
    assert reply.detail("BadRequest")["fieldViolations"][0]["field"] == field
    assert b"malha." not in reply.body
    assert not edge.upstream.calls


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"name":null}',
        b'{"min_score":"0.5","models":[]}',
        '{"name":"Não\\u00e9 \U0001f600"}'.encode(),
    ],
)
def test_a_body_that_it_takes_passes(edge: Edge, body: bytes) -> None:
    assert edge.rest("POST", "/v1/assistants", body).status == 200
    assert len(edge.upstream.calls) == 1


def test_a_large_body_is_judged_whole(edge: Edge) -> None:
    text = "x" * ((1 << 20) - 100)

    assert edge.rest("POST", "/v1/documents", {"title": "T", "text": text}).status == 200
    assert edge.rest("POST", "/v1/documents", {"text": text, "titel": "T"}).status == 400


def test_reads_and_deletions_are_not_judged(edge: Edge) -> None:
    edge.web.judges = False

    assert edge.rest("DELETE", "/v1/assistants/7", {"x": 1}).status == 200


def test_without_the_edge_writes_go_on(edge: Edge) -> None:
    edge.web.judges = False

    assert edge.rest("POST", "/v1/assistants", {"name": "Ana", "nmae": "Bia"}).status == 200


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/v1/assistants", b'{"name":{}}', "request"),
        ("POST", "/v1/assistants", b'{"name":', "request"),
        ("PATCH", "/v1/conversations/7", b'{"status":"OPN"}', "status"),
        ("PATCH", "/v1/assistants/7", b'{"id":"8"}', "id"),
    ],
)
def test_without_the_edge_envoys_own_refusals_look_the_same(
    edge: Edge, method: str, path: str, body: bytes, field: str
) -> None:
    edge.web.judges = False

    reply = edge.rest(method, path, body)

    assert (reply.status, reply.reason) == (400, "INVALID_REQUEST")
    assert [item["field"] for item in reply.detail("BadRequest")["fieldViolations"]] == [field]
    assert b"malha." not in reply.body
    assert reply.detail("RequestInfo")["requestId"] == reply.headers["x-request-id"]


@pytest.mark.parametrize(
    "path",
    ["/_check", "/_check/v1/assistants", "//_check/v1/assistants", "/x/../_check/v1/assistants"],
)
def test_nobody_outside_can_ask_the_edge(edge: Edge, path: str) -> None:
    for method in ("GET", "POST"):
        reply = edge.rest(method, path, b"{}", {"x-malha-check": "1"})
        assert (reply.status, reply.reason) == (404, "ROUTE_NOT_FOUND")
