"""What a provider is answered, and what reaches ingestion."""

import asyncio
from pathlib import Path

import pytest
from malha.ingestion.v1.webhook_service_pb2 import ReceiveWebhooksRequest, WebhookAnswer

from services.kit.errors import (
    AppError,
    FailedPrecondition,
    NotFound,
    PermissionDenied,
    Unavailable,
)
from tests.gateway_edge.edge.parts import PlayedIngestion, RunningEdge, running_edge, stored, until

CONNECTION = "0198c0de-0000-7000-8000-000000000001"
PATH = f"/webhooks/v1/whatsapp/{CONNECTION}"


class ConnectionNotFound(NotFound):
    """No connection has the id {id}."""


class VerifyTokenMismatch(PermissionDenied):
    """Wrong token."""


class Broken(FailedPrecondition):
    """Something in this batch cannot be stored."""


async def test_a_stored_webhook_is_acknowledged_and_arrives_untouched(
    edge: RunningEdge, ingestion: PlayedIngestion
) -> None:
    body = b'{"a": "\xc3\xa9",  "raw":true}'
    assert await edge.post(PATH, body, **{"X-Hub-Signature-256": "sha256=00"}) == (200, None)
    (webhook,) = ingestion.batches[0].webhooks
    assert webhook.body == body
    assert webhook.channel == "whatsapp"
    assert webhook.connection_id == CONNECTION
    assert dict(webhook.headers) == {"x-hub-signature-256": "sha256=00"}
    assert webhook.receive_time.seconds > 1_700_000_000


async def test_an_acknowledgement_says_nothing_odd_of_its_emptiness(
    edge: RunningEdge, ingestion: PlayedIngestion
) -> None:
    async with edge.http.post(f"http://edge{PATH}", data=b"{}") as answer:
        assert (answer.status, await answer.read()) == (200, b"")
        assert answer.content_type == "text/plain"


@pytest.mark.parametrize(
    ("status", "reason", "code"),
    [
        (400, "BODY_UNREADABLE", 3),
        (401, "SIGNATURE_MISMATCH", 16),
        (404, "CONNECTION_NOT_FOUND", 5),
    ],
)
async def test_a_refusal_has_the_body_of_every_other_error(
    edge: RunningEdge, ingestion: PlayedIngestion, status: int, reason: str, code: int
) -> None:
    async def refuse(request: ReceiveWebhooksRequest) -> list[WebhookAnswer]:
        return [WebhookAnswer(http_status=status, reason=reason)]

    ingestion.judge = refuse
    answered, body = await edge.post(PATH, b"{}")
    assert (answered, body["code"]) == (status, code)
    error, request = body["details"]
    assert error["reason"] == reason
    assert request["requestId"] == ingestion.batches[0].webhooks[0].request_id


async def test_a_body_over_the_limit_is_413(directory: Path, ingestion: PlayedIngestion) -> None:
    async with running_edge(directory, ingestion) as edge:
        assert (await edge.post(PATH, b"x" * (4 << 20)))[0] == 200
        status, body = await edge.post(PATH, b"x" * ((4 << 20) + 1))
        assert status == 413
        assert body["details"][0]["reason"] == "BODY_TOO_LARGE"
        assert len(ingestion.batches) == 1


@pytest.mark.parametrize(
    "path", [f"/webhooks/v1/whatsapp/{'a' * 65}", f"/webhooks/v1/{'a' * 65}/{CONNECTION}"]
)
async def test_an_address_too_long_for_any_connection_is_not_found(
    edge: RunningEdge, ingestion: PlayedIngestion, path: str
) -> None:
    assert (await edge.post(path, b"{}"))[0] == 404
    assert (await edge.get(path))[0].status == 404
    assert not ingestion.batches


async def test_a_header_sent_twice_holds_both_values(
    edge: RunningEdge, ingestion: PlayedIngestion
) -> None:
    reader, writer = await asyncio.open_unix_connection(str(edge.socket))
    writer.write(
        f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nConnection: close\r\n"
        "X-Hub-Signature-256: one\r\nx-hub-signature-256: two\r\n"
        "X-Forwarded-For: 192.0.2.1\r\nX-Odd: \u00e9\r\n\r\n{}".encode()
    )
    assert b" 200 " in await reader.readline()
    writer.close()
    (webhook,) = ingestion.batches[0].webhooks
    assert webhook.headers["x-hub-signature-256"] == "one, two"
    assert "x-forwarded-for" not in webhook.headers
    assert webhook.headers["x-odd"].isascii()


