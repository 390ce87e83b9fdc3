"""WhatsApp: genuine-looking payloads in, requests out."""

from __future__ import annotations

from typing import ClassVar

import pytest

from services.ingestion.channels import CHANNELS
from services.ingestion.channels.base import NotSent, Refused, SignatureMismatch, Webhook
from services.ingestion.channels.whatsapp import WhatsAppConfig
from services.ingestion.channels.whatsapp.outbound import refusal
from tests.contracts.channel import ChannelContract, Outgoing, hmac_sha256
from tests.ingestion.channels.whatsapp_incoming import (
    ANA_SCOPED,
    CONFIG,
    FIXTURES,
    INCOMING,
    NUMBER,
    SECRET,
    WABA,
)
from tests.ingestion.channels.whatsapp_outgoing import OUTGOING, say


class TestWhatsApp(ChannelContract):
    channel = CHANNELS["whatsapp"]
    config = CONFIG
    fixtures = FIXTURES
    send_path = f"/{NUMBER}/messages"
    answer_accepted = "answer_accepted"
    challenge_name = "hub.challenge"
    subscribes: ClassVar = {
        "hub.mode": "subscribe",
        "hub.challenge": "1158201444",
        "hub.verify_token": "abre-te-sesamo",
    }

    incoming = INCOMING
    outgoing = OUTGOING

    def sign(self, body: bytes) -> dict[str, str]:
        return {"x-hub-signature-256": "sha256=" + hmac_sha256(SECRET, body)}

    def test_the_previous_app_secret_is_accepted_while_it_is_set(self) -> None:
        webhook = Webhook(
            b"{}", {"x-hub-signature-256": "sha256=" + hmac_sha256("previous-secret", b"{}")}
        )
        self.channel.verify(webhook, CONFIG)
        with pytest.raises(SignatureMismatch):
            self.channel.verify(webhook, CONFIG.model_copy(update={"previous_app_secret": None}))

    def test_the_ad_a_customer_came_from_is_kept(self) -> None:
        (item,) = self.channel.split(self.read("text_from_ad"))
        metadata = self.received(item).metadata
        assert metadata["referral_source_id"] == "120226305854810726"
        assert metadata["referral_headline"] == "Fale com a gente"

    def test_a_customers_other_identifiers_are_kept(self) -> None:
        (item,) = self.channel.split(self.read("text"))
        sender = self.received(item).sender
        assert sender.display_name == "Ana Souza"
        assert dict(sender.aliases) == {"bsuid": ANA_SCOPED}

    def test_one_contact_beside_messages_of_two_people_is_not_both(self) -> None:
        payload = self.read("text")
        (value,) = (change["value"] for change in payload["entry"][0]["changes"])
        (message,) = value["messages"]
        others = {**message, "id": "wamid.other", "from": "5521900000000"}
        others.pop("from_user_id", None)
        value["messages"] = [message, others]
        mine, theirs = (self.received(item).sender for item in self.channel.split(payload))
        assert (mine.display_name, dict(mine.aliases)) == ("Ana Souza", {"bsuid": ANA_SCOPED})
        assert (theirs.id, theirs.display_name, dict(theirs.aliases)) == ("5521900000000", "", {})

    def test_what_tells_a_status_from_others_fits_an_index(self) -> None:
        payload = self.read("status_sent")
        (status,) = payload["entry"][0]["changes"][0]["value"]["statuses"]
        status |= {"id": "\N{ROCKET}" * 512, "status": "\N{ROCKET}" * 32}
        status["recipient_participant_id"] = "\N{ROCKET}" * 256
        (item,) = self.channel.split(payload)
        assert len(item.external_id.encode()) < 2500
        status["status"] = "\N{ROCKET}" * 31
        (other,) = self.channel.split(payload)
        assert item.external_id != other.external_id

    @pytest.mark.parametrize(
        "secret", ["", " x", "x ", "a b", "x\n", "é", "x" * 2000], ids=lambda s: repr(s[:4])
    )
    def test_a_secret_that_cannot_work_is_refused(self, secret: str) -> None:
        entered = {
            "phone_number_id": NUMBER,
            "waba_id": WABA,
            "app_secret": "x",
            "verify_token": "x",
            "access_token": "x",
        }
        WhatsAppConfig.model_validate(entered)
        for name in ("app_secret", "verify_token", "access_token"):
            with pytest.raises(ValueError, match=name):
                WhatsAppConfig.model_validate({**entered, name: secret})

    async def test_an_account_name_that_cannot_be_had_is_empty(self) -> None:
        for case in (
            Outgoing("", say(""), status=400, answer="answer_token_expired"),
            Outgoing("", say(""), answer=b"not json"),
            Outgoing("", say(""), behaves="is_away"),
            Outgoing("", say(""), behaves="hangs"),
        ):
            async with self._provider(case, []) as http:
                name = await self.channel.account_name(self.config, http, deadline=0.2)
                assert name == ""

    async def test_the_account_name_is_the_verified_one(self) -> None:
        case = Outgoing("", say(""), answer=b'{"verified_name":"Loja da Ana","id":"1"}')
        async with self._provider(case, []) as http:
            name = await self.channel.account_name(self.config, http, deadline=1)
            assert name == "Loja da Ana"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        *((code, NotSent) for code in (4, 80007, 130429, 131048, 131056, 133016, 131016, 131057)),
        *(
            (code, Refused)
            for code in (10, 100, 190, 368, 130472, 131026, 131030, 131047, 131049, 131050, 132001)
        ),
    ],
)
def test_metas_codes_say_whether_another_attempt_may_help(code: int, kind: type) -> None:
    error = refusal(400, {"error": {"code": code}})
    assert type(error) is kind
    assert error.reason == str(code)
