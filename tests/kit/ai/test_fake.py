"""The fakes keep the contracts too, so the services' tests may trust them."""

from __future__ import annotations

import pytest

from services.kit.ai.answers import MAX_ANSWER
from services.kit.ai.base import ProviderOverloaded, ProviderUnavailable
from services.kit.ai.fake import Behaviour, Fake, FakeEmbedder
from tests.contracts.embedder import EmbedderContract
from tests.contracts.llm import LLMContract, prompt


class TestFake(LLMContract):
    @pytest.fixture
    def llm(self) -> Fake:
        return Fake(Behaviour("O reembolso leva 7 dias [1]."))


class TestFakeEmbedder(EmbedderContract):
    @pytest.fixture
    def embedder(self) -> FakeEmbedder:
        return FakeEmbedder()


async def test_behaviours_come_in_order_and_the_last_one_stays() -> None:
    fake = Fake(Behaviour("um"), Behaviour(error=ProviderOverloaded(provider="x")), Behaviour("2"))
    assert (await fake.complete(prompt("a"))).text == "um"
    with pytest.raises(ProviderOverloaded):
        await fake.complete(prompt("b"))
    assert [(await fake.complete(prompt("c"))).text for _ in range(2)] == ["2", "2"]
    assert [sent.open[0] for sent in fake.prompts] == ["a", "b", "c", "c"]


async def test_an_empty_answer_is_no_answer() -> None:
    for text in ("", "  \n", "[1]", "\u200b", "![x](http://evil.example/?q=1)"):
        with pytest.raises(ProviderUnavailable):
            await Fake(Behaviour(text)).complete(prompt("oi"))


async def test_a_huge_answer_is_cut_at_a_sentence() -> None:
    completion = await Fake(Behaviour("Uma frase inteira. " * 5_000 + "[1]")).complete(prompt("oi"))
    assert len(completion.text) <= MAX_ANSWER
    assert completion.text.split("\n\n")[0].endswith("inteira.")
    assert completion.text.endswith("Fonte: Trocas e devoluções")


async def test_a_slow_answer_is_given_up_at_the_deadline() -> None:
    with pytest.raises(ProviderUnavailable):
        await Fake(Behaviour(delay=5)).complete(prompt("oi", deadline=0.01))
