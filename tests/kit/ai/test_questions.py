"""What a customer wants to know, out of the messages of one burst."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.ai.questions import (
    MAX_LENGTH,
    MAX_QUESTIONS,
    asks,
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
    (["Não serviu.", "e agora?"], ["Não serviu. e agora?"]),
    (["Comprei", "e não serviu", "posso trocar?"], ["Comprei e não serviu posso trocar?"]),
    (["Não serviu", "qual o prazo para trocar?"], ["Não serviu", "qual o prazo para trocar?"]),
    (["aceita pix?", "não serviu", "e agora?"], ["aceita pix?", "não serviu e agora?"]),
    (["quero trocar", "posso?"], ["quero trocar", "posso?"]),
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


@pytest.mark.parametrize(
    "question",
    [
        *("tem garantia?", "Qual o prazo", "e o que faço", "vocês aceitam pix", "cadê meu pedido"),
        *("quero trocar o tamanho", "até que horas atendem", "Comprei ontem. Como devolvo"),
        *("quando chega", "where are you", "I need help"),
    ],
)
def test_it_asks(question: str) -> None:
    assert asks(question)


@pytest.mark.parametrize(
    "remark",
    ["Comprei um vestido e não serviu.", "moro em Salvador", "quando comprei não vi", "pra chegar"],
)
def test_a_remark_does_not_ask(remark: str) -> None:
    assert not asks(remark)


@given(st.lists(st.text(max_size=2_000), max_size=30))
def test_what_is_searched_fits_one_request(messages: list[str]) -> None:
    searches = searches_of(questions_of(messages))
    assert len(searches) <= 20
    assert all(0 < len(search) <= 4_096 for search in searches)


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
