"""The local embedder."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from services.kit.ai.sentence_encoder import SentenceEncoder
from tests.contracts.embedder import EmbedderContract


@pytest.fixture(scope="module")
def encoder() -> Iterator[SentenceEncoder]:
    encoder = SentenceEncoder()
    asyncio.run(encoder.warm())
    yield encoder
    asyncio.run(encoder.close())


class TestSentenceEncoder(EmbedderContract):
    @pytest.fixture
    def embedder(self, encoder: SentenceEncoder) -> SentenceEncoder:
        return encoder

    async def test_closing_twice_is_fine(self) -> None:  # type: ignore[override]
        encoder = SentenceEncoder()
        await encoder.warm()
        await encoder.close()
        await encoder.close()


async def test_languages_share_one_space(encoder: SentenceEncoder) -> None:
    portuguese, english, other = await encoder.embed(
        ["Qual é o prazo de entrega?", "How long does delivery take?", "A loja vende relógios."]
    )
    assert portuguese @ english > 2 * (portuguese @ other)


async def test_a_question_does_not_wait_for_a_whole_document(encoder: SentenceEncoder) -> None:
    document = asyncio.create_task(encoder.embed(["O prazo de entrega é de 5 dias. " * 30] * 20))
    await asyncio.sleep(0.01)
    started = time.perf_counter()
    await encoder.embed(["qual o prazo?"])
    waited = time.perf_counter() - started
    assert not document.done()
    started = time.perf_counter()
    await document
    assert waited < time.perf_counter() - started


async def test_a_failure_to_load_is_told_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> None:
        raise FileNotFoundError("weights.npz")

    with monkeypatch.context() as broken:
        broken.setattr("services.kit.ai.sentence_encoder._load", fail)
        encoder = SentenceEncoder()
        for _ in range(2):
            with pytest.raises(FileNotFoundError):
                await encoder.embed(["oi"])
        with pytest.raises(FileNotFoundError):
            await encoder.warm()
    assert len(await encoder.embed(["oi"])) == 1
    await encoder.close()
