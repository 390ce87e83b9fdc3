"""What a customer wants to know, out of the messages of one burst."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.ai.questions import (
    MAX_LENGTH,
    MAX_QUESTIONS,
    courtesies_of,
    questions_of,
    searches_of,
)

BURSTS = [
    (["oi"], []),
    (["Oi, tudo bem?", "Boa tarde!!!"], []),
    (["muito obrigada!", "valeu 👍", "tchau tchau"], []),
    (["Good morning, how are you?"], []),
    (["👍", "?", "", "  "], []),
    (["oiii, vocês aceitam pix?"], ["vocês aceitam pix?"]),
    (["bom dia qual o prazo"], ["qual o prazo"]),
    (["boa noite gente, tudo bem? posso trocar?"], ["posso trocar?"]),
    (["Aceita Pix? E qual o prazo?"], ["Aceita Pix?", "E qual o prazo?"]),
    (["Comprei ontem. Posso trocar?"], ["Comprei ontem. Posso trocar?"]),
    (["Qual o prazo? Moro em Salvador."], ["Qual o prazo? Moro em Salvador."]),
    (["quanto tempo", "demora"], ["quanto tempo", "demora"]),
    (["primeira linha\nposso trocar?"], ["primeira linha posso trocar?"]),
    (["Quero o reembolso. Obrigado!"], ["Quero o reembolso."]),
    (["como vai funcionar a entrega?"], ["como vai funcionar a entrega?"]),
    (["bom preço?"], ["bom preço?"]),
    (["Олá? Сколько стоит?"], ["Олá?", "Сколько стоит?"]),
]


@pytest.mark.parametrize(("messages", "questions"), BURSTS)
def test_each_question_is_found(messages: list[str], questions: list[str]) -> None:
    assert list(questions_of(messages)) == questions


@pytest.mark.parametrize(
    ("message", "kinds"),
    [
        ("oi", {"hello"}),
        ("OPA!! boa tarde", {"hello"}),
        ("Oi, vocês aceitam Pix?", {"hello"}),
        ("brigadão", set()),
        ("muito obrigado pela ajuda", {"thanks"}),
        ("ok, valeu, até mais", {"thanks", "goodbye"}),
        ("vocês abrem de noite?", set()),
        ("thank you very much", {"thanks"}),
        ("quero boa noite", set()),
    ],
)
def test_courtesies_are_told_apart(message: str, kinds: set[str]) -> None:
    assert courtesies_of([message]) == kinds


@given(st.lists(st.text(max_size=60), max_size=30))
def test_any_burst_gives_a_few_questions_made_of_its_own_words(messages: list[str]) -> None:
    questions = questions_of(messages)
    assert len(questions) <= MAX_QUESTIONS
    said = {*"".join(messages), " "}
    for question in questions:
        assert question.strip()
        assert len(question) <= MAX_LENGTH
        assert set(question) <= said


def test_of_a_long_question_the_end_is_kept() -> None:
    [question] = questions_of(["Comprei uma blusa. " * 200 + "Posso trocar?"])
    assert len(question) <= MAX_LENGTH
    assert question.endswith("Posso trocar?")


def test_a_burst_is_searched_in_parts_and_as_a_whole() -> None:
    assert searches_of(()) == ()
    assert searches_of(("o prazo?",)) == ("o prazo?",)
    assert searches_of(("quanto tempo", "demora")) == (
        "quanto tempo",
        "demora",
        "quanto tempo demora",
    )


@given(st.text(alphabet="oi bom dia?!. vc", max_size=5_000))
def test_odd_text_takes_no_time(text: str) -> None:
    questions_of([text])
    courtesies_of([text])
