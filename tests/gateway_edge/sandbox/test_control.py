"""Numbers, the phone, media and the record of sends."""

import asyncio
import time
from unittest import mock

import pytest
from aiohttp import FormData

from tests.gateway_edge.sandbox.business import ANA, NUMBER, TOKEN, VERIFY, Meta, Receiver, until

_AUTH = {"Authorization": f"Bearer {TOKEN}"}


async def test_registering_shakes_hands_when_told_to(meta: Meta) -> None:
    assert (await meta.register(handshake=True))[0] == 201
    status, answer = await meta.register(
        handshake=True, phone_number_id="5", verify_token=f"not {VERIFY}"
    )
    assert status == 400
    assert "403" in answer["error"]
    _, found = await meta.call("GET", "/sandbox/numbers")
    assert [number["phone_number_id"] for number in found["numbers"]] == [NUMBER]


async def test_secrets_are_not_shown(meta: Meta) -> None:
    async with meta.http.get(f"{meta.base}/sandbox/numbers") as answer:
        text = await answer.text()
    assert NUMBER in text
    assert TOKEN not in text
    assert VERIFY not in text


async def test_a_phone_hears_of_a_change_while_it_waits(meta: Meta) -> None:
    await meta.write("oi")
    cursor = (await meta.chat())["cursor"]
    waiting = asyncio.create_task(meta.chat(f"?after={cursor}&wait=10"))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    await meta.send(text={"body": "em que posso ajudar?"})
    chat = await asyncio.wait_for(waiting, 2)
    assert [message["author"] for message in chat["messages"]] == ["business"]
    assert chat["cursor"] > cursor


async def test_a_phone_with_no_conversation_yet_hears_of_the_first_message(meta: Meta) -> None:
    cursor = (await meta.chat())["cursor"]
    waiting = asyncio.create_task(meta.chat(f"?after={cursor}&wait=10"))
    await asyncio.sleep(0.05)
    await meta.write("oi")
    assert len((await asyncio.wait_for(waiting, 2))["messages"]) == 1


async def test_waiting_ends_without_a_change(meta: Meta) -> None:
    cursor = (await meta.chat())["cursor"]
    started = time.monotonic()
    assert (await meta.chat(f"?after={cursor}&wait=1"))["messages"] == []
    assert 0.9 < time.monotonic() - started < 2


async def test_clearing_a_chat_closes_its_window(meta: Meta) -> None:
    await meta.write()
    await meta.call("DELETE", f"/sandbox/numbers/{NUMBER}/chats/{ANA}")
    chat = await meta.chat()
    assert chat["messages"] == []
    assert chat["window_open_until"] is None
    _, found = await meta.call("GET", f"/sandbox/numbers/{NUMBER}/chats")
    assert found["chats"] == []


async def test_the_record_counts_per_recipient(meta: Meta, receiver: Receiver) -> None:
    await meta.write()
    for to in (ANA, ANA, "5521900000000"):
        await meta.send(to=to)
    _, sent = await meta.call("GET", "/sandbox/sent?limit=2")
    assert sent["total"] == 3
    assert sent["by_recipient"] == {ANA: 2, "5521900000000": 1}
    assert [message["to"] for message in sent["messages"]] == [ANA, "5521900000000"]
    await meta.call("DELETE", "/sandbox/sent")
    assert (await meta.call("GET", "/sandbox/sent"))[1]["total"] == 0
    assert len((await meta.chat())["messages"]) == 3


async def test_memory_is_bounded_and_the_counts_are_not(meta: Meta) -> None:
    await meta.register(window="off")
    for part in range(6):
        await asyncio.gather(*(meta.send(to=f"55119{part}00{n:04}") for n in range(20)))
    _, sent = await meta.call("GET", "/sandbox/sent")
    assert sent["total"] == 120
    assert len(sent["messages"]) == 50
    _, found = await meta.call("GET", "/sandbox/numbers")
    assert found["numbers"][0]["chats"] == 50


