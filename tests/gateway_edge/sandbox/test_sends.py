"""What the sandbox answers to a send, and what it reports about it."""

from typing import Any

import pytest

from tests.gateway_edge.sandbox.business import ANA, NUMBER, TOKEN, Meta, Receiver, until


async def test_a_send_is_answered_as_meta_does(meta: Meta) -> None:
    await meta.write()
    status, answer = await meta.send()
    assert status == 200
    assert answer["messaging_product"] == "whatsapp"
    (contact,) = answer["contacts"]
    assert contact["input"] == f"+{ANA}"
    assert contact["wa_id"] == ANA
    assert contact["user_id"].startswith("BR.")
    assert answer["messages"][0]["id"].startswith("wamid.")


async def test_statuses_come_one_by_one_with_the_callers_data(
    meta: Meta, receiver: Receiver
) -> None:
    await meta.write()
    _, answer = await meta.send(biz_opaque_callback_data="delivery-7")
    await until(lambda: len(receiver.statuses) == 3)
    wamid = answer["messages"][0]["id"]
    assert [status["status"] for status in receiver.statuses] == ["sent", "delivered", "read"]
    for status in receiver.statuses:
        assert status["id"] == wamid
        assert status["recipient_id"] == ANA
        assert status["biz_opaque_callback_data"] == "delivery-7"
        assert isinstance(status["timestamp"], str)
        assert status["timestamp"].isdigit()
    assert len(receiver.received) == 4
    assert all(webhook.genuine for webhook in receiver.received)


@pytest.mark.parametrize(
    ("token", "status", "code"), [(None, 401, 104), ("another token", 401, 190)]
)
async def test_a_missing_or_unknown_token_is_refused(
    meta: Meta, token: str | None, status: int, code: int
) -> None:
    got, answer = await meta.send(token=token)
    assert (got, answer["error"]["code"]) == (status, code)
    assert answer["error"]["type"] == "OAuthException"
    assert answer["error"]["fbtrace_id"]


async def test_a_token_does_not_open_another_business_number(meta: Meta) -> None:
    await meta.register(phone_number_id="999", access_token="the other's")
    status, answer = await meta.send(token="the other's")
    assert status == 400
    assert answer["error"]["error_subcode"] == 33
    assert answer["error"]["type"] == "GraphMethodException"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        pytest.param({"messaging_product": None}, 100, id="no messaging_product"),
        pytest.param({"to": None}, 100, id="no recipient"),
        pytest.param({"to": "Ana"}, 131009, id="recipient is no phone number"),
        pytest.param({"recipient_type": "nobody"}, 131009, id="unknown recipient type"),
        pytest.param({"type": "poem"}, 100, id="unknown type"),
        pytest.param({"type": ["text"]}, 100, id="type is a list"),
        pytest.param({"text": None}, 131008, id="no text"),
        pytest.param({"text": "olá"}, 131009, id="text is a string"),
        pytest.param({"text": {"body": ""}}, 131008, id="empty body"),
        pytest.param({"text": {"body": "x" * 4097}}, 100, id="long body"),
        pytest.param({"type": "image", "image": {}}, 131008, id="image from nowhere"),
        pytest.param({"type": "image", "image": {"id": "1"}}, 100, id="unknown media"),
        pytest.param({"type": "image", "image": {"link": "ftp://x"}}, 131009, id="odd link"),
        pytest.param({"type": "location", "location": {"latitude": 91}}, 131009, id="off the map"),
        pytest.param({"type": "contacts", "contacts": []}, 131009, id="no contacts"),
        pytest.param({"type": "reaction", "reaction": {"emoji": "👍"}}, 131008, id="on nothing"),
        pytest.param({"type": "template", "template": {"name": "a"}}, 131008, id="no language"),
        pytest.param({"biz_opaque_callback_data": "x" * 513}, 131009, id="long callback data"),
        pytest.param({"context": {}}, 131008, id="reply to nothing"),
    ],
)
async def test_a_faulty_send_is_refused(meta: Meta, changes: dict[str, Any], code: int) -> None:
    await meta.write()
    status, answer = await meta.send(**changes)
    assert (status, answer["error"]["code"]) == (400, code)
    _, sent = await meta.call("GET", "/sandbox/sent")
    assert sent["total"] == 0


async def test_a_body_of_exactly_the_limit_passes(meta: Meta) -> None:
    await meta.write()
    assert (await meta.send(text={"body": "ç" * 4096}))[0] == 200


