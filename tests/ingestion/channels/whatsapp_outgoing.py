"""Messages to send by WhatsApp, what is posted, and what Meta's answers come to."""

from __future__ import annotations

from typing import Any

from malha.message.v1 import message_pb2 as m

from services.ingestion.channels.base import NotSent, OutcomeUnknown, Refused
from tests.contracts.channel import Outgoing
from tests.ingestion.channels.whatsapp_incoming import ANA, ANA_SCOPED


def to_ana(content: m.Content, **more: Any) -> m.Message:
    return m.Message(recipient=m.Party(id=ANA, kind="wa_id"), content=content, **more)


def say(words: str, **more: Any) -> m.Message:
    return to_ana(m.Content(text=m.Text(text=words)), **more)


def posts(type: str, body: Any, **more: Any) -> dict[str, Any]:
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": ANA,
        "type": type,
        type: body,
        "biz_opaque_callback_data": "given-along",
    } | more


LINK = m.Media(url="https://cdn.example.com/a.jpg")
SENT = "wamid.HBgNNTUxMTk4NzY1NDMyMRUCABEYEjdBM"


OUTGOING = [
    Outgoing(
        "a text",
        say("olá"),
        posts("text", {"body": "olá", "preview_url": False}),
        gives=SENT,
    ),
    Outgoing(
        "an answer to a message",
        say("sim", context=m.Context(reply_to_external_id="wamid.Q")),
        posts("text", {"body": "sim", "preview_url": False}, context={"message_id": "wamid.Q"}),
        gives=SENT,
    ),
    Outgoing(
        "a text to somebody without a phone number",
        m.Message(
            recipient=m.Party(id=ANA_SCOPED, kind="bsuid"),
            content=m.Content(text=m.Text(text="oi")),
        ),
        {
            "messaging_product": "whatsapp",
            "recipient_type": "individual",
            "recipient": ANA_SCOPED,
            "type": "text",
            "text": {"body": "oi", "preview_url": False},
            "biz_opaque_callback_data": "given-along",
        },
        gives=SENT,
    ),
    Outgoing(
        "a template",
        to_ana(
            m.Content(template=m.Template(name="pedido", language="pt_BR", parameters=["Ana", "7"]))
        ),
        posts(
            "template",
            {
                "name": "pedido",
                "language": {"code": "pt_BR"},
                "components": [
                    {
                        "type": "body",
                        "parameters": [
                            {"type": "text", "text": "Ana"},
                            {"type": "text", "text": "7"},
                        ],
                    }
                ],
            },
        ),
        gives=SENT,
    ),
    Outgoing(
        "an image",
        to_ana(m.Content(image=m.Image(media=LINK, caption="foto"))),
        posts("image", {"link": LINK.url, "caption": "foto"}),
        gives=SENT,
    ),
    Outgoing(
        "a video",
        to_ana(m.Content(video=m.Video(media=LINK))),
        posts("video", {"link": LINK.url}),
        gives=SENT,
    ),
    Outgoing(
        "an audio that Meta holds",
        to_ana(m.Content(audio=m.Audio(media=m.Media(external_id="77")))),
        posts("audio", {"id": "77"}),
        gives=SENT,
    ),
    Outgoing(
        "a document",
        to_ana(m.Content(document=m.Document(media=LINK, filename="a.pdf", caption="nota"))),
        posts("document", {"link": LINK.url, "caption": "nota", "filename": "a.pdf"}),
        gives=SENT,
    ),
    Outgoing(
        "a place",
        to_ana(m.Content(location=m.Location(latitude=1.5, longitude=-2, name="Loja"))),
        posts("location", {"latitude": 1.5, "longitude": -2.0, "name": "Loja"}),
        gives=SENT,
    ),
    Outgoing(
        "a reaction taken back",
        to_ana(m.Content(reaction=m.Reaction(external_message_id="wamid.Q"))),
        posts("reaction", {"message_id": "wamid.Q", "emoji": ""}),
        gives=SENT,
    ),
    Outgoing(
        "nothing but spaces",
        say("  \n"),
        fails=Refused,
        reason="CONTENT_NOT_SENDABLE",
        is_posted=False,
    ),
    Outgoing(
        "to somebody WhatsApp cannot reach",
        m.Message(
            recipient=m.Party(id="v1", kind="visitor"),
            content=m.Content(text=m.Text(text="oi")),
        ),
        fails=Refused,
        reason="RECIPIENT_UNREACHABLE",
        is_posted=False,
    ),
    Outgoing(
        "an image that is nowhere",
        to_ana(m.Content(image=m.Image())),
        fails=Refused,
        reason="MEDIA_MISSING",
        is_posted=False,
    ),
    Outgoing(
        "the pair limit",
        say("oi"),
        status=400,
        answer="answer_pair_limit",
        fails=NotSent,
        reason="131056",
    ),
    Outgoing(
        "the number's limit",
        say("oi"),
        status=429,
        answer="answer_rate_limit",
        headers={"Retry-After": "7"},
        fails=NotSent,
        reason="130429",
        retry_after=7.0,
    ),
    Outgoing(
        "a 429 without words",
        say("oi"),
        status=429,
        answer=b"",
        fails=NotSent,
        reason="HTTP_429",
    ),
    Outgoing(
        "outside the window",
        say("oi"),
        status=400,
        answer="answer_window_closed",
        fails=Refused,
        reason="131047",
    ),
    Outgoing(
        "an expired token",
        say("oi"),
        status=401,
        answer="answer_token_expired",
        fails=Refused,
        reason="190",
    ),
    Outgoing(
        "Meta says that it failed",
        say("oi"),
        status=500,
        answer="answer_unknown_error",
        fails=NotSent,
        reason="131000",
    ),
    Outgoing(
        "a gateway failed, nobody knows where",
        say("oi"),
        status=502,
        answer=b"<html>Bad Gateway</html>",
        fails=OutcomeUnknown,
        reason="HTTP_502",
    ),
    Outgoing(
        "no such path",
        say("oi"),
        status=404,
        answer=b"not found",
        fails=Refused,
        reason="HTTP_404",
    ),
    Outgoing(
        "a redirect is not followed",
        say("oi"),
        status=302,
        answer=b"",
        headers={"Location": "/elsewhere"},
        fails=Refused,
        reason="HTTP_302",
    ),
    Outgoing(
        "accepted, in words nobody can read",
        say("oi"),
        answer=b"[]",
        fails=OutcomeUnknown,
        reason="ANSWER_UNREADABLE",
    ),
    Outgoing("nobody there", say("oi"), behaves="is_away", fails=NotSent, reason="UNREACHABLE"),
]
