"""Which models answer, for how long, and what becomes of those that nobody names any more."""

from __future__ import annotations

import asyncio

import pytest

from services.kit.ai import LLM, AISettings
from services.kit.ai.fake import Fake
from services.processing.turns import models as module
from services.processing.turns.models import Models
from tests.processing.stage import Stage


class Closable(Fake):
    closed = 0

    async def close(self) -> None:
        self.closed += 1


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Closable]:
    """Every chain that was opened; the first is the platform's."""
    chains: list[Closable] = []

    def open_llm(settings: AISettings) -> LLM:
        chains.append(Closable(name=",".join(settings.models)))
        return chains[-1]

    monkeypatch.setattr(module, "open_llm", open_llm)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    return chains


def chain(number: int) -> list[str]:
    return [f"openai:gpt-{number}"]


async def test_a_chain_that_was_pushed_out_is_closed_once_nobody_can_be_using_it(
    opened: list[Closable], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LONGEST_ANSWER", 0.05)
    models = Models(AISettings())
    for number in range(module._CHAINS + 1):
        models.of(chain(number))
    assert [one.closed for one in opened] == [0] * len(opened)
    await asyncio.sleep(0.1)
    assert [one.name for one in opened if one.closed] == ["openai:gpt-0"]
    assert models.of(chain(0)) is not opened[1], "opened again"


async def test_closing_leaves_no_chain_open(opened: list[Closable]) -> None:
    models = Models(AISettings())
    for number in range(module._CHAINS + 3):
        models.of(chain(number))
    await models.close()
    assert [one.closed for one in opened] == [1] * len(opened)


async def test_a_model_is_told_how_long_it_may_take(stage: Stage) -> None:
    await stage.say("qual o prazo?")
    await stage.reply()
    (prompt,) = stage.llm.prompts
    assert 0 < prompt.deadline <= stage.settings.model_seconds


async def test_a_burst_is_searched_as_a_whole_too(stage: Stage) -> None:
    for text in ("quanto tempo", "demora a entrega"):
        await stage.say(text)
    await stage.reply()
    (request,) = [request for _, request in stage.peers.asked if hasattr(request, "queries")]
    assert list(request.queries) == [
        "quanto tempo",
        "demora a entrega",
        "quanto tempo demora a entrega",
    ]
    (prompt,) = stage.llm.prompts
    assert [question.text for question in prompt.questions] == list(request.queries)[:2]
