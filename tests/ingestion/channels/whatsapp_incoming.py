"""WhatsApp webhooks, and what each is read as."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from services.ingestion.channels.base import Progress
from services.ingestion.channels.whatsapp import WhatsAppConfig
from tests.contracts.channel import Gives, Incoming

FIXTURES = Path(__file__).parent / "fixtures" / "whatsapp"
NUMBER, WABA = "106540352242922", "102290129340398"
ANA, ANA_SCOPED = "5511987654321", "BR.13491208655302741918"
SECRET = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
CONFIG = WhatsAppConfig.model_validate(
    {
        "phone_number_id": NUMBER,
        "waba_id": WABA,
        "app_secret": SECRET,
        "previous_app_secret": "previous-secret",
        "verify_token": "abre-te-sesamo",
        "access_token": "EAAG-token",
    }
)
MEDIA = {"external_id": "1003383421387256", "mimetype": "image/jpeg"}
SHA = "3f9d94d399f05e9a1e3b1c1bd6a9f6a2b1e1f9a3e0f2b7b8c9d0e1f2a3b4c5d6"
OPAQUE = "0197f0aa-1111-7abc-8def-0123456789ab"


def gives(content: dict[str, Any], **more: Any) -> Gives:
    """A message of Ana's to the business's number."""
    return Gives(
        "message",
        content,
        **{"sender": f"wa_id:{ANA}", "recipient": f"phone_number_id:{NUMBER}"} | more,
    )


def text(words: str, **more: Any) -> Gives:
    return gives({"text": {"text": words}}, **more)


def reply(control: str, payload: str, title: str, description: str = "", **more: Any) -> Gives:
    fields = {
        "control": control,
        "payload": payload,
        "title": title,
        "description": description,
    }
    return gives({"interactive_reply": fields}, **more)


def unsupported(original_type: str, reason: str = "", **more: Any) -> Gives:
    return gives({"unsupported": {"original_type": original_type, "reason": reason}}, **more)


def media(id: str, mimetype: str) -> dict[str, str]:
    return {"external_id": id, "mimetype": mimetype, "sha256": "AbC="}


def status(state: Progress, reason: str = "", opaque: str = "", **more: Any) -> Gives:
    return Gives("status", status=(state, reason, opaque), **more)


INCOMING = [
    Incoming(
        "a text",
        "text",
        [
            text(
                "Oi! Vocês abrem no domingo? 😀",
                routing_id=NUMBER,
                account_id=WABA,
                metadata={},
                reply_to="",
            )
        ],
    ),
    Incoming(
        "an answer to a message of ours",
        "text_reply",
        [
            text(
                "Esse mesmo",
                reply_to="wamid.HBgNNTUxMTk1NTU1MDEwMBUCABEYEjlCRkQ0QzUwRTY1QTI0QkE5AA==",
            )
        ],
    ),
    Incoming(
        "a forwarded text",
        "text_forwarded",
        [text("Olha essa promoção", metadata={"forwarded": "true"}, reply_to="")],
    ),
    Incoming(
        "a text forwarded often",
        "text_forwarded_often",
        [text("Corrente", metadata={"forwarded": "true", "frequently_forwarded": "true"})],
    ),
    Incoming("a text from an ad", "text_from_ad", [text("Vi o anúncio")]),
    Incoming(
        "a question about a product",
        "text_about_product",
        [
            text(
                "Tem 42?",
                metadata={
                    "product_catalog_id": "194836987003835",
                    "product_retailer_id": "SKU-42",
                },
            )
        ],
    ),
    Incoming(
        "a customer with a username and no phone number",
        "text_without_phone",
        [
            text(
                "Sem número",
                sender=f"bsuid:{ANA_SCOPED}",
                metadata={"username": "@ana.souza"},
            )
        ],
    ),
    Incoming(
        "a scoped id where the phone number was",
        "text_bsuid_in_from",
        [text("Oi", sender=f"bsuid:{ANA_SCOPED}")],
    ),
    Incoming("a text from nobody", "text_no_sender", [Gives("")]),
    Incoming(
        "an image",
        "image",
        [gives({"image": {"media": {**MEDIA, "sha256": SHA}, "caption": "Chegou assim"}})],
    ),
    Incoming(
        "a video",
        "video",
        [gives({"video": {"media": media("1003383421387257", "video/mp4")}})],
    ),
    Incoming(
        "a document with a hostile name",
        "document",
        [
            gives(
                {
                    "document": {
                        "media": media("1003383421387258", "application/pdf"),
                        "filename": "../../etc/nota \u202efdp.exe",
                        "caption": "Comprovante",
                    }
                }
            )
        ],
    ),
    Incoming(
        "a voice note",
        "voice",
        [
            gives(
                {
                    "audio": {
                        "media": media("1003383421387259", "audio/ogg; codecs=opus"),
                        "voice": True,
                    }
                }
            )
        ],
    ),
    Incoming(
        "an audio file",
        "audio_file",
        [gives({"audio": {"media": media("1003383421387260", "audio/mpeg")}})],
    ),
    Incoming(
        "a sticker",
        "sticker",
        [
            gives(
                {
                    "sticker": {
                        "media": media("1003383421387261", "image/webp"),
                        "animated": True,
                    }
                }
            )
        ],
    ),
    Incoming(
        "a chosen place",
        "location",
        [
            gives(
                {
                    "location": {
                        "latitude": -23.5613,
                        "longitude": -46.6565,
                        "name": "MASP",
                        "address": "Av. Paulista, 1578",
                    }
                }
            )
        ],
    ),
    Incoming(
        "the current place",
        "location_current",
        [gives({"location": {"latitude": -23, "longitude": -46.6565}})],
    ),
    Incoming(
        "contact cards",
        "contacts",
        [
            gives(
                {
                    "contacts": {
                        "cards": [
                            {
                                "name": "João Lima",
                                "phones": ["+55 11 98888-0000"],
                                "emails": ["joao@example.com"],
                            },
                            {"name": "Só nome"},
                        ]
                    }
                }
            )
        ],
    ),
    Incoming(
        "a reaction",
        "reaction",
        [gives({"reaction": {"external_message_id": "wamid.TARGET", "emoji": "👍"}})],
    ),
    *(
        Incoming(f"a {name}", name, [gives({"reaction": {"external_message_id": "wamid.TARGET"}})])
        for name in ("reaction_removed", "reaction_emptied")
    ),
    Incoming(
        "a button pressed",
        "button_reply",
        [reply("button_reply", "pedido:sim", "Sim", reply_to="wamid.MENU")],
    ),
    Incoming(
        "a list row chosen",
        "list_reply",
        [reply("list_reply", "loja:2", "Loja Centro", "Rua A, 10")],
    ),
    Incoming(
        "a flow answered",
        "flow_reply",
        [reply("nfm_reply", '{"flow_token":"t","dia":"2026-01-02"}', "flow", "Sent")],
    ),
    Incoming(
        "a flow answered with no object",
        "flow_reply_not_an_object",
        [reply("nfm_reply", '"texto"', "flow", "Sent")],
    ),
    *(
        Incoming(f"a {name}", name, [reply("quick_reply", "NAO_QUERO", "Parar")])
        for name in ("quick_reply", "quick_reply_without_context")
    ),
    Incoming(
        "an order",
        "order",
        [
            unsupported(
                "order",
                metadata={
                    "order_catalog_id": "194836987003835",
                    "order_text": "Entregar à tarde",
                },
            )
        ],
    ),
    Incoming(
        "what Meta itself cannot pass on",
        "unsupported",
        [unsupported("poll", "131051 Message type unknown")],
    ),
    Incoming(
        "an edit",
        "edit",
        [
            unsupported(
                "edit",
                metadata={
                    "original_message_id": "wamid.ORIGINAL",
                    "edited_text": "Na verdade, sábado",
                },
            )
        ],
    ),
    Incoming(
        "a message deleted for everyone",
        "revoke",
        [unsupported("revoke", metadata={"original_message_id": "wamid.ORIGINAL"})],
    ),
    Incoming(
        "a changed number",
        "system_number_changed",
        [unsupported("system.user_changed_number")],
    ),
    Incoming(
        "a changed user id",
        "system_user_id_changed",
        [unsupported("system.user_changed_user_id")],
    ),
    Incoming(
        "an interactive message that Meta could not read",
        "interactive_with_error",
        [unsupported("interactive", "131000 Something went wrong")],
    ),
    Incoming("a first opening of the chat", "welcome", [unsupported("request_welcome")]),
    Incoming("a type of the future", "unknown_type", [unsupported("hologram")]),
    Incoming("a message in a group", "group_text", [Gives("other")]),
    Incoming(
        "a sent status",
        "status_sent",
        [status(Progress.SENT, opaque=OPAQUE, external_id="wamid.SENT1:sent:1767182401")],
    ),
    Incoming("a delivered status", "status_delivered", [status(Progress.DELIVERED, opaque=OPAQUE)]),
    Incoming("a read status", "status_read", [status(Progress.READ)]),
    Incoming("a played status", "status_played", [status(Progress.READ)]),
    Incoming("a failed status", "status_failed", [status(Progress.FAILED, "131047", OPAQUE)]),
    Incoming("a status of old", "status_deleted", [Gives("status")]),
    Incoming(
        "a status of each member of a group",
        "status_in_group",
        [
            status(Progress.READ, external_id=f"wamid.SENT1:read:1767182401:{ANA}"),
            status(Progress.READ, external_id="wamid.SENT1:read:1767182401:5511911112222"),
        ],
    ),
    Incoming(
        "a person of the business wrote on the phone",
        "echo",
        [
            Gives(
                "echo",
                {"text": {"text": "Aqui é o Carlos, da loja"}},
                sender=f"phone_number_id:{NUMBER}",
                recipient=f"wa_id:{ANA}",
            )
        ],
    ),
    Incoming(
        "a person of the business deleted it",
        "echo_revoke",
        [Gives("echo", {"unsupported": {"original_type": "revoke"}})],
    ),
    Incoming(
        "news of a template",
        "template_approved",
        [Gives("other", routing_id="", account_id=WABA)],
    ),
    Incoming("an error of the number", "value_errors", [Gives("other", routing_id=NUMBER)]),
    Incoming("what another app answers", "standby", [Gives("other")]),
    Incoming(
        "several accounts, numbers, messages and statuses in one post",
        "batch",
        [
            text("um", external_id="wamid.A"),
            text("dois", external_id="wamid.B", sender="wa_id:5521999990000"),
            Gives("", routing_id=NUMBER),
            Gives("", routing_id=NUMBER),
            status(Progress.SENT),
            Gives(""),
            text(
                "outro número",
                external_id="wamid.C",
                routing_id="206540352242922",
                recipient="phone_number_id:206540352242922",
            ),
            text(
                "outra conta",
                external_id="wamid.D",
                routing_id="306540352242922",
                account_id="202290129340398",
                recipient="phone_number_id:306540352242922",
            ),
            Gives("", account_id=""),
            Gives("", account_id="5"),
        ],
    ),
]