def _buttons(*titles: str) -> dict[str, Any]:
    replies = [{"type": "reply", "reply": {"id": title, "title": title}} for title in titles]
    return {
        "type": "interactive",
        "interactive": {
            "type": "button",
            "body": {"text": "Como ajudo?"},
            "action": {"buttons": replies},
        },
    }


def _list(rows: int) -> dict[str, Any]:
    found = [{"id": str(row), "title": f"Opção {row}"} for row in range(rows)]
    return {
        "type": "interactive",
        "interactive": {
            "type": "list",
            "body": {"text": "Escolha"},
            "action": {"button": "Ver", "sections": [{"title": "Tudo", "rows": found}]},
        },
    }


@pytest.mark.parametrize(
    ("message", "status"),
    [
        pytest.param(_buttons("Sim", "Não"), 200, id="two buttons"),
        pytest.param(_buttons("a", "b", "c", "d"), 400, id="four buttons"),
        pytest.param(_buttons("Sim", "Sim"), 400, id="the same button twice"),
        pytest.param(_buttons("x" * 21), 400, id="long title"),
        pytest.param(_list(10), 200, id="ten rows"),
        pytest.param(_list(11), 400, id="eleven rows"),
    ],
)
async def test_interactive_messages_keep_metas_limits(
    meta: Meta, message: dict[str, Any], status: int
) -> None:
    await meta.write()
    assert (await meta.send(text=None, **message))[0] == status


async def test_outside_the_window_a_text_fails_and_a_template_passes(
    meta: Meta, receiver: Receiver
) -> None:
    await meta.write(timestamp=1_700_000_000)
    assert (await meta.chat())["window_open_until"] is None
    status, _ = await meta.send()
    assert status == 200
    await until(lambda: receiver.statuses)
    assert [item["status"] for item in receiver.statuses] == ["failed"]
    error = receiver.statuses[0]["errors"][0]
    assert error["code"] == 131047
    assert {"title", "message", "error_data", "href"} <= error.keys()
    assert "contacts" not in receiver.received[-1].values[0]

    template = {"name": "ola", "language": {"code": "pt_BR"}}
    status, answer = await meta.send(type="template", text=None, template=template)
    assert answer["messages"][0]["message_status"] == "accepted"
    await until(lambda: len(receiver.statuses) == 4)
    assert receiver.statuses[-1]["status"] == "read"


async def test_a_number_can_be_told_to_answer_with_the_window_error(meta: Meta) -> None:
    await meta.register(window="answer")
    status, answer = await meta.send()
    assert (status, answer["error"]["code"]) == (400, 131047)


async def test_the_window_is_that_of_the_pair(meta: Meta, receiver: Receiver) -> None:
    await meta.write()
    await meta.send(to="5521900000000")
    await until(lambda: receiver.statuses)
    assert receiver.statuses[0]["status"] == "failed"


async def test_reading_and_typing_show_on_the_phone(meta: Meta) -> None:
    first, second = await meta.write("oi"), await meta.write("tudo bem?")
    read = {
        "messaging_product": "whatsapp",
        "status": "read",
        "message_id": second["wamid"],
        "typing_indicator": {"type": "text"},
    }
    headers = {"Authorization": f"Bearer {TOKEN}"}
    path = f"/v25.0/{NUMBER}/messages"
    assert await meta.call("POST", path, read, headers=headers) == (200, {"success": True})
    chat = await meta.chat()
    assert chat["typing"] is True
    assert [message["status"] for message in chat["messages"]] == ["read", "read"]
    assert chat["messages"][0]["id"] == first["wamid"]

    await meta.send()
    assert (await meta.chat())["typing"] is False
    status, answer = await meta.call(
        "POST", path, read | {"message_id": "wamid.?"}, headers=headers
    )
    assert (status, answer["error"]["code"]) == (400, 131009)


async def test_a_reaction_lands_on_its_message(meta: Meta) -> None:
    wamid = (await meta.write())["wamid"]
    for emoji, shown in (("👍", {"business": "👍"}), ("", {})):
        reaction = {"message_id": wamid, "emoji": emoji}
        assert (await meta.send(type="reaction", text=None, reaction=reaction))[0] == 200
        assert (await meta.chat())["messages"][0]["reactions"] == shown


async def test_what_is_no_send_gets_metas_error_shape(meta: Meta) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}"}
    status, answer = await meta.call("POST", f"/v25.0/{NUMBER}/nonsense", {}, headers=headers)
    assert status == 400
    assert answer["error"]["code"] == 100
    async with meta.http.post(
        f"{meta.base}/v25.0/{NUMBER}/messages", data=b"not json", headers=headers
    ) as refused:
        assert refused.status == 400
        assert (await refused.json())["error"]["code"] == 100
