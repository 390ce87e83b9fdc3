"""Cutting texts into passages: nothing is lost or too long, headings stay with their text."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.knowledge.indexing.chunking import (
    MAX_HEADING,
    MAX_LENGTH,
    MAX_OVERLAP,
    cut,
    pieces,
)

DEMO = Path(__file__).parents[2] / "services/demo/knowledge"

EXCHANGE = (
    "Posso trocar um produto? Sim, em até 30 dias depois da entrega, sem uso e com a etiqueta."
)
REFUND = "Quanto tempo demora o reembolso? O dinheiro volta em até 10 dias depois da devolução."
LONG = " ".join(f"Esta é a frase número {number}, que fala de entregas." for number in range(40))


def test_each_paragraph_is_a_passage() -> None:
    assert cut("FAQ", f"{EXCHANGE}\n\n{REFUND}") == [EXCHANGE, REFUND]


def test_a_passage_stands_under_its_headings() -> None:
    text = f"# Planos\n\n## Básico\n{EXCHANGE}\n\n## Completo\n\n{REFUND}\n\n# Fim\n{EXCHANGE}"
    assert cut("FAQ", text) == [
        f"# Planos\n## Básico\n{EXCHANGE}",
        f"# Planos\n## Completo\n{REFUND}",
        f"# Fim\n{EXCHANGE}",
    ]


def test_a_heading_that_repeats_the_title_is_left_out() -> None:
    assert cut("Trocas", f"# Trocas\n\n{EXCHANGE}") == [EXCHANGE]
    assert cut("Trocas", "# Trocas") == []


def test_a_heading_without_text_is_a_passage_of_its_own() -> None:
    assert cut("FAQ", "# Não abrimos aos domingos\n# Nem em feriados") == [
        "# Não abrimos aos domingos",
        "# Nem em feriados",
    ]


def test_a_question_stays_with_its_answer() -> None:
    question = (
        "Vocês trocam um produto que foi comprado com desconto na loja física de outra cidade?"
    )
    assert len(question) > 80
    assert cut("FAQ", f"{question}\n\n{REFUND}\n\n{EXCHANGE}") == [
        f"{question}\n\n{REFUND}",
        EXCHANGE,
    ]


def test_short_lines_are_joined() -> None:
    menu = "Pizzas\n\nMargherita: R$ 40\n\nCalabresa: R$ 42\n\nPortuguesa: R$ 45\n\nAtum: R$ 47"
    assert len(cut("Cardápio", menu)) < 3
    assert " ".join(" ".join(cut("Cardápio", menu)).split()) == " ".join(menu.split())


def test_a_long_line_is_a_paragraph_and_short_ones_are_one() -> None:
    long_line = EXCHANGE + " A peça precisa estar na embalagem original e com a nota."
    assert len(cut("FAQ", f"{long_line}\n{long_line}\n{long_line}")) == 3
    assert len(cut("FAQ", "\n".join(["uma linha de setenta caracteres, mais ou menos"] * 5))) == 1


def test_a_long_paragraph_is_cut_between_sentences_and_repeats_the_last() -> None:
    passages = cut("FAQ", LONG)
    assert len(passages) > 3
    for before, after in pairwise(passages):
        assert before.endswith(".")
        assert after.startswith(before.rpartition(". ")[2])


def test_a_paragraph_without_sentences_is_cut_between_words() -> None:
    words = [f"palavra{number}" for number in range(300)]
    passages = cut("FAQ", " ".join(words))
    assert " ".join(passages).split() == words


def test_a_text_without_spaces_is_cut_all_the_same() -> None:
    passages = cut("FAQ", "x" * 2_000)
    assert "".join(passages) == "x" * 2_000


@pytest.mark.parametrize("path", sorted(DEMO.glob("*.md")), ids=lambda path: path.stem)
def test_the_demo_texts_become_one_passage_per_paragraph(path: Path) -> None:
    text = path.read_text().strip()
    heading, *paragraphs = text.split("\n\n")
    assert cut(heading.removeprefix("# "), text) == paragraphs


TEXTS = st.text(
    st.sampled_from("aá ." + "?:\n\n#-") | st.characters(exclude_categories=["Cs"]), max_size=3_000
) | st.lists(
    st.sampled_from(
        ["# Título", "## Parte", "-", "Uma frase.", "Por quê?", "a" * 700, LONG, "", "\n"]
    )
).map("\n".join)


@given(TEXTS)
def test_nothing_is_lost_and_nothing_is_too_long(text: str) -> None:
    found = list(pieces(text))
    covered = bytearray(len(text))
    headings: set[str] = set()
    for piece in found:
        assert 0 <= piece.start <= piece.end <= len(text)
        assert piece.end - piece.start <= MAX_LENGTH
        assert all(len(heading) <= MAX_HEADING for heading in piece.headings)
        covered[piece.start : piece.end] = b"\1" * (piece.end - piece.start)
        headings.update(piece.headings)
    place = 0
    for line in text.split("\n"):
        if line.rstrip() not in headings:
            for offset, character in enumerate(line, place):
                assert covered[offset] or character.isspace(), (line, offset - place)
        place += len(line) + 1


@given(TEXTS)
def test_pieces_are_in_order_and_repeat_little(text: str) -> None:
    for before, after in pairwise(pieces(text)):
        assert before.start <= after.start
        assert before.end <= after.end
        assert before.end - after.start <= MAX_OVERLAP


@given(st.text(max_size=50), TEXTS)
def test_no_passage_is_blank(title: str, text: str) -> None:
    assert all(passage.strip() for passage in cut(title, text))
