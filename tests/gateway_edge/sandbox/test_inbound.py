"""Customers writing, and what their webhooks look like."""

import asyncio

import orjson

from tests.gateway_edge.sandbox.business import ACCOUNT, ANA, NUMBER, Meta, Receiver, until


async def test_a_text_arrives_signed_and_complete(meta: Meta, receiver: Receiver) -> None:
    answer = await meta.write("olá, é à vista? 😊")
    assert answer["status"] == 200
    (webhook,) = receiver.received
    assert webhook.genuine
    assert webhook.headers["Content-Type"] == "application/json"
    body = orjson.loads(webhook.body)
    assert body["object"] == "whatsapp_business_account"
    assert body["entry"][0]["id"] == ACCOUNT
    value = webhook.values[0]
    assert value["metadata"]["phone_number_id"] == NUMBER
    (contact,) = value["contacts"]
    assert contact["profile"] == {"name": "Ana"}
    assert contact["wa_id"] == ANA
    assert contact["user_id"].startswith("BR.")
    assert value["messages"][0]["from_user_id"] == contact["user_id"]
    assert value["messages"][0]["from"] == ANA
    assert value["messages"][0]["id"] == answer["wamid"]
    assert value["messages"][0]["text"] == {"body": "olá, é à vista? 😊"}
    assert isinstance(value["messages"][0]["timestamp"], str)


async def test_the_bytes_are_escaped_as_meta_escapes_them(meta: Meta, receiver: Receiver) -> None:
    await meta.write("é http://x")
    assert rb"\u00e9 http:\/\/x" in receiver.received[0].body


async def test_a_signature_can_be_forged_or_left_out(meta: Meta, receiver: Receiver) -> None:
    await meta.write(signature="wrong", retry=False)
    await meta.write(signature="missing", retry=False)
    wrong, missing = receiver.received
    assert not wrong.genuine
    assert wrong.headers["X-Hub-Signature-256"].startswith("sha256=")
    assert "X-Hub-Signature-256" not in missing.headers


async def test_a_raw_message_passes_through_unchanged(meta: Meta, receiver: Receiver) -> None:
    message = {"type": "order", "order": {"catalog_id": "1", "product_items": [{"x": 1.5}]}}
    await meta.write(text=None, message=message, wamid="wamid.mine", timestamp=1_700_000_000)
    (arrived,) = receiver.messages
    del arrived["from_user_id"]
    assert arrived == {
        "from": ANA,
        "id": "wamid.mine",
        "timestamp": "1700000000",
        **message,
    }


async def test_a_person_without_a_phone_number(meta: Meta, receiver: Receiver) -> None:
    await meta.write(**{"from": "BR.13491208655302741918"})
    value = receiver.received[0].values[0]
    assert "from" not in value["messages"][0]
    assert value["messages"][0]["from_user_id"] == "BR.13491208655302741918"
    assert value["contacts"][0]["user_id"] == "BR.13491208655302741918"
    status, answer = await meta.send(to=None, recipient="BR.13491208655302741918")
    assert status == 200
    assert answer["contacts"][0]["user_id"] == "BR.13491208655302741918"


async def test_a_batch_is_one_post_of_several_changes(meta: Meta, receiver: Receiver) -> None:
    await meta.register(phone_number_id="77", waba_id="88")
    batch = {
        "messages": [
            {"from": ANA, "text": "um"},
            {"from": ANA, "text": "dois"},
            {"from": "5521900000000", "text": "três"},
            {"from": ANA, "text": "quatro", "phone_number_id": "77"},
        ],
        "per_change": 2,
        "changes": [{"field": "account_update", "value": {"event": "X"}}],
    }
    status, answer = await meta.call("POST", f"/sandbox/numbers/{NUMBER}/inbound", batch)
    assert status == 200
    assert len(answer["wamids"]) == 4
    (webhook,) = receiver.received
    assert [len(value.get("messages", [])) for value in webhook.values] == [2, 1, 0, 1]
    assert [entry["id"] for entry in orjson.loads(webhook.body)["entry"]] == [ACCOUNT, "88"]


async def test_the_same_wamid_twice_is_posted_twice_and_shown_once(
    meta: Meta, receiver: Receiver
) -> None:
    for _ in range(2):
        await meta.write(wamid="wamid.again")
    assert len(receiver.messages) == 2
    assert len((await meta.chat())["messages"]) == 1


async def test_raw_bytes_are_signed_whatever_they_are(meta: Meta, receiver: Receiver) -> None:
    big = b'{"x":"' + b"y" * (4 * 1024 * 1024) + b'"}'
    for body in (b"", b"not json", big):
        path = f"{meta.base}/sandbox/numbers/{NUMBER}/webhook"
        async with meta.http.post(path, data=body) as answer:
            assert await answer.json() == {"status": 200}
        assert receiver.received[-1].body == body
        assert receiver.received[-1].genuine


async def test_an_unanswered_webhook_comes_again(meta: Meta, receiver: Receiver) -> None:
    receiver.answers = [500, 503]
    answer = await meta.write()
    assert answer["status"] == 500
    assert (await meta.chat())["messages"][0]["status"] == "sent"
    await until(lambda: len(receiver.received) == 3)
    await asyncio.sleep(0.05)
    assert len({webhook.body for webhook in receiver.received}) == 1
    assert receiver.received[2].at - receiver.received[1].at > 0.3
    assert (await meta.chat())["messages"][0]["status"] == "delivered"
    _, found = await meta.call("GET", "/sandbox/numbers")
    tally = found["numbers"][0]["webhooks"]
    assert tally == {
        "posted": 3,
        "acknowledged": 1,
        "failed_attempts": 2,
        "given_up": 0,
        "pending": 0,
    }


async def test_a_receiver_that_is_away_is_no_answer(meta: Meta) -> None:
    await meta.register(webhook_url="http://127.0.0.1:1/hook")
    assert (await meta.write(retry=False))["status"] is None


async def test_what_makes_no_sense_is_refused(meta: Meta) -> None:
    path = f"/sandbox/numbers/{NUMBER}/inbound"
    for body in ({}, {"from": ANA}, {"from": "a b", "text": "x"}, {"from": ANA, "text": 1}):
        status, answer = await meta.call("POST", path, body)
        assert status == 422
        assert answer["fields"]
    assert (await meta.call("POST", "/sandbox/numbers/1/inbound", {}))[0] == 404
