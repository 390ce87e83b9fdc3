"""Which sentences of a passage are read out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.kit.ai.quoting import AT_MOST, quote, shorten

FAQ = """## Perguntas frequentes

- Posso trocar um produto? Sim. A troca é feita em até **30 dias** depois da entrega, \
com a etiqueta e na embalagem original.
- Quanto tempo demora o reembolso? O dinheiro volta em até 10 dias. Compras no cartão são \
estornadas na fatura.
- Vocês entregam no exterior? Não, entregamos somente no [Brasil](https://example.com/frete)."""

POLICY = (
    "A Loja Aurora foi fundada em 1998 por duas irmãs que amavam costura e viagens pelo interior. "
    "O prazo para trocar uma peça é de 30 dias. "
    "Durante muitos anos a loja ficou na mesma esquina, com a mesma vitrine azul e o mesmo piso. "
    "O frete custa R$ 19,90 para todo o país. "
    "Hoje a equipe tem quarenta pessoas, que cuidam de cada pedido com o mesmo carinho de sempre."
)

QUOTES = [
    ("a short passage whole", "Abrimos às 10h. Fechamos às 20h.", "que horas abre?", None),
    (
        "the answer below its own question",
        FAQ,
        "posso trocar?",
        "A troca é feita em até 30 dias depois da entrega, com a etiqueta e na embalagem original.",
    ),
    (
        "the whole of that answer",
        FAQ,
        "qual a política de reembolso?",
        "O dinheiro volta em até 10 dias. Compras no cartão são estornadas na fatura.",
    ),
    (
        "no markup and no addresses",
        FAQ,
        "entregam no Brasil?",
        "Não, entregamos somente no Brasil.",
    ),
    (
        "the sentence that shares the rarest words",
        POLICY,
        "quanto custa o frete?",
        "O frete custa R$ 19,90 para todo o país. Hoje a equipe tem quarenta pessoas, que cuidam "
        "de cada pedido com o mesmo carinho de sempre.",
    ),
]


@pytest.mark.parametrize(
    ("passage", "question", "expected"),
    [case[1:] for case in QUOTES],
    ids=[case[0] for case in QUOTES],
)
def test_what_is_quoted_is(passage: str, question: str, expected: str | None) -> None:
    assert quote(passage, [question]) == (expected or passage)


def test_two_questions_are_quoted_in_the_order_of_the_passage() -> None:
    both = quote(POLICY, ["quanto custa o frete?", "qual o prazo para trocar?"])
    assert both.index("30 dias") < both.index("R$ 19,90")


def test_a_passage_of_questions_only_is_better_than_nothing() -> None:
    assert quote("Posso trocar? Como?", ["trocar"]) == "Posso trocar? Como?"
    assert quote("# Trocas", ["trocar"]) == "Trocas"


@given(st.text(), st.lists(st.text(), max_size=3))
def test_a_quotation_is_bounded_and_only_empty_with_nothing_to_quote(
    passage: str, questions: list[str]
) -> None:
    found = quote(passage, questions)
    assert len(found) <= AT_MOST
    if any(char.isalnum() for char in passage):
        assert found.strip() or "](" in passage


@given(st.text(), st.integers(1, 50))
def test_a_shortened_text_fits(text: str, at_most: int) -> None:
    short = shorten(text, at_most)
    assert len(short) <= at_most
    assert short == text or len(text) > at_most


def test_it_is_shortened_at_a_sentence_or_else_at_a_word() -> None:
    assert shorten("Um dia. Dois dias. Três dias.", 20) == "Um dia. Dois dias."
    assert shorten("uma frase sem nenhum ponto", 16) == "uma frase sem…"
    assert shorten("R$ 1.000 é o preço de tudo", 12) == "R$ 1.000 é…"


def test_a_yes_to_the_passages_own_question_is_not_read_out() -> None:
    """Asked for bitcoin, "Sim, e pagando com Pix…" would say yes to bitcoin."""
    passage = "Vocês aceitam Pix? Sim, e pagando com Pix você ganha 5% de desconto."
    assert quote(passage, ["Vocês aceitam bitcoin?"]).startswith("Pagando com Pix")
    assert quote("Posso trocar? Sim. O prazo é de 30 dias.", ["posso trocar?"]).startswith(
        "O prazo"
    )
    assert quote("Simples assim: peça pelo site.", ["como peço?"]).startswith("Simples assim")
