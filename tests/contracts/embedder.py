"""What any embedder must do, whatever computes its vectors."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest

from services.kit.ai.base import Embedder

QUESTION = "Em quantos dias recebo o reembolso?"
ANSWER = "O reembolso é feito em até 7 dias depois da devolução."
OTHER = "A loja fica perto do metrô e tem estacionamento."


class EmbedderContract:
    """Subclasses provide the `embedder` fixture."""

    async def test_one_vector_of_unit_length_for_each_text(self, embedder: Embedder) -> None:
        vectors = await embedder.embed([QUESTION, ANSWER, OTHER])
        assert len(vectors) == 3
        for vector in vectors:
            assert vector.dtype == np.float32
            assert vector.shape == (embedder.dimensions,)
            assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-3)

    async def test_no_texts_no_vectors(self, embedder: Embedder) -> None:
        assert await embedder.embed([]) == []

    async def test_a_text_has_the_same_vector_alone_and_among_others(
        self, embedder: Embedder
    ) -> None:
        [alone] = await embedder.embed([QUESTION])
        among = await embedder.embed([OTHER, ANSWER * 30, QUESTION, OTHER])
        assert float(alone @ among[2]) == pytest.approx(1.0, abs=1e-3)

    async def test_an_answer_is_nearer_than_another_text(self, embedder: Embedder) -> None:
        question, answer, other = await embedder.embed([QUESTION, ANSWER, OTHER])
        assert question @ answer > question @ other + 0.1

    @pytest.mark.parametrize("text", ["", "   ", "\n", "👍", "\x00\u202e", "?" * 100])
    async def test_any_text_has_a_vector(self, embedder: Embedder, text: str) -> None:
        [vector] = await embedder.embed([text])
        assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-3)

    async def test_a_very_long_text_has_one_too(self, embedder: Embedder) -> None:
        [vector] = await embedder.embed([ANSWER * 5_000])
        assert vector.shape == (embedder.dimensions,)

    async def test_many_callers_get_their_own_vectors(self, embedder: Embedder) -> None:
        texts = [f"pergunta número {number} sobre entrega" for number in range(60)]
        apart = await asyncio.gather(*(embedder.embed([text]) for text in texts))
        together = await embedder.embed(texts)
        for [mine], same in zip(apart, together, strict=True):
            assert float(mine @ same) == pytest.approx(1.0, abs=1e-3)

    async def test_a_caller_that_gives_up_disturbs_nobody(self, embedder: Embedder) -> None:
        impatient = [asyncio.create_task(embedder.embed([OTHER] * 20)) for _ in range(5)]
        patient = asyncio.create_task(embedder.embed([QUESTION]))
        await asyncio.sleep(0)
        for task in impatient:
            task.cancel()
        [vector] = await patient
        [expected] = await embedder.embed([QUESTION])
        assert float(vector @ expected) == pytest.approx(1.0, abs=1e-3)

    async def test_the_loop_goes_on_while_it_embeds(self, embedder: Embedder) -> None:
        await embedder.warm()
        done = asyncio.create_task(embedder.embed([ANSWER * 3] * 40))
        turns = 0
        while not done.done():
            await asyncio.sleep(0.001)
            turns += 1
        assert turns >= 1
        await done

    async def test_closing_twice_is_fine(self, embedder: Embedder) -> None:
        await embedder.close()
        await embedder.close()
