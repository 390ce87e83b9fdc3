"""What is wrong with a webhook is said, kept with its reason, and never stops the rest."""

from __future__ import annotations

import json

from tests.outside import (
    Outside,
    change,
    envelope,
    new_customer,
    new_wamid,
    sign,
    text_message,
    until,
)


async def _newest(world: Outside, **filters: str) -> list[dict[str, str]]:
    page = await world.get("/v1/webhook-events", pageSize=200, **filters)
    return list(page["webhookEvents"])


async def test_a_wrong_signature_is_401_and_kept(world: Outside) -> None:
    wamid = new_wamid()
    customer = new_customer()
    body = envelope(world.channel, [text_message(customer, "oi", wamid)], customer)
    for signature in ("sha256=" + "0" * 64, "", "sha1=abc", sign(body, "another secret")):
        assert (await world.webhook(body, signature=signature)).status == 401
    rejected = await _newest(world, status="WEBHOOK_STATUS_REJECTED")
    assert [e["reason"] for e in rejected[:4]] == ["SIGNATURE_MISMATCH"] * 4


async def test_an_unknown_connection_is_404(world: Outside) -> None:
    url = world.channel["webhook_url"].replace(
        world.channel["id"], "00000000-0000-7000-8000-00000000beef"
    )
    assert (await world.webhook(b"{}", url=url)).status == 404
    assert (await world.webhook(b"{}", url=f"{url}x")).status == 404


async def test_what_cannot_be_read_is_400(world: Outside) -> None:
    for body in (b"", b"not json", b"[1,2", b"\xff\xfe"):
        answer = await world.webhook(body)
        assert answer.status == 400, body


async def test_four_mebibytes_are_the_most(world: Outside) -> None:
    assert (await world.webhook(b" " * (4 * 1024 * 1024 + 1))).status == 413


async def test_unknown_types_and_fields_are_kept_and_shown(world: Outside) -> None:
    customer = new_customer()
    message = {
        "from": customer,
        "id": new_wamid(),
        "timestamp": "1795356167",
        "type": "hologram",
        "hologram": {"depth": 3},
        "novelty": True,
    }
    assert (await world.webhook(envelope(world.channel, [message], customer))).status == 200
    (stored,) = await world.messages_of(customer)
    assert stored["message"]["content"]["unsupported"]["originalType"] == "hologram"


async def test_each_item_of_a_batch_has_its_own_verdict(world: Outside) -> None:
    """Several entries, changes, messages and statuses; one for a number nobody connected."""
    ana, bia = new_customer(), new_customer()
    stranger = {**world.channel, "phone_number_id": "100000000000001"}
    sent = [new_wamid() for _ in range(4)]
    status = change(world.channel, [], ana)
    del status["value"]["messages"]
    status["value"]["statuses"] = [
        {"id": new_wamid(), "status": "sent", "timestamp": "1795356167", "recipient_id": ana}
    ]
    body = json.dumps(
        {
            "object": "whatsapp_business_account",
            "entry": [
                {
                    "id": world.channel["waba_id"],
                    "changes": [
                        change(
                            world.channel,
                            [text_message(ana, "oi", sent[0]), text_message(ana, "tudo?", sent[1])],
                            ana,
                        ),
                        status,
                    ],
                },
                {
                    "id": world.channel["waba_id"],
                    "changes": [
                        change(stranger, [text_message(bia, "perdido", sent[2])], bia),
                        change(world.channel, [text_message(bia, "olá", sent[3])], bia),
                    ],
                },
            ],
        }
    ).encode()
    assert (await world.webhook(body)).status == 200

    async def judged() -> dict[str, tuple[str, str]]:
        events = {e["externalId"]: e for e in await _newest(world)}
        mine = {w: (events[w]["status"], events[w]["reason"]) for w in sent if w in events}
        queued = any(status == "WEBHOOK_STATUS_QUEUED" for status, _ in mine.values())
        return {} if queued or len(mine) < 4 else mine

    verdicts = await until(judged)
    assert [verdicts[w][0] for w in sent] == [
        "WEBHOOK_STATUS_ACCEPTED",
        "WEBHOOK_STATUS_ACCEPTED",
        "WEBHOOK_STATUS_REJECTED",
        "WEBHOOK_STATUS_ACCEPTED",
    ]
    assert verdicts[sent[2]][1]
    assert len(await world.messages_of(ana)) >= 2


async def test_the_handshake_returns_the_challenge_to_who_knows_the_token(world: Outside) -> None:
    query = {
        "hub.mode": "subscribe",
        "hub.challenge": "1158201444",
        "hub.verify_token": world.channel["verify_token"],
    }
    path = world.channel["webhook_url"].removeprefix(world.demo["api_url"])
    answer = await world.rest("GET", path, params=query, key="")
    assert (answer.status, str(answer.body)) == (200, "1158201444")
    assert answer.headers["content-type"].startswith("text/plain")
    answer = await world.rest("GET", path, params={**query, "hub.verify_token": "x"}, key="")
    assert answer.status == 403
