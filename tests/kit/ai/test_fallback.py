"""Several models as one: the next answers when the one before cannot."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from llmock.pytest_plugin import LLMock

from services.kit.ai import AISettings, open_llm
from services.kit.ai.base import (
    ProviderMisconfigured,
    ProviderOverloaded,
    ProviderRefused,
    ProviderUnavailable,
)
from services.kit.ai.breaker import Breaker
from services.kit.ai.fake import Behaviour, Fake
from services.kit.ai.fallback import Fallback
from services.kit.ai.local import Local
from services.kit.errors import AppError
from tests.contracts.llm import LLMContract, prompt

OVERLOADED = ProviderOverloaded(provider="a")
DOWN = ProviderUnavailable(provider="a", problem="status 503")
MISCONFIGURED = ProviderMisconfigured(provider="a", problem="status 401")
REFUSED = ProviderRefused(provider="a", problem="its content policy")


class TestFallback(LLMContract):
    @pytest.fixture
    def llm(self) -> Fallback:
        return Fallback(Fake(Behaviour(error=DOWN)), Fake(Behaviour("7 dias [1]")), Local())


class TestOfOne(LLMContract):
    costs_tokens = False

    @pytest.fixture
    def llm(self) -> Fallback:
        return Fallback(Local())


class TestAllProviders(LLMContract):
    """What a bare `OPENAI_API_KEY` and `ANTHROPIC_API_KEY` open."""

    @pytest.fixture
    async def llm(self, llmock: LLMock) -> AsyncIterator[Fallback]:
        model = open_llm(AISettings())
        assert isinstance(model, Fallback)
        yield model
        await model.close()


class Timer:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("error", [OVERLOADED, DOWN, MISCONFIGURED, REFUSED], ids=type)
async def test_the_next_one_answers(error: AppError) -> None:
    first, second = Fake(Behaviour(error=error)), Fake(Behaviour("sim"), name="second")
    completion = await Fallback(first, second).complete(prompt("oi"))
    assert (completion.text, completion.model) == ("sim", "second")


async def test_the_first_that_can_answers() -> None:
    first, second = Fake(), Fake()
    await Fallback(first, second).complete(prompt("oi"))
    assert second.prompts == []


async def test_a_provider_that_keeps_failing_is_left_alone_and_tried_again_later() -> None:
    timer = Timer()
    first = Fake(*[Behaviour(error=DOWN)] * 3, Behaviour("voltei"))
    model = Fallback(first, Fake(Behaviour("reserva")), breaker=Breaker, now=timer)
    answers = [(await model.complete(prompt("oi"))).text for _ in range(6)]
    assert answers == ["reserva"] * 6
    assert len(first.prompts) == 3
    timer.now += 30
    assert (await model.complete(prompt("oi"))).text == "voltei"


async def test_a_refusal_is_no_outage() -> None:
    first = Fake(Behaviour(error=REFUSED))
    model = Fallback(first, Fake())
    for _ in range(10):
        await model.complete(prompt("oi"))
    assert len(first.prompts) == 10


async def test_a_provider_that_hangs_leaves_time_for_the_next() -> None:
    model = Fallback(Fake(Behaviour(delay=60)), Fake(Behaviour(delay=60)), Fake(Behaviour("sim")))
    async with asyncio.timeout(2):
        assert (await model.complete(prompt("oi", deadline=0.2))).text == "sim"


async def test_giving_up_frees_the_trial() -> None:
    timer = Timer()
    first = Fake(*[Behaviour(error=DOWN)] * 3, Behaviour(delay=60), Behaviour("voltei"))
    model = Fallback(first, now=timer)
    for _ in range(3):
        with pytest.raises(ProviderUnavailable):
            await model.complete(prompt("oi"))
    timer.now += 30
    task = asyncio.create_task(model.complete(prompt("oi")))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await model.complete(prompt("oi"))).text == "voltei"


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ([OVERLOADED], ProviderOverloaded),
        ([REFUSED], ProviderRefused),
        ([MISCONFIGURED, REFUSED], ProviderRefused),
        ([REFUSED, DOWN], ProviderUnavailable),
        ([DOWN, MISCONFIGURED], ProviderUnavailable),
    ],
)
async def test_when_all_fail_it_says_whether_trying_again_may_help(
    errors: list[AppError], expected: type[AppError]
) -> None:
    model = Fallback(*(Fake(Behaviour(error=error)) for error in errors))
    with pytest.raises(expected) as failure:
        await model.complete(prompt("oi"))
    assert failure.value.retryable is any(error.retryable for error in errors)


async def test_it_says_when_to_try_again() -> None:
    timer = Timer()
    slow = ProviderOverloaded(provider="a", retry_after=40)
    model = Fallback(Fake(Behaviour(error=slow)), Fake(Behaviour(error=DOWN)), now=timer)
    for _ in range(3):
        with pytest.raises(ProviderUnavailable):
            await model.complete(prompt("oi"))
    with pytest.raises(ProviderUnavailable) as failure:
        await model.complete(prompt("oi"))
    assert failure.value.retry_after == 30


async def test_a_bug_is_not_hidden_by_the_next_model() -> None:
    class Broken(Fake):
        async def ask(self, prompt: object) -> None:  # type: ignore[override]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Fallback(Broken(), Local()).complete(prompt("oi"))


async def test_real_clients_wait_as_long_as_they_are_asked_to(llmock: LLMock) -> None:
    model = open_llm(AISettings())
    llmock.rate_limit(retry_after=60, provider="openai", times=None)
    answers = [await model.complete(prompt("oi")) for _ in range(5)]
    assert {answer.model for answer in answers} == {"anthropic:claude-sonnet-5"}
    assert [request.provider for request in llmock.requests] == ["openai"] + ["anthropic"] * 5
    llmock.assert_resilient()
    await model.close()


async def test_the_local_model_answers_when_the_network_is_down(llmock: LLMock) -> None:
    llmock.outage()
    model = open_llm(AISettings())
    assert (await model.complete(prompt("oi"))).model == "local"
    await model.close()
