"""One answer per burst: handed on, superseded, generated, fenced, ended."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from malha.ingestion.v1.commands_pb2 import DeliverMessage
from malha.processing.v1.commands_pb2 import GenerateReply
from malha.processing.v1.events_pb2 import (
    MessageStatusChanged,
    ReplyGenerated,
    TurnFailed,
    TurnOpened,
)
from malha.processing.v1.turn_pb2 import TURN_STATUS_FAILED

from services.kit.ai.base import ProviderMisconfigured, ProviderUnavailable
from services.kit.ai.fake import Behaviour, Fake
from services.kit.errors import Unavailable
from services.kit.ids import new_id
from services.processing.buffering.model import Act
from tests.processing.stage import FAILED, SENT, START, Stage


async def test_five_messages_are_one_turn_and_one_answer(stage: Stage) -> None:
    texts = ["Oi!", "Comprei um vestido", "qual o prazo para trocar?", "e pix?", "até que horas?"]
    said = [await stage.say(text) for text in texts]
    delivery = await stage.reply()
    (turn,) = await stage.turns()
    assert (turn["status"], turn["flush_reason"]) == ("ready", "quiet")
    assert turn["correlation_id"] == said[-1].correlation_id
    assert [row["turn_id"] for row in await stage.messages()] == [turn["id"]] * 6
    (opened,) = await stage.emitted(TurnOpened)
    assert list(opened.turn.message_ids) == [one.message.id for one in said]
    assert delivery.turn_id == turn["id"]
    assert delivery.message.recipient.id == said[0].message.sender.id
    (prompt,) = stage.llm.prompts
    assert prompt.open == tuple(texts)
    (asked,) = [request for _, request in stage.peers.asked if hasattr(request, "queries")]
    assert "qual o prazo para trocar?" in asked.queries


async def test_a_buffer_is_not_handed_on_early_nor_twice(stage: Stage) -> None:
    await stage.say()
    stage.clock.pass_(seconds=2)
    early = await stage.attend()
    assert (early.act, early.due) == (Act.REST, START + timedelta(seconds=3))
    assert await stage.timer() == START + timedelta(seconds=13)
    stage.clock.pass_(seconds=1)
    acts = [attended.act for attended in await asyncio.gather(*(stage.attend() for _ in range(8)))]
    assert sorted(acts, key=lambda act: act.name) == [Act.OPEN] + [Act.REST] * 7
    assert len(await stage.turns()) == len(await stage.sent(GenerateReply)) == 1


async def test_the_answer_names_its_sources_and_model(stage: Stage) -> None:
    stage.llm = Fake(Behaviour("Em até 30 dias [1]."), name="fake:one")
    await stage.say("qual o prazo?")
    await stage.reply()
    (reply,) = await stage.messages("author = 'assistant'")
    assert list(reply["sources"]) == ["Trocas"]
    assert reply["status"] == "pending"
    (generated,) = await stage.emitted(ReplyGenerated)
    assert generated.turn.model == "fake:one"
    assert "Fonte: Trocas" in generated.message.message.content.text.text


async def test_a_redelivered_command_answers_once(stage: Stage) -> None:
    await stage.say()
    command = await stage.flush()
    await asyncio.gather(*(stage.generate(command) for _ in range(4)))
    await stage.generate(command)
    assert len(await stage.sent(DeliverMessage)) == 1
    assert len(await stage.messages("direction = 'outbound'")) == 1


async def test_a_message_meanwhile_joins_the_turn_and_the_older_result_is_dropped(
    stage: Stage,
) -> None:
    await stage.say("qual o prazo?")
    first = await stage.flush()
    await stage.say("da troca, digo")
    second = await stage.flush()
    assert (first.turn_id, second.attempt) == (second.turn_id, 2)
    await stage.generate(first)
    assert not await stage.messages("direction = 'outbound'")
    await stage.generate(second)
    (turn,) = await stage.turns()
    assert (turn["status"], turn["supersedes"], turn["attempt"]) == ("ready", 1, 2)
    assert stage.llm.prompts[-1].open == ("qual o prazo?", "da troca, digo")
    assert len((await stage.emitted(TurnOpened))[-1].turn.message_ids) == 2


async def test_an_answer_that_is_ready_but_not_claimed_is_held_back(stage: Stage) -> None:
    await stage.say("qual o prazo?")
    old = await stage.reply()
    await stage.say("e pix?")
    new = await stage.reply()
    claim = await stage.claim(old)
    assert (claim.granted, claim.reason) == (False, "SUPERSEDED")
    assert (await stage.claim(new)).granted
    held, live = await stage.messages("direction = 'outbound'")
    assert (held["status"], held["failure_reason"]) == ("cancelled", "SUPERSEDED")
    assert live["status"] == "pending"
    (changed,) = await stage.emitted(MessageStatusChanged)
    assert changed.message_id == held["id"]


async def test_after_two_supersedes_what_waits_is_held_until_the_turn_ends(stage: Stage) -> None:
    await stage.say("1")
    await stage.flush()
    for text in ("2", "3"):
        await stage.say(text)
        command = await stage.flush()
    await stage.say("4")
    stage.clock.pass_(seconds=3)
    held = await stage.attend()
    assert (held.act, held.due) == (Act.REST, None)
    assert await stage.timer() == stage.clock.now() + timedelta(seconds=5)
    await stage.generate(command)
    delivery = (await stage.sent(DeliverMessage))[-1]
    assert stage.llm.prompts[-1].open == ("1", "2", "3")
    assert (await stage.claim(delivery)).granted
    (woken,) = [
        place
        for place in await stage.timers.claim(stage.clock.now(), timedelta(seconds=1), 1000)
        if place.tenant_id == stage.tenant_id
    ]
    assert (await stage.attend(woken.conversation_id)).act is Act.OPEN
    first, second = await stage.turns()
    assert (first["status"], second["status"]) == ("sending", "generating")
    (waiting,) = await stage.messages(f"turn_id = '{second['id']}'")
    assert not waiting["waits"]


async def test_what_is_held_is_not_forgotten_when_the_turn_fails(stage: Stage) -> None:
    stage.settings.max_supersedes = 0
    await stage.say("1")
    await stage.flush()
    await stage.say("2")
    stage.clock.pass_(seconds=3)
    assert (await stage.attend()).act is Act.REST
    stage.clock.pass_(minutes=3)
    assert (await stage.attend()).act is Act.GIVE_UP
    delivery = (await stage.sent(DeliverMessage))[-1]
    await stage.claim(delivery)
    assert (await stage.attend()).act is Act.OPEN


async def test_after_the_claim_a_new_message_opens_a_new_turn(stage: Stage) -> None:
    await stage.say("1")
    delivery = await stage.reply()
    assert (await stage.claim(delivery)).granted
    assert (await stage.claim(delivery)).granted, "asking again grants again"
    await stage.say("2")
    await stage.flush()
    first, second = await stage.turns()
    assert (first["status"], second["status"]) == ("sending", "generating")
    assert (await stage.claim(delivery)).granted
    await stage.deliver((delivery.message.id, SENT), external_id="wamid.out")
    assert (await stage.turns())[0]["status"] == "done"
    assert not (await stage.claim(delivery)).granted


async def test_claim_and_supersede_at_once_never_send_an_older_answer(stage: Stage) -> None:
    for _ in range(10):
        await stage.say("1")
        delivery = await stage.reply()
        await stage.say("2")
        stage.clock.pass_(seconds=3)
        claim, attended = await asyncio.gather(stage.claim(delivery), stage.attend())
        if claim.granted:
            assert attended.act is Act.OPEN
            await stage.deliver((delivery.message.id, SENT))
        else:
            assert (claim.reason, attended.act) == ("SUPERSEDED", Act.SUPERSEDE)
        await stage.generate((await stage.sent(GenerateReply))[-1])
        last = (await stage.sent(DeliverMessage))[-1]
        assert (await stage.claim(last)).granted
        await stage.deliver((last.message.id, SENT))
    assert not await stage.messages("waits")
    assert not await stage.messages("direction = 'inbound' AND turn_id IS NULL")


async def test_a_model_that_is_away_is_asked_again_and_then_given_up(stage: Stage) -> None:
    stage.llm = Fake(Behaviour(error=ProviderUnavailable(provider="x", problem="down")))
    await stage.say()
    command = await stage.flush()
    with pytest.raises(Unavailable):
        await stage.generate(command)
    assert (await stage.turns())[0]["status"] == "generating"
    stage.clock.pass_(minutes=3)
    await stage.generate(command)
    await _assert_apologised_and_failed(stage, "PROVIDER_UNAVAILABLE")


async def test_a_failure_that_cannot_pass_is_given_up_at_once(stage: Stage) -> None:
    stage.llm = Fake(Behaviour(error=ProviderMisconfigured(provider="x", problem="key")))
    await stage.say()
    await stage.generate(await stage.flush())
    await _assert_apologised_and_failed(stage, "PROVIDER_MISCONFIGURED")


async def test_a_turn_nobody_hears_of_is_asked_again_then_given_up_by_the_timer(
    stage: Stage,
) -> None:
    await stage.say()
    command = await stage.flush()
    stage.clock.pass_(seconds=60)
    assert (await stage.attend()).act is Act.ASK_AGAIN
    assert (await stage.sent(GenerateReply))[-1] == command
    stage.clock.pass_(minutes=2)
    assert (await stage.attend()).act is Act.GIVE_UP
    await _assert_apologised_and_failed(stage, "NO_ANSWER_IN_TIME")


async def _assert_apologised_and_failed(stage: Stage, reason: str) -> None:
    delivery = (await stage.sent(DeliverMessage))[-1]
    assert "Desculpe" in delivery.message.content.text.text
    assert (await stage.claim(delivery)).granted
    await stage.deliver((delivery.message.id, SENT))
    (turn,) = await stage.turns()
    assert (turn["status"], turn["failure_reason"]) == ("failed", reason)
    (failed,) = await stage.emitted(TurnFailed)
    assert (failed.turn.status, failed.turn.failure_reason) == (TURN_STATUS_FAILED, reason)
    await stage.say("e agora?")
    await stage.flush()
    assert (await stage.turns())[-1]["status"] == "generating"


async def test_an_apology_gives_way_to_a_better_answer(stage: Stage) -> None:
    stage.llm = Fake(
        Behaviour(error=ProviderMisconfigured(provider="x", problem="key")), Behaviour("Sim.")
    )
    await stage.say("aceita pix?")
    apology = await stage.reply()
    await stage.say("??")
    answer = await stage.reply()
    assert not (await stage.claim(apology)).granted
    assert (await stage.claim(answer)).granted
    await stage.deliver((answer.message.id, SENT))
    (turn,) = await stage.turns()
    assert (turn["status"], turn["failure_reason"]) == ("done", "")


async def test_a_deleted_assistant_says_nothing_and_the_turn_fails(stage: Stage) -> None:
    await stage.say(assistant_id=new_id())
    await stage.generate(await stage.flush())
    (turn,) = await stage.turns()
    assert (turn["status"], turn["failure_reason"]) == ("failed", "ASSISTANT_NOT_FOUND")
    assert not await stage.sent(DeliverMessage)
    assert len(await stage.emitted(TurnFailed)) == 1


async def test_a_reply_without_news_is_delivered_again(stage: Stage) -> None:
    await stage.say()
    delivery = await stage.reply()
    stage.clock.pass_(seconds=60)
    assert (await stage.attend()).act is Act.ASK_AGAIN
    await stage.claim(delivery)
    stage.clock.pass_(seconds=60)
    assert (await stage.attend()).act is Act.DELIVER_AGAIN
    sent = await stage.sent(DeliverMessage)
    assert [one.message.id for one in sent] == [delivery.message.id] * 3
    assert sent[-1].message == delivery.message
    await stage.deliver((delivery.message.id, SENT))
    stage.clock.pass_(seconds=60)
    assert (await stage.attend()).act is Act.REST
    assert await stage.timer() is None


async def test_a_delivery_that_fails_before_the_claim_fails_the_turn(stage: Stage) -> None:
    await stage.say()
    delivery = await stage.reply()
    await stage.deliver((delivery.message.id, FAILED), reason="CONNECTION_PAUSED")
    (turn,) = await stage.turns()
    assert (turn["status"], turn["failure_reason"]) == ("failed", "CONNECTION_PAUSED")
    assert not (await stage.claim(delivery)).granted


async def test_long_conversations_are_summed_up(stage: Stage) -> None:
    for n in range(15):
        await stage.say(f"pergunta {n}")
        delivery = await stage.reply()
        await stage.claim(delivery)
        await stage.deliver((delivery.message.id, SENT))
    prompt = stage.llm.prompts[-1]
    assert len(prompt.turns) == 21
    assert prompt.open == ("pergunta 14",)
    assert prompt.summary.splitlines()[0] == "customer: pergunta 0"
    assert "assistant: Uma resposta." in prompt.summary


async def test_another_tenant_cannot_claim(stage: Stage) -> None:
    await stage.say()
    delivery = await stage.reply()
    other = Stage(stage.database, stage.cache, stage.timers, stage.limiter, new_id(), new_id())
    claim = await other.claim(delivery)
    assert (claim.granted, claim.reason) == (False, "TURN_ENDED")
    assert (await stage.messages("direction = 'outbound'"))[0]["status"] == "pending"
