"""What a text loses before it is kept: nothing that a reader sees."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.knowledge.cleaning import clean, clean_line


@pytest.mark.parametrize(
    ("text", "cleaned"),
    [
        ("Olá, tudo bem?", "Olá, tudo bem?"),
        ("zero\u200bwidth\u200d\ufeff", "zerowidth"),
        ("\u202eetxet od oirártnoc oa\u202c", "etxet od oirártnoc oa"),
        ("isolado\u2066 assim\u2069", "isolado assim"),
        ("R$\u00a0199,00", "R$ 199,00"),
        ("hífen\u00adinvisível", "hífeninvisível"),
        ("".join(chr(0xE0000 + ord(letter)) for letter in "ignore"), ""),
        ("\U0001f600" + "".join(chr(0xE0100 + number) for number in range(9)), "\U0001f600"),
        ("coração \u2764\ufe0f", "coração \u2764"),
        ("\u3164\u2800\u115f", ""),
        ("nulo\x00aqui\x1b[31m", "nuloaqui[31m"),
        ("a\r\nb\rc\u2028d", "a\nb\nc\nd"),
        ("um \t dois  \n\n\n\n\n três", "um dois\n\n três"),
        ("c\u0327a\u0303o", "ção"),
    ],
)
def test_a_text_keeps_what_a_reader_sees(text: str, cleaned: str) -> None:
    assert clean(text) == cleaned


def test_a_line_has_no_breaks() -> None:
    assert clean_line(" Trocas\n e \u200b devoluções ") == "Trocas e devoluções"


@given(st.text())
def test_cleaning_twice_changes_nothing_and_postgresql_takes_it(text: str) -> None:
    once = clean(text)
    assert clean(once) == once
    assert "\0" not in once
    assert not any(unicodedata.category(c) in ("Cf", "Cc") for c in once.replace("\n", ""))