@pytest.mark.parametrize("in_flight", [1, 3])
async def test_what_arrives_during_the_commits_is_the_next_batch(
    directory: Path, ingestion: PlayedIngestion, in_flight: int
) -> None:
    gate = asyncio.Event()

    async def wait(request: ReceiveWebhooksRequest) -> list[WebhookAnswer]:
        await gate.wait()
        return await stored(request)

    ingestion.judge = wait
    async with running_edge(directory, ingestion, batches_in_flight=in_flight) as edge:
        posts = []
        for number in range(in_flight):
            posts.append(asyncio.create_task(edge.post(PATH, b"{}")))
            await until(lambda: len(ingestion.batches) == number + 1)  # noqa: B023
        posts += [asyncio.create_task(edge.post(PATH, b"{}")) for _ in range(20)]
        await until(lambda: edge.collector.waiting == in_flight + 20)
        gate.set()
        assert {status for status, _ in await asyncio.gather(*posts)} == {200}
    assert [len(batch.webhooks) for batch in ingestion.batches] == [1] * in_flight + [20]


async def test_a_client_that_hangs_up_takes_nobody_with_it(
    edge: RunningEdge, ingestion: PlayedIngestion
) -> None:
    gate = asyncio.Event()

    async def wait(request: ReceiveWebhooksRequest) -> list[WebhookAnswer]:
        await gate.wait()
        return await stored(request)

    ingestion.judge = wait
    impatient = []
    for _ in range(5):
        _, writer = await asyncio.open_unix_connection(str(edge.socket))
        writer.write(f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{{}}".encode())
        impatient.append(writer)
    patient = [asyncio.create_task(edge.post(PATH, b"{}")) for _ in range(5)]
    await until(lambda: edge.collector.waiting == 10)
    for writer in impatient:
        writer.transport.abort()
    await asyncio.sleep(0.05)
    gate.set()
    assert [status for status, _ in await asyncio.gather(*patient)] == [200] * 5
    assert sum(len(batch.webhooks) for batch in ingestion.batches) == 10
    assert (await edge.post(PATH, b"{}"))[0] == 200


async def test_nothing_is_acknowledged_while_ingestion_is_away(
    edge: RunningEdge, ingestion: PlayedIngestion
) -> None:
    await ingestion.stop()
    async with edge.http.post(f"http://edge{PATH}", data=b"{}") as answer:
        assert answer.status == 503
        assert int(answer.headers["retry-after"]) > 0
        assert (await answer.json())["code"] == 14
    assert (await edge.get("/readyz"))[0].status == 503
    await ingestion.start()
    async with asyncio.timeout(5):
        while (await edge.post(PATH, b"{}"))[0] != 200:
            await asyncio.sleep(0.05)


async def test_one_webhook_that_breaks_its_batch_leaves_the_others_stored(
    edge: RunningEdge, ingestion: PlayedIngestion
) -> None:
    gate = asyncio.Event()

    async def choke(request: ReceiveWebhooksRequest) -> list[WebhookAnswer]:
        await gate.wait()
        if any(webhook.body == b"poison" for webhook in request.webhooks):
            raise Broken
        return await stored(request)

    ingestion.judge = choke
    bodies = [b"{}"] * 9
    bodies[4] = b"poison"
    posts = [asyncio.create_task(edge.post(PATH, body)) for body in bodies]
    await until(lambda: edge.collector.waiting == 9)
    gate.set()
    statuses = [status for status, _ in await asyncio.gather(*posts)]
    assert statuses == [200] * 4 + [503] + [200] * 4


async def test_an_outage_is_not_made_worse_by_splitting(
    edge: RunningEdge, ingestion: PlayedIngestion
) -> None:
    async def away(request: ReceiveWebhooksRequest) -> list[WebhookAnswer]:
        raise Unavailable

    ingestion.judge = away
    answers = await asyncio.gather(*(edge.post(PATH, b"{}") for _ in range(10)))
    assert {status for status, _ in answers} == {503}
    assert sum(len(batch.webhooks) for batch in ingestion.batches) == 10


async def test_an_answer_for_each_or_none_is_acknowledged(
    edge: RunningEdge, ingestion: PlayedIngestion
) -> None:
    async def forget(request: ReceiveWebhooksRequest) -> list[WebhookAnswer]:
        return []

    ingestion.judge = forget
    assert (await edge.post(PATH, b"{}"))[0] == 503


async def test_too_many_waiting_webhooks_are_sent_away(
    directory: Path, ingestion: PlayedIngestion
) -> None:
    gate = asyncio.Event()

    async def wait(request: ReceiveWebhooksRequest) -> list[WebhookAnswer]:
        await gate.wait()
        return await stored(request)

    ingestion.judge = wait
    async with running_edge(directory, ingestion, waiting_webhooks=3, batch_webhooks=2) as edge:
        posts = [asyncio.create_task(edge.post(PATH, b"{}")) for _ in range(3)]
        await until(lambda: edge.collector.waiting == 3)
        status, body = await edge.post(PATH, b"{}")
        assert status == 503
        assert body["details"][0]["reason"] == "OVERLOADED"
        gate.set()
        assert [status for status, _ in await asyncio.gather(*posts)] == [200] * 3
        assert (await edge.post(PATH, b"{}"))[0] == 200


async def test_a_batch_is_bounded_by_its_bytes(directory: Path, ingestion: PlayedIngestion) -> None:
    async with running_edge(directory, ingestion, batch_bytes=2048) as edge:
        await asyncio.gather(*(edge.post(PATH, b"x" * 1000) for _ in range(9)))
        assert (await edge.post(PATH, b"x" * 5000))[0] == 200  # One always fits.
    assert sum(len(batch.webhooks) for batch in ingestion.batches) == 10
    assert max(len(batch.webhooks) for batch in ingestion.batches) <= 2


async def test_stopping_answers_what_has_come_in(
    directory: Path, ingestion: PlayedIngestion
) -> None:
    gate = asyncio.Event()

    async def wait(request: ReceiveWebhooksRequest) -> list[WebhookAnswer]:
        await gate.wait()
        return await stored(request)

    ingestion.judge = wait
    async with running_edge(directory, ingestion) as edge:
        posts = [asyncio.create_task(edge.post(PATH, b"{}")) for _ in range(4)]
        await until(lambda: edge.collector.waiting == 4)
        stopping = asyncio.create_task(edge.stop())
        await asyncio.sleep(0.02)
        gate.set()
        assert [status for status, _ in await asyncio.gather(*posts)] == [200] * 4
        async with asyncio.timeout(3):
            await stopping


async def test_a_handshake_is_answered_with_the_challenge_as_plain_text(
    edge: RunningEdge, ingestion: PlayedIngestion
) -> None:
    ingestion.challenge = "<b>1158201444</b>"
    answer, text = await edge.get(
        f"{PATH}?hub.mode=subscribe&hub.challenge=%3Cb%3E1158201444%3C/b%3E&hub.verify_token=t"
    )
    assert (answer.status, text) == (200, "<b>1158201444</b>")
    assert answer.content_type == "text/plain"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert dict(ingestion.handshakes[0].query) == {
        "hub.mode": "subscribe",
        "hub.challenge": "<b>1158201444</b>",
        "hub.verify_token": "t",
    }


@pytest.mark.parametrize(
    ("error", "status"),
    [(VerifyTokenMismatch(), 403), (ConnectionNotFound(id="x"), 404), (Unavailable(), 503)],
)
async def test_a_wrong_handshake_shows_no_challenge(
    edge: RunningEdge, ingestion: PlayedIngestion, error: AppError, status: int
) -> None:
    ingestion.challenge = error
    answer, text = await edge.get(f"{PATH}?hub.mode=subscribe&hub.challenge=4711")
    assert answer.status == status
    assert "4711" not in text
