"""The local model: reads out what the business wrote, covers a burst, invents nothing."""

from __future__ import annotations

import time
from typing import NamedTuple

import pytest

from services.kit.ai.base import Match, PromptPassage, PromptQuestion
from services.kit.ai.local import Local
from services.kit.ai.questions import questions_of
from services.kit.ai.texts import TEXTS
from tests.contracts.llm import NOISE, OPENING, REFUND, LLMContract, asked, prompt

PT, EN = TEXTS["pt"], TEXTS["en"]


class TestLocal(LLMContract):
    costs_tokens = False

    @pytest.fixture
    def llm(self) -> Local:
        return Local()


class Turn(NamedTuple):
    says: str
    messages: list[str]
    questions: tuple[PromptQuestion, ...]
    text: str
    answered: bool = True
    language: str = "pt-BR"


REFUNDED = asked("quando recebo o reembolso?", REFUND)
OPENED = asked("que horas abre?", OPENING)
LOST = PromptQuestion("Vocês vendem carros?")

TURNS = [
    Turn(
        "one question",
        [REFUNDED.text],
        (REFUNDED,),
        f"{REFUND.text}\n\nFonte: Trocas e devoluções",
    ),
    Turn(
        "one question in English",
        [REFUNDED.text],
        (REFUNDED,),
        f"{REFUND.text}\n\nSource: Trocas e devoluções",
        language="en",
    ),
    Turn(
        "two questions in a burst that begins with a greeting",
        ["oi", REFUNDED.text, OPENED.text, "obrigada"],
        (REFUNDED, OPENED),
        f"Olá! {REFUND.text}\n\n{OPENING.text}\n\n"
        "Fontes: Trocas e devoluções; Horário de atendimento",
    ),
    Turn(
        "two questions with one answer",
        [OPENED.text, "e até quando?"],
        (OPENED, asked("e até quando?", OPENING)),
        f"{OPENING.text}\n\nFonte: Horário de atendimento",
    ),
    Turn(
        "one question of two is not known",
        [OPENED.text, LOST.text],
        (OPENED, LOST),
        f"{OPENING.text}\n\nSobre “Vocês vendem carros?”, não encontrei a informação."
        "\n\nFonte: Horário de atendimento",
    ),
    Turn(
        "a remark beside a question that is like a passage only a little",
        ["comprei ontem", OPENED.text],
        (PromptQuestion("comprei ontem", (Match(REFUND.id, 0.35),)), OPENED),
        f"{OPENING.text}\n\nFonte: Horário de atendimento",
    ),
    Turn(
        "a remark beside a question that is a concern of its own",
        ["meu dinheiro não voltou", OPENED.text],
        (asked("meu dinheiro não voltou", REFUND), OPENED),
        f"{REFUND.text}\n\n{OPENING.text}\n\nFontes: Trocas e devoluções; Horário de atendimento",
    ),
    Turn(
        "a remark alone",
        ["meu dinheiro não voltou"],
        (PromptQuestion("meu dinheiro não voltou", (Match(REFUND.id, 0.35),)),),
        f"{REFUND.text}\n\nFonte: Trocas e devoluções",
    ),
    Turn(
        "a remark beside a question is not held against anybody",
        ["comprei ontem", OPENED.text],
        (PromptQuestion("comprei ontem"), OPENED),
        f"{OPENING.text}\n\nFonte: Horário de atendimento",
    ),
]

UNKNOWN = [
    Turn("nothing is known", ["Vocês vendem carros?"], (LOST,), PT.unknown, False),
    Turn("nothing is known, in English", ["Cars?"], (LOST,), EN.unknown, False, "en"),
    Turn(
        "what was found is too far away",
        ["Tem vaga?"],
        (PromptQuestion("Tem vaga?", (Match(NOISE.id, 0.22),)),),
        PT.unknown,
        False,
    ),
    Turn(
        "the match names a passage that is not there",
        ["Tem vaga?"],
        (PromptQuestion("Tem vaga?", (Match("gone", 0.9),)),),
        PT.unknown,
        False,
    ),
    Turn("a greeting", ["Oiii, tudo bem?"], (), PT.welcome),
    Turn("a greeting in English", ["Good morning!"], (), EN.welcome, language="en"),
    Turn("thanks", ["Muito obrigada!!", "👍"], (), PT.thanks),
    Turn("a thumbs up", ["👍"], (), PT.thanks),
    Turn("a farewell", ["valeu", "tchau"], (), PT.goodbye),
    Turn("a lone question mark", ["?"], (), PT.welcome),
]


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.says)
async def test_what_was_found_is_read_out_with_its_source(turn: Turn) -> None:
    completion = await Local().complete(
        prompt(*turn.messages, questions=turn.questions, language=turn.language)
    )
    assert completion.text == turn.text
    assert completion.answered is turn.answered


@pytest.mark.parametrize("turn", UNKNOWN, ids=lambda turn: turn.says)
async def test_what_was_not_found_is_not_known(turn: Turn) -> None:
    completion = await Local().complete(
        prompt(*turn.messages, passages=(NOISE,), questions=turn.questions, language=turn.language)
    )
    assert completion.text == turn.text
    assert completion.answered is turn.answered
    assert completion.citations == ()


async def test_a_question_in_pieces_is_answered_from_the_search_for_the_whole() -> None:
    pieces = tuple(map(PromptQuestion, ("quanto tempo", "demora", "o reembolso")))
    completion = await Local().complete(
        prompt(*(piece.text for piece in pieces), questions=pieces, passages=(NOISE, REFUND))
    )
    assert completion.citations == (REFUND.id,)
    assert PT.unknown_part.split("“")[0] not in completion.text


async def test_five_messages_of_a_burst_are_all_covered() -> None:
    passages = tuple(
        PromptPassage(f"p{number}", f"Título {number}", f"O fato número {number}.", 0.5)
        for number in range(5)
    )
    messages = [f"qual é o fato {number}?" for number in range(5)]
    questions = tuple(map(asked, messages, passages))
    completion = await Local().complete(prompt(*messages, passages=passages, questions=questions))
    assert all(passage.text in completion.text for passage in passages)
    assert completion.citations == tuple(passage.id for passage in passages)


async def test_it_takes_less_than_five_milliseconds() -> None:
    facts = "A troca leva 5 dias úteis e tem regras próprias. " * 20
    long = tuple(PromptPassage(f"p{number}", "Regras", facts, 0.5) for number in range(5))
    messages = [f"quanto tempo leva a troca {number}?" for number in range(5)]
    questions = tuple(map(asked, questions_of(messages), long))
    burst = prompt(*messages, passages=long, questions=questions)
    model = Local()
    times = []
    for _ in range(20):
        started = time.process_time()
        await model.complete(burst)
        times.append(time.process_time() - started)
    assert min(times) < 0.005
