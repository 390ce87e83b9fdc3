"""Requests as nobody should send them, through a real Envoy: each has a status and a reason."""

import re
import socket
from dataclasses import dataclass, field

import pytest

from tests.gateway_edge.envoyconf.conftest import Edge, started
from tests.gateway_edge.envoyconf.standin import Reply

MIB = 1 << 20
INSIDE = re.compile(rb"malha\.[a-z]+\.|type TYPE_|[Ee]xception|Traceback|\.sock|\.py\b")


@dataclass(frozen=True)
class Bad:
    """A request, and how it is refused."""

    name: str
    path: str
    status: int
    reason: str
    method: str = "GET"
    body: bytes | None = None
    headers: dict[str, str] = field(default_factory=dict)
    at: str = ""
    """The field that is named."""


REFUSED = [
    Bad("an unknown path", "/v1/nope", 404, "ROUTE_NOT_FOUND"),
    Bad("an unknown version", "/v1/", 404, "ROUTE_NOT_FOUND"),
    Bad("another method", "/v1/tenant", 405, "METHOD_NOT_ALLOWED", "PUT"),
    Bad("an unknown parameter", "/v1/tenant?x=1", 400, "INVALID_REQUEST", at="x"),
    Bad("a misspelt parameter", "/v1/tenant?page_sze=1", 400, "INVALID_REQUEST", at="page_sze"),
    Bad(
        "an unknown parameter of a write",
        "/v1/assistants?x=1",
        400,
        "INVALID_REQUEST",
        "POST",
        at="x",
    ),
    Bad(
        "a parameter too deep",
        "/v1/assistants?page_size.x=1",
        400,
        "INVALID_REQUEST",
        at="pageSize",
    ),
    Bad("an unknown enum", "/v1/webhook-events?status=x", 400, "INVALID_REQUEST", at="status"),
    Bad("no number", "/v1/assistants?pageSize=a", 400, "INVALID_REQUEST", at="pageSize"),
    Bad(
        "a huge number",
        f"/v1/assistants?pageSize={'9' * 400}",
        400,
        "INVALID_REQUEST",
        at="pageSize",
    ),
    Bad("no time", "/v1/conversations/7/messages?since=now", 400, "INVALID_REQUEST", at="since"),
    Bad("a quote in a name", '/v1/tenant?a"b=1', 400, "INVALID_REQUEST", at="a??b"),
    Bad("markup in a name", "/v1/tenant?%3Cscript%3E=1", 400, "INVALID_REQUEST", at="%3Cscript%3E"),
    Bad("a backslash in a name", "/v1/tenant?a\\=1", 400, "INVALID_REQUEST", at="a??"),
    Bad("a name without end", f"/v1/tenant?{'a' * 9000}=1", 400, "INVALID_REQUEST", at="a" * 100),
    Bad("an escaped slash", "/v1/assistants/a%2Fb", 400, "REQUEST_INVALID"),
    Bad("an escaped backslash", "/v1/assistants/a%5Cb", 400, "REQUEST_INVALID"),
    Bad("an escaped slash before the path", "/v1%2Ftenant", 400, "REQUEST_INVALID"),
    Bad("NUL in a path", "/v1/assistants/%00", 400, "REQUEST_INVALID"),
    Bad("NUL in a query", "/v1/passages?queries=%00", 400, "REQUEST_INVALID"),
    Bad("no UTF-8 in a path", "/v1/assistants/%ff", 400, "REQUEST_INVALID"),
    Bad("no UTF-8 in a query", "/v1/passages?queries=%c3%28", 400, "REQUEST_INVALID"),
    Bad("UTF-8 too long", "/v1/passages?queries=%c0%af", 400, "REQUEST_INVALID"),
    Bad("half a surrogate pair", "/v1/passages?queries=%ed%a0%80", 400, "REQUEST_INVALID"),
    Bad("half an escape", "/v1/assistants/%4", 400, "REQUEST_INVALID"),
    Bad("too far up", "/../../v1/nope", 404, "ROUTE_NOT_FOUND"),
    Bad("out of the version", "/v1/../_check/v1/assistants", 404, "ROUTE_NOT_FOUND", "POST"),
    Bad("a header in a path", "/v1/nope%0d%0aset-cookie:%20a=b", 404, "ROUTE_NOT_FOUND"),
    Bad(
        "an underscore in a header",
        "/v1/tenant",
        400,
        "REQUEST_INVALID",
        headers={"x_api_key": "k"},
    ),
    Bad(
        "a control character in a header",
        "/v1/tenant",
        400,
        "REQUEST_INVALID",
        headers={"a": "\x01"},
    ),
    Bad("a large header", "/v1/tenant", 431, "HEADERS_TOO_LARGE", headers={"x": "x" * 40_000}),
    Bad("a large path", f"/v1/tenant?{'x' * 40_000}=1", 431, "HEADERS_TOO_LARGE"),
    Bad(
        "many headers",
        "/v1/tenant",
        431,
        "HEADERS_TOO_LARGE",
        headers={f"x{n}": "" for n in range(120)},
    ),
    Bad("a large body", "/v1/assistants", 413, "BODY_TOO_LARGE", "POST", b'"' + b"x" * MIB + b'"'),
    Bad(
        "a form",
        "/v1/assistants",
        415,
        "MEDIA_TYPE_UNSUPPORTED",
        "POST",
        b"name=Ana",
        {"content-type": "application/x-www-form-urlencoded"},
    ),
    Bad(
        "JSON that is none",
        "/v1/assistants",
        415,
        "MEDIA_TYPE_UNSUPPORTED",
        "POST",
        b"{}",
        {"content-type": "application/jsonp"},
    ),
    Bad(
        "a packed body",
        "/v1/assistants",
        415,
        "MEDIA_TYPE_UNSUPPORTED",
        "POST",
        b"\x1f\x8b",
        {"content-encoding": "gzip"},
    ),
    Bad("deep JSON", "/v1/assistants", 400, "INVALID_REQUEST", "POST", b"[" * 100_000, at="body"),
    Bad(
        "no UTF-8 in a body",
        "/v1/assistants",
        400,
        "INVALID_REQUEST",
        "POST",
        b'{"name":"\xff"}',
        at="body",
    ),
    Bad(
        "NUL in a body",
        "/v1/assistants",
        400,
        "INVALID_REQUEST",
        "POST",
        b'{"name":"\\u0000"}',
        at="name",
    ),
    Bad(
        "a huge number in a body",
        "/v1/assistants",
        400,
        "INVALID_REQUEST",
        "POST",
        b'{"minScore":' + b"9" * 5000 + b"}",
        at="body",
    ),
]


