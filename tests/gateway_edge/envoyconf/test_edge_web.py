"""What is not REST, through a real Envoy: webhooks, the web, WebSockets, gRPC, metrics."""

import socket

import grpc
import pytest
from malha.assistants.v1 import assistant_service_pb2
from malha.crm.v1 import identity_service_pb2

from services.kit.errors import NotFound
from tests.gateway_edge.envoyconf.conftest import Edge
from tests.gateway_edge.envoyconf.standin import Client, fail

MIB = 1 << 20


class AssistantNotFound(NotFound):
    """No assistant has the id {id}."""


@pytest.mark.parametrize(
    "path", ["/", "/docs/v1", "/openapi/v1.json", "/static/app.js", "/webhooks/v1/whatsapp/7?a=b"]
)
def test_everything_else_is_the_edges(edge: Edge, path: str) -> None:
    reply = edge.rest("GET", path)

    assert (reply.status, reply.json["path"]) == (200, path)
    assert reply.json["headers"]["x-request-id"] == reply.headers["x-request-id"]
    assert reply.headers["server"] == "malha"


def test_paths_are_tidied_before_they_are_routed(edge: Edge) -> None:
    assert edge.rest("GET", "/webhooks//v1/./x/../y").json["path"] == "/webhooks/v1/y"
    assert edge.rest("GET", "/docs/../v1/tenant").status == 200
    assert edge.upstream.calls[0].method == "TenantService/GetTenant"


@pytest.mark.parametrize(
    ("path", "size", "status"),
    [
        ("/webhooks/v1/whatsapp/7", 4 * MIB, 200),
        ("/webhooks/v1/whatsapp/7", 4 * MIB + 1, 413),
        ("/upload", 1 * MIB, 200),
        ("/upload", 1 * MIB + 1, 413),
    ],
)
def test_bodies_have_a_limit(edge: Edge, path: str, size: int, status: int) -> None:
    reply = edge.rest("POST", path, b"x" * size)

    assert reply.status == status
    if status == 200:
        assert reply.json["length"] == size
    else:
        assert reply.reason == "BODY_TOO_LARGE"


def test_a_webhook_may_be_any_content(edge: Edge) -> None:
    reply = edge.rest(
        "POST", "/webhooks/v1/whatsapp/7", b'{"not json', {"content-type": "application/json"}
    )

    assert (reply.status, reply.json["length"]) == (200, 10)


def test_the_edge_never_sees_a_forged_identity(edge: Edge) -> None:
    forged = {"x-tenant-id": "t", "x-internal-auth": "1", "x-request-id": "mine"}

    seen = edge.rest("GET", "/", headers=forged).json["headers"]

    assert not {"x-tenant-id", "x-internal-auth"} & seen.keys()
    assert seen["x-request-id"] != "mine"


def test_websockets_reach_the_edge(edge: Edge) -> None:
    with socket.create_connection(("127.0.0.1", edge.mesh.http_port), timeout=5) as stream:
        stream.sendall(
            b"GET /live HTTP/1.1\r\nhost: x\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n"
        )
        head = stream.recv(4096)
        assert head.startswith(b"HTTP/1.1 101"), head
        assert b"x-correlation-id" in head
        stream.sendall(b"ping")
        assert stream.recv(4) == b"ping"


@pytest.mark.parametrize(
    "raw",
    [
        b"GET / HTTP/1.0\r\n\r\n",
        b"POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nhost: x\r\nevil: a\nb\r\n\r\n",
        b"\x16\x03\x01 not http",
    ],
)
def test_what_is_not_quite_http_is_refused(edge: Edge, raw: bytes) -> None:
    with socket.create_connection(("127.0.0.1", edge.mesh.http_port), timeout=5) as stream:
        stream.sendall(raw)
        assert stream.recv(4096).split(b" ")[1][:1] == b"4"


def test_grpc_reaches_public_and_internal_rpcs(edge: Edge) -> None:
    with grpc.insecure_channel(edge.grpc_target) as channel:
        verify = channel.unary_unary(
            "/malha.crm.v1.IdentityService/VerifyApiKey",
            identity_service_pb2.VerifyApiKeyRequest.SerializeToString,
            identity_service_pb2.Access.FromString,
        )
        forged = [("x-tenant", "t"), ("x-envoy-external-address", "203.0.113.9")]
        verify(identity_service_pb2.VerifyApiKeyRequest(), timeout=3, metadata=forged)

    call = edge.upstream.calls[0]
    assert call.method == "IdentityService/VerifyApiKey"
    assert "x-tenant" not in call.metadata
    assert call.metadata["x-envoy-external-address"] == "127.0.0.1", "who connected"
    assert call.time_remaining is not None and 2 < call.time_remaining <= 3


def test_grpc_errors_pass_untouched(edge: Edge) -> None:
    edge.upstream.answers["AssistantService/GetAssistant"] = fail(AssistantNotFound(id="7"))

    with grpc.insecure_channel(edge.grpc_target) as channel:
        get = channel.unary_unary(
            "/malha.assistants.v1.AssistantService/GetAssistant",
            assistant_service_pb2.GetAssistantRequest.SerializeToString,
        )
        with pytest.raises(grpc.RpcError) as caught:
            get(assistant_service_pb2.GetAssistantRequest(id="7"), timeout=3)

    assert caught.value.code() is grpc.StatusCode.NOT_FOUND
    assert caught.value.details() == "No assistant has the id 7."
    trailers = dict(caught.value.trailing_metadata())
    assert b"ASSISTANT_NOT_FOUND" in trailers["grpc-status-details-bin"]


def test_grpc_knows_our_services_only(edge: Edge) -> None:
    with grpc.insecure_channel(edge.grpc_target) as channel:
        for path in ("/grpc.health.v1.Health/Check", "/malha.nope.v1.Service/Do"):
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(path)(b"", timeout=3)
            assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_metrics_and_readiness_are_all_there_is_of_the_administration(edge: Edge) -> None:
    assert edge.mesh.metrics_port
    admin = Client(edge.mesh.metrics_port)

    assert admin("GET", "/ready").body == b"LIVE\n"
    assert b"envoy_http_downstream_rq_total" in admin("GET", "/stats/prometheus").body
    for path in ("/config_dump", "/quitquitquit", "/stats"):
        assert admin("GET", path).status == 404
