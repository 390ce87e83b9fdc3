"""pywa, a WhatsApp client written by others, talks to the sandbox as it would to Meta."""

import asyncio
from collections.abc import Iterator

import httpx
import pytest
import pywa
from pywa import errors, types

from tests.gateway_edge.sandbox.business import ANA, NUMBER, SECRET, TOKEN, Meta, Receiver, until


@pytest.fixture
def client(meta: Meta) -> Iterator[pywa.WhatsApp]:
    """A pywa client that believes it talks to Meta."""
    with httpx.Client() as session:
        client = pywa.WhatsApp(
            phone_id=NUMBER,
            token=TOKEN,
            app_secret=SECRET,
            session=session,
            server=None,
            verify_token="unused",
        )
        # pywa has no setting for the address of the Graph API.
        session.base_url = f"{meta.base}/v25.0"
        yield client


async def test_pywa_sends_and_reads_the_answer(meta: Meta, client: pywa.WhatsApp) -> None:
    await meta.write()
    sent = await asyncio.to_thread(client.send_message, ANA, "olá", tracker="t-1")
    assert sent.id.startswith("wamid.")
    chat = await meta.chat()
    assert chat["messages"][-1]["content"]["biz_opaque_callback_data"] == "t-1"


async def test_pywa_sends_every_kind(meta: Meta, client: pywa.WhatsApp) -> None:
    wamid = (await meta.write())["wamid"]

    def send() -> None:
        buttons = [types.Button(title="Sim", callback_data="s")]
        client.send_message(ANA, "Confirma?", buttons=buttons)
        client.send_image(ANA, "https://example.com/a.png", caption="uma foto")
        client.send_document(ANA, b"%PDF-1.7", filename="a.pdf", mime_type="application/pdf")
        client.send_location(ANA, latitude=-23.5, longitude=-46.6, name="MASP")
        client.send_reaction(ANA, "👍", wamid)
        client.indicate_typing(wamid)
        assert client.mark_message_as_read(wamid)

    await asyncio.to_thread(send)
    kinds = [message["type"] for message in (await meta.chat())["messages"]]
    assert kinds == ["text", "interactive", "image", "document", "location", "reaction"]


async def test_pywa_uploads_and_downloads(meta: Meta, client: pywa.WhatsApp) -> None:
    def exchange() -> bytes:
        media = client.upload_media(b"texto", mime_type="text/plain", filename="a.txt")
        url = client.get_media_url(media.id)
        assert url.mime_type == "text/plain"
        return client.get_media_bytes(url=url.url)

    assert await asyncio.to_thread(exchange) == b"texto"


@pytest.mark.parametrize(
    ("code", "kind"),
    [(130429, errors.RateLimitHit), (131056, errors.TooManyMessages)],
)
async def test_pywa_knows_the_throttling_errors(
    meta: Meta, client: pywa.WhatsApp, code: int, kind: type[Exception]
) -> None:
    await meta.faults(throttle={"code": code, "times": 1})
    with pytest.raises(kind):
        await asyncio.to_thread(client.send_message, ANA, "olá")


async def test_pywa_knows_the_window_and_token_errors(meta: Meta, client: pywa.WhatsApp) -> None:
    await meta.register(window="answer")
    with pytest.raises(errors.ReEngagementMessage):
        await asyncio.to_thread(client.send_message, ANA, "olá")
    client.token = "another"
    with pytest.raises(errors.WhatsAppError) as refused:
        await asyncio.to_thread(client.send_message, ANA, "olá")
    assert refused.value.code == 190


async def test_pywa_reads_messages_and_statuses(
    meta: Meta, client: pywa.WhatsApp, receiver: Receiver
) -> None:
    messages: list[types.Message] = []
    statuses: list[types.MessageStatus] = []
    client.on_message()(lambda _, message: messages.append(message))
    client.on_message_status()(lambda _, status: statuses.append(status))

    await meta.write("é à vista?")
    location = {"latitude": -23.5, "longitude": -46.6, "name": "MASP"}
    await meta.write(text=None, message={"type": "location", "location": location})
    await meta.write(timestamp=1_700_000_000)
    await meta.send()
    await until(lambda: len(receiver.statuses) == 3)

    for webhook in receiver.received:
        signature = webhook.headers["X-Hub-Signature-256"]
        assert client.webhook_update_validator(webhook.body, signature) is None
        assert client.webhook_update_handler(webhook.body)[1] == 200
    assert client.webhook_update_validator(webhook.body + b" ", signature) is not None
    assert [message.text for message in messages] == ["é à vista?", None, "oi"]
    assert messages[0].from_user.name == "Ana"
    assert messages[1].location is not None
    assert messages[1].location.name == "MASP"
    assert [status.status.value for status in statuses] == ["sent", "delivered", "read"]
    assert {status.from_user.wa_id for status in statuses} == {ANA}