@pytest.mark.parametrize("bad", REFUSED, ids=lambda bad: bad.name)
def test_refuses(edge: Edge, bad: Bad) -> None:
    reply = edge.rest(bad.method, bad.path, bad.body, bad.headers)

    assert (reply.status, reply.reason) == (bad.status, bad.reason)
    assert reply.headers["content-type"] == "application/json"
    assert reply.headers["server"] == "malha"
    assert not INSIDE.search(reply.body), reply.body
    assert "set-cookie" not in reply.headers
    if bad.at:
        assert reply.detail("BadRequest")["fieldViolations"][0]["field"] == bad.at
    assert not edge.upstream.calls


@pytest.mark.parametrize(
    "path", ["/v1//tenant", "//v1/tenant", "/v1/./tenant", "/v1/x/../tenant", "/v1/%74enant"]
)
def test_a_path_is_tidied_before_anything_looks_at_it(edge: Edge, path: str) -> None:
    assert edge.rest("GET", path).status == 200
    assert edge.upstream.calls[0].method == "TenantService/GetTenant"


@pytest.mark.parametrize(
    "kind", ["application/json", "application/merge-patch+json; charset=utf-8"]
)
def test_json_has_several_names(edge: Edge, kind: str) -> None:
    headers = {"content-type": kind, "content-encoding": "identity"}

    assert edge.rest("PATCH", "/v1/assistants/7", {"name": "Ana"}, headers).status == 200


def test_text_of_the_world_passes_in_a_query(edge: Edge) -> None:
    words = "%C3%A7%20%E2%82%AC%20%F0%9F%98%80%20%ED%9F%BF%20%F4%8F%BF%BF"

    assert edge.rest("GET", f"/v1/passages?queries={words}").status == 200
    assert edge.upstream.calls[0].request.queries == ["\u00e7 \u20ac \U0001f600 \ud7ff \U0010ffff"]


def raw(edge: Edge, request: bytes) -> bytes:
    """The beginning of the answer to bytes as they are."""
    with socket.create_connection(("127.0.0.1", edge.mesh.http_port), timeout=5) as stream:
        stream.sendall(request)
        return stream.recv(4096)


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /v1/tenant HTTP/1.1\r\nhost: x\r\nx-a\x00: b\r\n\r\n",
        b"GET /v1/tenant HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
        b"GET /v1/tenant x\r\nx-tenant-id: t HTTP/1.1\r\n\r\n",
        b"GET /v1/tenant HTTP/1.1\r\n\r\n",
    ],
)
def test_headers_cannot_be_smuggled(edge: Edge, request_bytes: bytes) -> None:
    assert raw(edge, request_bytes).split(b" ")[1] == b"400"
    assert not edge.upstream.calls


def test_no_identity_comes_from_outside(edge: Edge) -> None:
    forged = {
        "x-tenant-id": "t",
        "x-actor-id": "a",
        "x-malha-check": "1",
        "x-envoy-external-address": "203.0.113.9",
        "x-forwarded-for": "203.0.113.9",
        "x-real-ip": "203.0.113.9",
        "forwarded": "for=203.0.113.9",
    }

    assert edge.rest("GET", "/v1/tenant", headers=forged).status == 200

    metadata = edge.upstream.calls[0].metadata
    assert not {"x-tenant-id", "x-actor-id", "x-malha-check"} & metadata.keys()
    assert metadata["x-envoy-external-address"] == "127.0.0.1", "who connected, whoever they claim"


def test_behind_load_balancers_only_theirs_is_believed() -> None:
    with started(trusted_hops=1) as edge:
        forged = {
            "x-envoy-external-address": "192.0.2.66",
            "x-forwarded-for": "192.0.2.66, 203.0.113.9",
        }
        reply: Reply = edge.rest("GET", "/v1/tenant", headers=forged)

        assert reply.status == 200
        metadata = edge.upstream.calls[0].metadata
        assert metadata["x-envoy-external-address"] == "203.0.113.9", "what the balancer added"