async def test_media_go_both_ways(meta: Meta, receiver: Receiver) -> None:
    form = FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("type", "image/png")
    form.add_field("file", b"\x89PNG...", filename="a.png", content_type="image/png")
    async with meta.http.post(
        f"{meta.base}/v25.0/{NUMBER}/media", data=form, headers=_AUTH
    ) as answer:
        assert answer.status == 200
        media_id = (await answer.json())["id"]
    await meta.write()
    assert (await meta.send(type="image", text=None, image={"id": media_id}))[0] == 200

    status, found = await meta.call("GET", f"/v25.0/{media_id}", headers=_AUTH)
    assert status == 200
    assert (found["mime_type"], found["file_size"]) == ("image/png", 7)
    async with meta.http.get(found["url"], headers=_AUTH) as file:
        assert await file.read() == b"\x89PNG..."
        assert file.content_type == "image/png"
    async with meta.http.get(found["url"]) as file:
        assert file.status == 401
    async with meta.http.get(found["url"] + "0", headers=_AUTH) as file:
        assert file.status == 404
    with mock.patch("sandbox.media.time.time", return_value=time.time() + 301):
        async with meta.http.get(found["url"], headers=_AUTH) as file:
            assert file.status == 404
    assert (await meta.call("DELETE", f"/v25.0/{media_id}", headers=_AUTH))[1] == {"success": True}
    assert (await meta.call("GET", f"/v25.0/{media_id}", headers=_AUTH))[0] == 400


async def test_a_customers_file_arrives_with_its_type_and_hash(
    meta: Meta, receiver: Receiver
) -> None:
    path = f"{meta.base}/sandbox/numbers/{NUMBER}/media?filename=nota.pdf"
    async with meta.http.post(
        path, data=b"%PDF-1.7", headers={"Content-Type": "application/pdf"}
    ) as answer:
        media = await answer.json()
    document = {"id": media["id"], "filename": "nota.pdf"}
    await meta.write(text=None, message={"type": "document", "document": document})
    assert receiver.messages[0]["document"] == document | {
        "mime_type": "application/pdf",
        "sha256": media["sha256"],
    }
    assert (await meta.call("GET", f"/v25.0/{media['id']}", headers=_AUTH))[0] == 200


@pytest.mark.parametrize("mime_type", ["text/html", "image/gif"])
async def test_an_upload_of_a_forbidden_type_is_refused(meta: Meta, mime_type: str) -> None:
    form = FormData()
    form.add_field("messaging_product", "whatsapp")
    form.add_field("file", b"x", filename="x", content_type=mime_type)
    async with meta.http.post(
        f"{meta.base}/v25.0/{NUMBER}/media", data=form, headers=_AUTH
    ) as answer:
        assert answer.status == 400
        assert (await answer.json())["error"]["code"] == 100


async def test_the_number_says_who_it_is(meta: Meta) -> None:
    status, found = await meta.call("GET", f"/v25.0/{NUMBER}", headers=_AUTH)
    assert status == 200
    assert found["display_phone_number"] == "+55 11 4000-1234"
    assert found["id"] == NUMBER


async def test_a_removed_number_is_gone(meta: Meta) -> None:
    assert (await meta.call("DELETE", f"/sandbox/numbers/{NUMBER}"))[0] == 204
    assert (await meta.send())[0] == 401
    assert (await meta.call("DELETE", f"/sandbox/numbers/{NUMBER}"))[0] == 404


async def test_the_phone_page_brings_all_it_needs(meta: Meta) -> None:
    async with meta.http.get(f"{meta.base}/") as page:
        assert page.url.path == "/phone"
        text = await page.text()
        assert 'lang="pt-BR"' in text
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "https://" not in text
    for name in ("phone.css", "phone.js", "bubbles.js", "faults.js", "panels.js", "words.js"):
        async with meta.http.get(f"{meta.base}/phone/{name}") as file:
            assert file.status == 200
    async with meta.http.get(f"{meta.base}/phone/..%2Fapp.py") as file:
        assert file.status == 404


async def test_a_dead_receiver_delays_no_other_number(meta: Meta, receiver: Receiver) -> None:
    await meta.register(phone_number_id="9", webhook_url="http://127.0.0.1:1/", window="off")
    for _ in range(40):
        await meta.call(
            "POST",
            "/v25.0/9/messages",
            {"messaging_product": "whatsapp", "to": ANA, "text": {"body": "x"}},
            headers=_AUTH,
        )
    await meta.write()
    await meta.send()
    await until(lambda: len(receiver.statuses) == 3, 2)
