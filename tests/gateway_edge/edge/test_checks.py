"""/_check, as Envoy asks it."""

from services.kit.errors import InvalidRequest
from tests.gateway_edge.edge.parts import RunningEdge

ASKED = {"x-malha-check": "1", "x-request-id": "0198c0de-1", "content-type": "application/json"}
PATH = "/_check/v2/assistants"


async def test_a_body_that_is_right_is_waved_through(edge: RunningEdge) -> None:
    assert await edge.post(PATH, b'{"name":"Ana"}', **ASKED) == (200, None)
    assert await edge.post(f"{PATH}?x=1", b"", **ASKED) == (200, None)


async def test_a_refusal_is_the_whole_answer(edge: RunningEdge) -> None:
    status, body = await edge.post(PATH, b'{"nmae":1,"configuration":{"models":7}}', **ASKED)

    error = InvalidRequest([("nmae", ""), ("configuration.models", "")])
    assert (status, body["code"], body["message"]) == (400, 3, error.message)
    info, fields, request = body["details"]
    assert info == {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "INVALID_REQUEST",
        "domain": "malha",
        "metadata": {"fields": "nmae, configuration.models"},
    }
    assert fields["@type"] == "type.googleapis.com/google.rpc.BadRequest"
    assert [(item["field"], item["description"]) for item in fields["fieldViolations"]] == [
        ("nmae", "is no field; did you mean name?"),
        ("configuration.models", "must be an object"),
    ]
    assert request["requestId"] == "0198c0de-1"


async def test_names_that_no_answer_could_hold_are_mended(edge: RunningEdge) -> None:
    status, body = await edge.post(PATH, b'{"\\ud800":1}', **ASKED)

    assert status == 400
    assert body["details"][1]["fieldViolations"][0]["field"] == "\N{REPLACEMENT CHARACTER}"


async def test_only_envoy_may_ask(edge: RunningEdge) -> None:
    status, body = await edge.post(PATH, b"{}", **{"x-request-id": "r"})

    assert (status, body["details"][0]["reason"]) == (404, "ROUTE_NOT_FOUND")


async def test_what_has_no_body_to_judge_is_not_asked_about(edge: RunningEdge) -> None:
    assert (await edge.get(PATH, **ASKED))[0].status == 405
