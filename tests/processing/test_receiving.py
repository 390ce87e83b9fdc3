"""What comes in is stored once, in its conversation, and restarts the quiet time."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
from malha.message.v1.message_pb2 import (
    MESSAGE_TYPE_AUDIO,
    MESSAGE_TYPE_IMAGE,
    MESSAGE_TYPE_REACTION,
    Audio,
    Content,
    Image,
    Party,
    Reaction,
)
from malha.processing.v1.events_pb2 import ConversationOpened, MessageReceived

from services.kit.errors import Unavailable
from services.kit.ids import new_id
from services.processing.timers import Place
from tests.processing.stage import START, Stage

CUSTOMER = Party(id="5511987654321", kind="wa_id")


async def test_a_first_message_opens_a_conversation(stage: Stage) -> None:
    said = await stage.say("oi")
    conversation = await stage.conversation()
    assert conversation["status"] == "open"
    assert conversation["handler"] == "assistant"
    (message,) = await stage.messages()
    assert message["id"] == said.message.id
    assert message["status"] == "received"
    assert message["waits"]
    (opened,) = await stage.emitted(ConversationOpened)
    assert opened.conversation.participant.identifier == CUSTOMER.id
    (received,) = await stage.emitted(MessageReceived)
    assert received.message.message.conversation_id == conversation["id"]
    assert await stage.timer() == START + timedelta(seconds=13)


async def test_a_message_redelivered_by_bus_or_provider_is_stored_once(stage: Stage) -> None:
    message = stage.text("oi", external_id="wamid.1")
    again = stage.text("oi", external_id="wamid.1")
    await asyncio.gather(*(stage.receive(m) for m in (message, message, again, again)))
    await stage.receive(again)
    assert len(await stage.messages()) == 1
    assert len(await stage.emitted(MessageReceived)) == 1


async def test_an_album_of_a_new_customer_is_one_person_and_one_conversation(stage: Stage) -> None:
    await asyncio.gather(*(stage.say(f"foto {n}") for n in range(10)))
    assert len(await stage.messages()) == 10
    assert len(await stage.rows("SELECT * FROM processing.participants")) == 1
    assert len(await stage.rows("SELECT * FROM processing.conversations")) == 1
    assert len(await stage.emitted(ConversationOpened)) == 1


async def test_batches_with_the_same_people_in_any_order_do_not_block_each_other(
    stage: Stage,
) -> None:
    people = [f"55119000000{n:02}" for n in range(12)]
    batches = [[stage.text(sender=p) for p in people] for _ in range(4)]
    for n, batch in enumerate(batches):
        batch.reverse() if n % 2 else None
    await asyncio.gather(*(stage.receive(*batch) for batch in batches))
    assert len(await stage.messages()) == 48


async def test_each_message_restarts_the_quiet_time_up_to_the_longest_wait(stage: Stage) -> None:
    dues = []
    for _ in range(6):
        await stage.say()
        (buffer,) = await stage.rows("SELECT * FROM processing.buffers")
        dues.append((buffer["due_time"] - START).total_seconds())
        stage.clock.pass_(seconds=2.5)
    assert dues == [3, 5.5, 8, 10.5, 12, 12]
    assert buffer["flush_reason"] == "max_wait"


async def test_the_waiting_messages_are_in_valkey_too(stage: Stage) -> None:
    said = [await stage.say(), await stage.say()]
    place = Place(stage.tenant_id, stage.workspace_id, (await stage.conversation())["id"])
    client = stage.timers._client
    ids: list[bytes] = await cast(Any, client.lrange(place.buffer, 0, -1))
    assert [id.decode() for id in ids] == [one.message.id for one in said]
    assert 290 < await client.ttl(place.buffer) <= 300


@pytest.mark.parametrize("first", ["wa_id", "bsuid"])
async def test_two_identifiers_in_one_payload_are_one_person(stage: Stage, first: str) -> None:
    names = {"wa_id": CUSTOMER.id, "bsuid": "BR.13491208655302741918"}
    alone = Party(id=names[first], kind=first)
    both = Party(id=CUSTOMER.id, kind="wa_id", aliases={"bsuid": names["bsuid"]})
    for party in (alone, both, Party(id=names["bsuid"], kind="bsuid")):
        await stage.receive(stage.inbound(stage.text().message.content, 1, party))
    assert len(await stage.rows("SELECT * FROM processing.participants")) == 1
    assert len(await stage.rows("SELECT * FROM processing.conversations")) == 1


async def test_two_known_people_become_one_and_one_burst_stays_one(stage: Stage) -> None:
    words = stage.text().message.content
    by_phone = Party(id=CUSTOMER.id, kind="wa_id")
    by_scoped_id = Party(id="BR.1349", kind="bsuid")
    both = Party(id="BR.1349", kind="bsuid", aliases={"wa_id": CUSTOMER.id})
    await stage.receive(stage.inbound(words, 1, by_phone))
    await stage.receive(stage.inbound(words, 1, by_scoped_id))
    assert len(await stage.rows("SELECT * FROM processing.conversations")) == 2
    await stage.receive(stage.inbound(words, 1, both))
    older, newer = await stage.rows("SELECT * FROM processing.participants ORDER BY id")
    assert newer["merged_into"] == older["id"]
    identities = await stage.rows("SELECT * FROM processing.identities")
    assert {row["participant_id"] for row in identities} == {older["id"]}
    open_, ended = sorted(
        await stage.rows("SELECT * FROM processing.conversations"), key=lambda row: row["status"]
    )
    assert (open_["status"], ended["status"]) == ("open", "resolved")
    assert {row["conversation_id"] for row in await stage.messages()} == {open_["id"]}
    assert [
        row["conversation_id"] for row in await stage.rows("SELECT * FROM processing.buffers")
    ] == [open_["id"]]


async def test_the_same_person_at_two_tenants_never_mixes(stage: Stage) -> None:
    other = Stage(stage.database, stage.cache, stage.timers, stage.limiter, new_id(), new_id())
    other.connection_id = stage.connection_id
    same = "wamid.same"
    await asyncio.gather(
        stage.say("meu CPF", external_id=same), other.say("que horas abre?", external_id=same)
    )
    assert len(await stage.messages()) == len(await other.messages()) == 1
    assert (await stage.conversation())["id"] != (await other.conversation())["id"]
    await other.forget()


async def test_a_resolved_conversation_opens_again_with_its_assistant(stage: Stage) -> None:
    await stage.say()
    await stage.rows(
        "UPDATE processing.conversations SET status = 'resolved', handler = 'person' RETURNING id"
    )
    await stage.say("mais uma coisa")
    conversation = await stage.conversation()
    assert conversation["status"] == "open"
    assert conversation["handler"] == "assistant"
    assert len(await stage.emitted(ConversationOpened)) == 2


async def test_a_late_message_is_stored_and_answered_with_the_next_one_only(stage: Stage) -> None:
    await stage.say("ontem", written=START - timedelta(hours=3))
    assert not await stage.rows("SELECT * FROM processing.buffers")
    await stage.say("oi?")
    await stage.flush()
    (turn,) = await stage.turns()
    assert {row["turn_id"] for row in await stage.messages()} == {turn["id"]}


async def test_a_reaction_is_stored_and_never_answered(stage: Stage) -> None:
    content = Content(reaction=Reaction(external_message_id="wamid.0", emoji="👍"))
    await stage.receive(stage.inbound(content, MESSAGE_TYPE_REACTION, CUSTOMER))
    (message,) = await stage.messages()
    assert not message["waits"]
    assert not await stage.rows("SELECT * FROM processing.buffers")
    assert await stage.timer() is None


async def test_a_voice_triggers_and_a_picture_without_words_waits(stage: Stage) -> None:
    await stage.receive(stage.inbound(Content(image=Image()), MESSAGE_TYPE_IMAGE, CUSTOMER))
    assert not await stage.rows("SELECT * FROM processing.buffers")
    await stage.receive(
        stage.inbound(Content(audio=Audio(voice=True)), MESSAGE_TYPE_AUDIO, CUSTOMER)
    )
    assert await stage.rows("SELECT * FROM processing.buffers")
    assert all(row["waits"] for row in await stage.messages())


async def test_an_echo_hands_over_to_the_person_who_wrote_it(stage: Stage) -> None:
    await stage.say("alguém aí?")
    delivery = await stage.reply()
    await stage.say("oi?")
    await stage.receive(stage.text("Oi, aqui é a Marta", echo=True))
    assert (await stage.conversation())["handler"] == "person"
    (turn,) = await stage.turns()
    assert (turn["status"], turn["failure_reason"]) == ("cancelled", "PERSON_TOOK_OVER")
    assert not await stage.messages("waits")
    claim = await stage.claim(delivery)
    assert (claim.granted, claim.reason) == (False, "PERSON_TOOK_OVER")
    await stage.say("obrigado")
    stage.clock.pass_(minutes=2)
    await stage.attend()
    assert len(await stage.turns()) == 1
    echo = (await stage.messages("author = 'person'"))[0]
    assert (echo["direction"], echo["status"]) == ("outbound", "sent")
    assert await stage.timer() is None


async def test_without_an_assistant_people_answer(stage: Stage) -> None:
    await stage.say(assistant_id="")
    conversation = await stage.conversation()
    assert (conversation["assistant_id"], conversation["handler"]) == (None, "person")
    assert not await stage.messages("waits")
    await stage.say("e agora?")
    assert (await stage.conversation())["handler"] == "assistant"
    assert len(await stage.messages("waits")) == 1


async def test_a_connection_that_loses_its_assistant_leaves_what_waits_to_people(
    stage: Stage,
) -> None:
    await stage.say()
    await stage.say(assistant_id="")
    stage.clock.pass_(seconds=3)
    await stage.attend()
    assert not await stage.turns()
    assert not await stage.messages("waits")


async def test_messages_are_taken_while_the_assistants_service_is_down(stage: Stage) -> None:
    async def down(_request: object) -> None:
        raise Unavailable

    stage.peers.answers["AssistantService.GetAssistant"] = down
    await stage.say()
    (buffer,) = await stage.rows("SELECT * FROM processing.buffers")
    assert buffer["due_time"] == START + stage.settings.quiet_time


async def test_a_message_costs_one_statement(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    from services.kit.db import Transaction

    await stage.say()
    asked = []
    for name in ("one", "maybe", "all", "value", "run"):
        original = getattr(Transaction, name)

        async def count(self, query, *args, _original=original, **more):  # type: ignore[no-untyped-def]
            asked.append(query)
            return await _original(self, query, *args, **more)

        monkeypatch.setattr(Transaction, name, count)
    await stage.receive(*(stage.text() for _ in range(5)))
    assert len(asked) == 5
    asked.clear()
    stage.clock.pass_(seconds=3)
    await stage.attend((await stage.rows("SELECT id FROM processing.conversations"))[0]["id"])
    assert len(asked) == 1 + 3
