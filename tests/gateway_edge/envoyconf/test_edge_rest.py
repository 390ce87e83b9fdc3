"""REST through a real Envoy, with a stand-in for the services behind it."""

import json
import time

import grpc
import pytest
from google.protobuf.message import Message
from malha.assistants.v1 import assistant_pb2, assistant_service_pb2
from malha.assistants.v2 import assistant_pb2 as assistants_v2
from malha.ingestion.v1 import webhook_event_pb2

from services.kit.auth import CredentialsMissing
from services.kit.errors import AppError, InvalidRequest, NotFound, ResourceExhausted
from tests.gateway_edge.envoyconf.conftest import Edge
from tests.gateway_edge.envoyconf.standin import fail

MIB = 1 << 20


class AssistantNotFound(NotFound):
    """No assistant has the id {id}."""


class LimitReached(ResourceExhausted):
    """The limit of the plan is used up."""


def test_a_read_becomes_an_rpc_and_its_answer_json(edge: Edge) -> None:
    edge.upstream.answers["AssistantService/GetAssistant"] = lambda request, _: (
        assistant_pb2.Assistant(id="7", name="Ana", models=["local"])
    )

    reply = edge.rest("GET", "/v1/assistants/7")

    assert reply.status == 200
    assert reply.json["name"] == "Ana"
    assert reply.json["workspaceId"] == "", "an empty field is printed"
    assert "quietTime" not in reply.json, "an unset message is not"
    assert edge.upstream.calls[0].request.id == "7"


def test_a_write_takes_its_fields_from_path_and_body(edge: Edge) -> None:
    body = {"name": "Bia", "min_score": 0.5, "quietTime": "1.5s"}

    assert edge.rest("PATCH", "/v1/assistants/7", body).status == 200

    request = edge.upstream.calls[0].request
    assert (request.id, request.name, request.min_score) == ("7", "Bia", 0.5)
    assert request.quiet_time.ToMilliseconds() == 1500
    assert not request.HasField("instructions")


def test_two_versions_of_a_service_stand_side_by_side(edge: Edge) -> None:
    nested = {"configuration": {"buffering": {"quietTime": "1.5s"}}}

    assert "configuration" not in edge.rest("GET", "/v1/assistants/7").json
    edge.upstream.answers["AssistantService/UpdateAssistant"] = lambda request, _: (
        assistants_v2.Assistant(id=request.id, configuration=request.configuration)
    )
    reply = edge.rest("PATCH", "/v2/assistants/7", nested)

    assert (reply.status, reply.json["configuration"]["buffering"]) == (
        200,
        {"quietTime": "1.500s"},
    )
    assert [call.path for call in edge.upstream.calls] == [
        "/malha.assistants.v1.AssistantService/GetAssistant",
        "/malha.assistants.v2.AssistantService/UpdateAssistant",
    ]


def test_what_a_write_is_told_reaches_the_service(edge: Edge) -> None:
    told = {"idempotency-key": "k-1", "if-match": '"1f3a9c"', "x-correlation-id": "order-1042"}

    edge.rest("PATCH", "/v1/assistants/7", {}, told)

    assert told.items() <= edge.upstream.calls[0].metadata.items()


def test_query_parameters_are_fields(edge: Edge) -> None:
    reply = edge.rest(
        "GET", "/v1/webhook-events?status=webhook_status_queued&pageSize=2&page_token=a+b"
    )

    assert reply.status == 200
    request = edge.upstream.calls[0].request
    assert request.status == webhook_event_pb2.WEBHOOK_STATUS_QUEUED
    assert (request.page_size, request.page_token) == (2, "a b")


def test_nothing_to_say_is_an_empty_object(edge: Edge) -> None:
    reply = edge.rest("DELETE", "/v1/assistants/7")

    assert (reply.status, reply.json) == (200, {})


def test_an_answer_larger_than_the_buffers_arrives_whole(edge: Edge) -> None:
    many = [assistant_pb2.Assistant(instructions="x" * 100_000) for _ in range(35)]
    edge.upstream.answers["AssistantService/ListAssistants"] = lambda *_: (
        assistant_service_pb2.ListAssistantsResponse(assistants=many)
    )

    assert len(edge.rest("GET", "/v1/assistants").json["assistants"]) == 35


