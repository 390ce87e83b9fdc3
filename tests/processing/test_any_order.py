"""Whatever happens in whatever order, at once or twice: each message is in one turn, each turn has
one answer that covers it, and nothing waits for ever."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_ACTIVE, TENANT_STATUS_SUSPENDED
from malha.ingestion.v1.commands_pb2 import DeliverMessage
from malha.ingestion.v1.delivery_service_pb2 import DeliveryStatus
from malha.processing.v1.commands_pb2 import GenerateReply
from malha.processing.v1.conversation_pb2 import HANDLER_ASSISTANT, HANDLER_PERSON
from malha.processing.v1.events_pb2 import TurnOpened

from services.kit.ai.answers import Draft
from services.kit.ai.base import Prompt
from services.kit.ai.fake import Fake
from services.kit.ids import new_id
from tests.processing.stage import Stage

FATES = (
    DeliveryStatus.DELIVERY_STATUS_UNKNOWN,
    DeliveryStatus.DELIVERY_STATUS_SENT,
    DeliveryStatus.DELIVERY_STATUS_READ,
)

say = st.tuples(st.just("say"), st.just(0))
wait = st.tuples(st.just("wait"), st.sampled_from([1, 3, 3, 61]))
look = st.tuples(st.just("attend"), st.just(0))
# Any command that was ever sent may be delivered, again, late, or never; a process may die with it.
generate = st.tuples(
    st.sampled_from(["generate", "think", "finish", "die"]), st.sampled_from([0, 0, 1, 2])
)
deliver = st.tuples(st.just("claim"), st.integers(0, 3))
report = st.tuples(st.just("report"), st.integers(0, 5))
change = st.tuples(
    st.sampled_from(["take over", "hand back", "hand back", "suspend", "serve", "serve"]),
    st.just(0),
)
steps = st.lists(
    st.lists(st.one_of(say, say, wait, look, look, generate, generate, deliver, deliver, report,
                       change),
             min_size=1, max_size=4),
    max_size=30,
)  # fmt: skip


class Died(BaseException):
    """kill -9, as far as one process can tell."""


class Repeats(Fake):
    """Answers with what it was asked, so that an answer shows what it covers."""

    def __init__(self, *, dies: bool = False, thinks: asyncio.Event | None = None) -> None:
        super().__init__()
        self.dies = dies
        self.thinks = thinks

    async def ask(self, prompt: Prompt) -> Draft:
        if self.thinks:
            await self.thinks.wait()
        if self.dies:
            raise Died
        return Draft(f"|{'|'.join(prompt.open)}|", "repeats")


class Play:
    """A conversation to which anything may happen, and what the customer saw of it."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.said: dict[str, str] = {}
        self.granted: defaultdict[str, set[str]] = defaultdict(set)
        self.texts: dict[str, str] = {}
        self.left: set[str] = set()
        """Messages that the provider took: ingestion asks about them no more."""
        self.thinking: list[tuple[asyncio.Event, asyncio.Task[None]]] = []

    async def do(self, step: str, which: int) -> None:
        stage = self.stage
        if step == "say":
            words = f"m{len(self.said)}"
            message = stage.text(words)
            self.said[message.message.id] = words
            await stage.receive(message)
        elif step == "wait":
            stage.clock.pass_(seconds=which)
        elif not self.said or not await stage.rows("SELECT FROM processing.conversations"):
            return
        elif step == "attend":
            await stage.attend()
        elif step in ("generate", "die", "think"):
            command = _newest(await stage.sent(GenerateReply), which)
            if command and step == "think":
                thinks = asyncio.Event()
                task = asyncio.create_task(self._generate(command, Repeats(thinks=thinks)))
                self.thinking.append((thinks, task))
                await asyncio.sleep(0.01)
            elif command:
                await self._generate(command, Repeats(dies=step == "die"))
        elif step == "finish":
            await self.finish()
        elif step == "claim":
            delivery = _newest(await stage.sent(DeliverMessage), which)
            if delivery and delivery.message.id not in self.left:
                await self._claim(delivery)
        elif step == "report":
            message_id = _newest(self._claimed(), which // 3)
            if message_id:
                self.left.add(message_id)
                await stage.deliver((message_id, FATES[which % 3]))
        elif step in ("take over", "hand back"):
            person = step == "take over"
            await stage.update(handler=HANDLER_PERSON if person else HANDLER_ASSISTANT)
        elif step in ("suspend", "serve"):
            suspend = step == "suspend"
            await stage.become(TENANT_STATUS_SUSPENDED if suspend else TENANT_STATUS_ACTIVE)

    async def finish(self) -> None:
        """The models that were still thinking come to an end."""
        ended, self.thinking = self.thinking, []
        for thinks, _ in ended:
            thinks.set()
        await asyncio.gather(*(task for _, task in ended))

    async def end(self) -> None:
        """Let time pass with nothing going wrong any more."""
        stage = self.stage
        await self.finish()
        await self.do("serve", 0)
        await self.do("hand back", 0)
        for _ in range(20):
            stage.clock.pass_(seconds=61)
            await self.do("attend", 0)
            for command in (await stage.sent(GenerateReply))[-2:]:
                await self._generate(command, Repeats())
            for which in range(3):
                await self.do("claim", which)
            for id in self._claimed():
                self.left.add(id)
                await stage.deliver((id, DeliveryStatus.DELIVERY_STATUS_READ))
            if await stage.timer() is None:
                return
        raise AssertionError("something still waits")

    async def _claim(self, delivery: DeliverMessage) -> None:
        id, granted = delivery.message.id, self.granted[delivery.turn_id]
        claim = await self.stage.claim(delivery)
        if id in self.left:
            return
        if claim.granted:
            granted.add(id)
            self.texts[delivery.turn_id] = delivery.message.content.text.text
        else:
            # The provider kept it waiting, and now it does not leave.
            granted.discard(id)
            await self.stage.deliver(
                (id, DeliveryStatus.DELIVERY_STATUS_CANCELLED), reason=claim.reason
            )

    async def _generate(self, command: GenerateReply, model: Repeats) -> None:
        with suppress(Died):
            await self.stage.generate(command, model)

    def _claimed(self) -> list[str]:
        return [id for ids in self.granted.values() for id in ids]


def _newest(items: list[Any], which: int) -> Any:
    return items[-1 - which] if which < len(items) else None


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=steps)
@example(script=[[("say", 0)]] * 3)
@example(
    script=[
        [("say", 0)],
        [("wait", 3)],
        [("attend", 0)],
        [("think", 0)],
        [("say", 0)],
        [("wait", 3)],
        [("attend", 0)],
        [("finish", 0)],
        [("claim", 0)],
    ]
)
@example(
    script=[
        step
        for _ in range(4)
        for step in ([("say", 0)], [("wait", 3)], [("attend", 0)], [("generate", 0)])
    ]
)
@example(
    script=[
        [("say", 0)],
        [("wait", 3)],
        [("attend", 0)],
        [("generate", 0)],
        [("say", 0)],
        [("wait", 3)],
        [("attend", 0), ("claim", 0), ("claim", 0), ("say", 0)],
        [("generate", 0), ("generate", 1), ("attend", 0)],
        [("claim", 1), ("claim", 0)],
    ]
)
async def test_in_any_order(stage: Stage, script: list[list[tuple[str, int]]]) -> None:
    stage = Stage(stage.database, stage.cache, stage.timers, stage.limiter, new_id(), new_id())
    play = Play(stage)
    try:
        for together in script:
            await asyncio.gather(*(play.do(*step) for step in together))
        if play.said:
            await play.end()
            await _check(play)
    finally:
        await play.finish()
        await stage.forget()


