"""pywa, written by others, reads the same payloads and checks the same signatures."""

from __future__ import annotations

import json
from typing import Any

import pytest
from malha.message.v1 import message_pb2 as m
from pywa import handlers
from pywa.client import WhatsApp as Pywa
from pywa.errors import WhatsAppError
from pywa.types.flows import FlowCompletion
from pywa.types.message_status import MessageStatus
from pywa.types.system import PhoneNumberChange

from services.ingestion.channels import CHANNELS
from services.ingestion.channels.base import Item, SignatureMismatch, Webhook
from tests.contracts.channel import Incoming, hmac_sha256
from tests.ingestion.channels.whatsapp_incoming import CONFIG, FIXTURES, INCOMING, SECRET

# pywa raises on the first, and has no such status as the second.
_BEYOND_PYWA = ("flow_reply_not_an_object", "status_deleted")


class TestAgainstPywa:
    """pywa, written by others, reads the same payloads and checks the same signatures."""

    def test_it_accepts_and_refuses_the_same_signatures(self) -> None:
        judge = Pywa(token="x", server=None, app_secret=SECRET, validate_updates=True)
        channel = CHANNELS["whatsapp"]
        for path in FIXTURES.glob("*.json"):
            body = path.read_bytes()
            good = "sha256=" + hmac_sha256(SECRET, body)
            assert judge.webhook_update_validator(body, good) is None
            channel.verify(Webhook(body, {"x-hub-signature-256": good}), CONFIG)
            assert judge.webhook_update_validator(body + b" ", good) is not None
            with pytest.raises(SignatureMismatch):
                channel.verify(Webhook(body + b" ", {"x-hub-signature-256": good}), CONFIG)

    @pytest.mark.parametrize(
        "case",
        [case for case in INCOMING if case.body not in _BEYOND_PYWA],
        ids=lambda case: case.name,
    )
    def test_it_reads_the_same_in_every_item(self, case: Incoming) -> None:
        channel = CHANNELS["whatsapp"]
        for item in channel.split(json.loads((FIXTURES / f"{case.body}.json").read_text())):
            if item.kind in ("message", "echo"):
                self._same_message(_pywa(item), m.Message.FromString(_bytes(item)), item)
            if item.kind == "status" and "group" not in case.body:
                read = _pywa(item)
                update = channel.status(item)
                assert isinstance(read, MessageStatus)
                assert update is not None
                assert update.external_id == read.id
                assert update.opaque == (read.tracker or "")
                assert update.time == read.timestamp
                assert update.reason == (str(read.error.code) if read.error else "")
                expected = "read" if read.status.value == "played" else read.status.value
                assert update.status.value == expected

    def _same_message(self, read: Any, ours: m.Message, item: Item) -> None:
        kind = ours.content.WhichOneof("kind")
        if read is None:
            # pywa knows no such type: then neither do we.
            assert kind == "unsupported"
            return
        assert item.time == read.timestamp
        assert item.account_id == read.waba_id
        assert item.routing_id == read.metadata.phone_number_id
        person = ours.recipient if item.kind == "echo" else ours.sender
        if not isinstance(read, PhoneNumberChange):
            ids = {person.kind: person.id, **person.aliases}
            assert ids.get("wa_id", read.from_user.wa_id) == read.from_user.wa_id
            assert ids.get("bsuid") == read.from_user.bsuid
        if getattr(read, "reply_to_message", None):
            assert ours.context.reply_to_external_id == read.reply_to_message.id
        content = getattr(ours.content, str(kind))
        match kind:
            case "text":
                assert content.text == read.text
            case "image" | "video" | "document" | "audio" | "sticker":
                assert content.media.external_id == read.media.id
                assert content.media.mimetype == read.media.mime_type
                assert getattr(content, "caption", "") == (read.caption or "")
            case "location":
                assert content.latitude == read.location.latitude
                assert content.longitude == read.location.longitude
            case "contacts":
                names = [contact.name.formatted_name for contact in read.contacts]
                assert [card.name for card in content.cards] == names
            case "reaction":
                assert content.external_message_id == read.reaction.message_id
                assert content.emoji == (read.reaction.emoji or "")
            case "interactive_reply" if not isinstance(read, FlowCompletion):
                assert content.payload == read.data
                assert content.title == read.title


def _bytes(item: Item) -> bytes:
    return CHANNELS["whatsapp"].receive(item).message.SerializeToString()


def _pywa(item: Item) -> Any:
    """The item's reduced envelope, read by pywa."""
    judge = Pywa(token="x", server=None)
    seen: list[Any] = []
    for handler in (
        handlers.MessageHandler,
        handlers.CallbackButtonHandler,
        handlers.CallbackSelectionHandler,
        handlers.FlowCompletionHandler,
        handlers.MessageStatusHandler,
        handlers.EditedMessageHandler,
        handlers.DeletedMessageHandler,
        handlers.OutgoingMessageHandler,
        handlers.OutgoingEditedMessageHandler,
        handlers.OutgoingDeletedMessageHandler,
        handlers.PhoneNumberChangeHandler,
    ):
        judge.add_handlers(handler(lambda _client, update: seen.append(update)))
    judge.webhook_update_handler(json.dumps(item.payload).encode())
    return seen[0] if seen else None


def test_pywa_knows_the_codes_as_errors() -> None:
    """The codes that we judge are Meta's, as another library lists them."""
    for name in ("pair_limit", "window_closed", "rate_limit", "token_expired", "unknown_error"):
        body = json.loads((FIXTURES / f"answer_{name}.json").read_text())
        error = WhatsAppError.from_dict(body["error"])
        assert type(error) is not WhatsAppError