def test_a_refusal_of_a_service_keeps_its_details(edge: Edge) -> None:
    edge.upstream.answers["AssistantService/GetAssistant"] = fail(AssistantNotFound(id="7"))

    reply = edge.rest("GET", "/v1/assistants/7")

    assert (reply.status, reply.json["code"]) == (404, 5)
    assert reply.json["message"] == "No assistant has the id 7."
    assert reply.reason == "ASSISTANT_NOT_FOUND"
    assert reply.detail("ErrorInfo")["metadata"] == {"id": "7"}
    assert reply.detail("RequestInfo")["requestId"] == reply.headers["x-request-id"]


def test_fields_at_fault_are_readable(edge: Edge) -> None:
    edge.upstream.answers["AssistantService/CreateAssistant"] = fail(
        InvalidRequest([("name", "must not be empty")])
    )

    reply = edge.rest("POST", "/v1/assistants", {})

    assert reply.status == 400
    violations = reply.detail("BadRequest")["fieldViolations"]
    assert [(item["field"], item["description"]) for item in violations] == [
        ("name", "must not be empty")
    ]


def test_headers_of_a_service_reach_the_caller_of_an_answer_and_of_a_refusal(edge: Edge) -> None:
    told = {
        "ratelimit-limit": "600",
        "ratelimit-remaining": "597",
        "ratelimit-reset": "41",
        "ratelimit-policy": "600;w=60",
        "etag": '"1f3a9c"',
        "idempotent-replayed": "true",
        "x-correlation-id": "replaced-by-the-service",
    }

    def answer(_: object, context: grpc.ServicerContext) -> assistant_pb2.Assistant:
        context.set_trailing_metadata(tuple(told.items()))
        return assistant_pb2.Assistant()

    edge.upstream.answers["AssistantService/GetAssistant"] = answer
    reply = edge.rest("GET", "/v1/assistants/7", headers={"x-correlation-id": "mine"})
    assert {name: reply.headers[name] for name in told} == told

    edge.upstream.answers["AssistantService/GetAssistant"] = fail(
        LimitReached(retry_after=2), retry_after="2"
    )
    reply = edge.rest("GET", "/v1/assistants/7")
    assert (reply.status, reply.headers["retry-after"]) == (429, "2")
    assert reply.detail("RetryInfo")["retryDelay"] == "2s"


@pytest.mark.parametrize("error", [AssistantNotFound(id="7"), InvalidRequest([("id", "is odd")])])
def test_headers_of_a_refusal_reach_the_caller_behind_headers_that_were_sent_before(
    edge: Edge, error: AppError
) -> None:
    refuse = fail(error, ratelimit_remaining="597")

    def answer(request: Message, context: grpc.ServicerContext) -> Message:
        context.send_initial_metadata((("x-sent", "early"),))
        return refuse(request, context)

    edge.upstream.answers["AssistantService/GetAssistant"] = answer
    reply = edge.rest("GET", "/v1/assistants/7")
    assert (reply.reason, reply.headers["ratelimit-remaining"]) == (error.reason, "597")


def test_who_is_not_known_is_told_how_to_identify(edge: Edge) -> None:
    edge.upstream.answers["AssistantService/GetAssistant"] = fail(CredentialsMissing())
    reply = edge.rest("GET", "/v1/assistants/7")
    assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Bearer realm="malha"')


def test_a_service_cannot_speak_for_envoy(edge: Edge) -> None:
    def answer(_: Message, context: grpc.ServicerContext) -> Message:
        context.set_trailing_metadata(
            (("cache-control", "public"), ("set-cookie", "a=b"), ("location", "/"))
        )
        return assistant_pb2.Assistant()

    edge.upstream.answers["AssistantService/GetAssistant"] = answer
    reply = edge.rest("GET", "/v1/assistants/7")
    assert reply.headers["cache-control"] == "no-store"
    assert not {"set-cookie", "location"} & set(reply.headers)


def test_a_body_just_within_the_limit_passes(edge: Edge) -> None:
    assert edge.rest("POST", "/v1/assistants", {"name": "x" * (MIB - 100)}).status == 200


@pytest.mark.parametrize(
    "path",
    [
        "/malha.assistants.v1.AssistantService/GetAssistant",
        "/malha.crm.v1.IdentityService/VerifyApiKey",
        "/grpc.health.v1.Health/Check",
    ],
)
def test_no_rpc_can_be_called_by_its_grpc_name(edge: Edge, path: str) -> None:
    headers = {"content-type": "application/grpc", "x-envoy-original-path": "/v1/assistants/7"}

    edge.rest("POST", path, b"\0\0\0\0\0", headers)
    edge.rest("POST", "/v1/assistants", b"\0\0\0\0\0", headers)

    assert not edge.upstream.calls