async def _check(play: Play) -> None:
    stage = play.stage
    inbound = await stage.messages("direction = 'inbound'")
    assert {row["id"] for row in inbound} == set(play.said), "no message is lost or doubled"
    assert all(row["turn_id"] and not row["waits"] for row in inbound), "each is in one turn"

    turns = {turn["id"]: turn for turn in await stage.turns()}
    told: dict[str, str] = {}
    for opened in await stage.emitted(TurnOpened):
        for id in opened.turn.message_ids:
            before = turns[told.setdefault(id, opened.turn.id)]
            assert before["id"] == opened.turn.id or before["status"] == "cancelled", (
                "and never in another, unless that one never answered"
            )
            told[id] = opened.turn.id

    for turn in turns.values():
        if turn["status"] == "cancelled":
            assert not play.granted[turn["id"]], "nothing leaves after a person took over"
            assert not [row for row in inbound if row["turn_id"] == turn["id"]]
            continue
        assert len(play.granted[turn["id"]]) == 1, "one answer leaves for each turn"
        if turn["status"] == "failed":
            assert turn["failure_reason"] == "NO_ANSWER_IN_TIME"
            assert "Desculpe" in play.texts[turn["id"]], "or an apology, after minutes"
            continue
        assert turn["status"] == "done"
        covered = play.texts[turn["id"]].split("|")
        for row in inbound:
            if row["turn_id"] == turn["id"]:
                assert play.said[row["id"]] in covered, "it covers everything the customer said"
