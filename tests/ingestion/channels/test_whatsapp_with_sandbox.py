"""The adapter against the sandbox, which was written from Meta's documents and not from ours."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from services.ingestion.channels import CHANNELS
from services.ingestion.channels.base import (
    HTTP,
    NotSent,
    OutcomeUnknown,
    Progress,
    Refused,
    SendError,
    Webhook,
)
from services.ingestion.channels.whatsapp import WhatsAppConfig
from tests.contracts.channel import Outgoing
from tests.gateway_edge.sandbox.business import ACCOUNT, NUMBER, Meta
from tests.gateway_edge.sandbox.conftest import meta, receiver, settings
from tests.ingestion.channels.whatsapp_incoming import ANA
from tests.ingestion.channels.whatsapp_outgoing import OUTGOING, say

__all__ = ["meta", "receiver", "settings"]  # Fixtures, found here by their names.

WHATSAPP = CHANNELS["whatsapp"]
CONFIG = WhatsAppConfig.model_validate(
    {
        "phone_number_id": NUMBER,
        "waba_id": ACCOUNT,
        "app_secret": "an-app-secret",
        "verify_token": "a-verify-token",
        "access_token": "an-access-token",
    }
)


@pytest.fixture
async def http(meta: Meta) -> HTTP:
    """The sandbox, with the number registered under secrets of our own."""
    secrets = {"app_secret": "an-app-secret", "access_token": "an-access-token"}
    status, answer = await meta.register(**secrets)
    assert status in (200, 201), answer
    await meta.write()
    return HTTP(meta.http, f"{meta.base}/v26.0")


async def send(http: HTTP, case: Outgoing) -> str:
    return await WHATSAPP.send(case.message, CONFIG, http, opaque="given", deadline=0.2)


# The sandbox holds no such file; and Ana wrote by her phone number.
_NOT_HERE = ("an audio that Meta holds",)
ACCEPTED = [case for case in OUTGOING if case.gives and case.name not in _NOT_HERE]


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.name)
async def test_the_sandbox_takes_what_is_sent(http: HTTP, case: Outgoing) -> None:
    assert (await send(http, case)).startswith("wamid.")


@pytest.mark.parametrize(
    ("faults", "fails", "reason"),
    [
        ({"throttle": {"code": 429}}, NotSent, "4"),
        ({"throttle": {"code": 130429}}, NotSent, "130429"),
        ({"throttle": {"code": 131056}}, NotSent, "131056"),
        ({"error_500_times": 1}, NotSent, "131000"),
        ({"timeout_times": 1}, OutcomeUnknown, "NO_ANSWER"),
        ({"drop_after_accept_times": 1}, OutcomeUnknown, "NO_ANSWER"),
    ],
    ids=str,
)
async def test_its_faults_mean_what_they_say(
    http: HTTP, meta: Meta, faults: dict[str, object], fails: type[SendError], reason: str
) -> None:
    await meta.faults(**faults)
    with pytest.raises(fails, match=reason):
        await send(http, Outgoing("", say("oi")))
    assert await send(http, Outgoing("", say("oi")))


async def test_a_wrong_token_is_refused(http: HTTP) -> None:
    wrong = WhatsAppConfig.model_validate(
        {
            "phone_number_id": NUMBER,
            "waba_id": ACCOUNT,
            "app_secret": "x",
            "verify_token": "x",
            "access_token": "wrong",
        }
    )
    with pytest.raises(Refused, match="190"):
        await WHATSAPP.send(say("oi"), wrong, http, opaque="x", deadline=1)
    assert await WHATSAPP.account_name(wrong, http, deadline=1) == ""
    assert await WHATSAPP.account_name(CONFIG, http, deadline=1) != ""


async def test_every_webhook_it_posts_is_genuine_and_read(http: HTTP, meta: Meta) -> None:
    external_id = await send(http, Outgoing("", say("oi")))
    async with asyncio.timeout(5):
        while len(meta.receiver.statuses) < 3:
            await asyncio.sleep(0.01)
    kinds, reported = [], []
    for received in meta.receiver.received:
        headers = {name.lower(): value for name, value in received.headers.items()}
        WHATSAPP.verify(Webhook(received.body, headers), CONFIG)
        for item in WHATSAPP.split(orjson.loads(received.body)):
            kinds.append(item.kind)
            assert (item.routing_id, item.account_id) == (NUMBER, ACCOUNT)
            if item.kind == "message":
                assert WHATSAPP.receive(item).message.sender.id == ANA
            if item.kind == "status" and (update := WHATSAPP.status(item)) is not None:
                assert (update.external_id, update.opaque) == (external_id, "given")
                reported.append(update.status)
    assert set(kinds) == {"message", "status"}
    assert sorted(reported) == sorted([Progress.SENT, Progress.DELIVERED, Progress.READ])