def test_what_only_we_may_say_is_stripped_from_requests(edge: Edge) -> None:
    forged = {
        "x-tenant-id": "t",
        "x-workspace-id": "w",
        "x-user-scopes": "*",
        "x-malha-actor": "service",
        "x-request-id": "mine",
        "x-envoy-retry-on": "5xx",
        "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "grpc-timeout": "1n",
        "grpc-encoding": "gzip",
        "secret-bin": "not base64",
    }

    reply = edge.rest("GET", "/v1/assistants/7", headers=forged | {"x-api-key": "k"})

    assert reply.status == 200
    metadata = edge.upstream.calls[0].metadata
    assert metadata["x-api-key"] == "k"
    assert metadata["x-request-id"] == reply.headers["x-request-id"] != "mine"
    assert not (forged.keys() - {"x-request-id"}) & metadata.keys()


def test_answers_carry_ids_and_nothing_of_grpc(edge: Edge) -> None:
    reply = edge.rest("GET", "/v1/tenant", headers={"x-correlation-id": "c" * 70})

    assert reply.headers["x-correlation-id"] == "c" * 64
    assert edge.upstream.calls[0].metadata["x-correlation-id"] == "c" * 64
    assert reply.headers["cache-control"] == "no-store"
    assert not [name for name in reply.headers if name.startswith(("grpc-", "x-envoy-"))]

    alone = edge.rest("GET", "/v1/nope")
    assert alone.headers["x-correlation-id"] == alone.headers["x-request-id"]
    assert alone.detail("RequestInfo")["requestId"] == alone.headers["x-request-id"]


def test_services_know_how_long_the_caller_waits(edge: Edge) -> None:
    edge.rest("GET", "/v1/assistants/7")
    edge.rest("POST", "/v1/assistants", {"name": "Ana"})

    read, write = (call.time_remaining for call in edge.upstream.calls)
    # A second more than Envoy waits: it is Envoy that answers.
    assert read is not None and 15 < read <= 16
    assert write is not None and 30 < write <= 31


def test_only_what_is_harmless_to_repeat_is_repeated(edge: Edge) -> None:
    def refuse(_: object, context: grpc.ServicerContext) -> assistant_pb2.Assistant:
        context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        raise AssertionError

    for name in ("GetAssistant", "CreateAssistant", "UpdateAssistant"):
        edge.upstream.answers[f"AssistantService/{name}"] = refuse

    assert edge.rest("GET", "/v1/assistants/7").status == 503
    assert edge.rest("PATCH", "/v1/assistants/7", {}).status == 503
    assert edge.rest("POST", "/v1/assistants", {"name": "Ana"}).status == 503

    names = [call.method.rpartition("/")[2] for call in edge.upstream.calls]
    assert names == ["GetAssistant"] * 4 + ["UpdateAssistant", "CreateAssistant"]


def test_a_service_that_is_gone_is_503_and_back_at_once(edge: Edge) -> None:
    edge.upstream.stop()
    try:
        began = time.monotonic()
        replies = [edge.rest("GET", "/v1/tenant") for _ in range(5)]
        assert {(reply.status, reply.reason) for reply in replies} == {(503, "SERVICE_UNAVAILABLE")}
        assert "sock" not in replies[0].json["message"], "nothing of the inside is told"
        assert replies[0].headers["retry-after"] == "1"
        assert time.monotonic() - began < 5
    finally:
        edge.upstream.start()

    deadline = time.monotonic() + 2
    while (status := edge.rest("GET", "/v1/tenant").status) != 200 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert status == 200


def test_the_access_log_is_json_without_search_words(edge: Edge) -> None:
    reply = edge.rest("GET", "/v1/passages?queries=segredo&assistantId=7")
    request_id = reply.headers["x-request-id"]

    deadline = time.monotonic() + 5
    lines: list[str] = []
    while not lines and time.monotonic() < deadline:
        time.sleep(0.05)
        lines = [line for line in edge.log.read_text().splitlines() if request_id in line]

    entry = json.loads(lines[0])
    assert (entry["path"], entry["status"], entry["method"]) == ("/v1/passages", 200, "GET")
    assert entry["rpc"] == "/malha.knowledge.v1.SearchService/SearchPassages"
    assert "segredo" not in edge.log.read_text()


def test_the_benchmarks_yardstick_is_transcoded_like_a_read(edge: Edge) -> None:
    edge.upstream.answers["EchoService/Echo"] = lambda *_: assistant_pb2.Assistant(name="Ana")

    reply = edge.rest("GET", "/v1/echo/7")

    assert (reply.status, reply.json["name"]) == (200, "Ana")
    assert edge.upstream.calls[0].request.id == "7"
