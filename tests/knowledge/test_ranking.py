"""How meaning and words make one score. Pure rules."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.knowledge.stores.base import FoundPassage
from services.knowledge.stores.ranking import WORDS, rank


def found(text: str, score: float, title: str = "") -> FoundPassage:
    return FoundPassage(text, "document", title, text, score)


def best(query: str, *passages: FoundPassage) -> list[str]:
    return [one.text for one in rank(query, passages, limit=5, min_score=0.0)]


def test_rare_words_weigh_more_than_frequent_ones() -> None:
    delivery = [found(f"prazo de entrega {place}", 0.5) for place in "abcd"]
    exchange = found("troca de um produto", 0.5)
    assert best("prazo para trocar", *delivery, exchange)[0] == "troca de um produto"


def test_the_title_counts() -> None:
    ours, theirs = found("em 30 dias", 0.5, "Trocas"), found("em 4 dias", 0.5, "Entregas")
    assert best("trocar", theirs, ours)[0] == "em 30 dias"


def test_accents_case_and_endings_do_not_matter() -> None:
    assert best("devolucao", found("aaa", 0.4), found("DEVOLUÇÕES", 0.4))[0] == "DEVOLUÇÕES"


@pytest.mark.parametrize("query", ["", "?", "qual é o?", "What is it?", "выбор", "👍"])
def test_without_a_shared_word_meaning_alone_counts(query: str) -> None:
    near = [found("prazo de troca", 0.7), found("frete", 0.3)]
    assert rank(query, near, limit=5, min_score=0.0) == near


def test_one_shared_word_is_no_perfect_match() -> None:
    [one] = rank("trocar", [found("troca", 0.5)], limit=5, min_score=0.0)
    assert 0.5 * (1 - WORDS) < one.score < 0.5 * (1 - WORDS) + WORDS / 2


def test_no_more_than_asked_for_and_none_below_the_threshold() -> None:
    near = [found("a", 0.6), found("b", 0.5), found("c", 0.2)]
    assert [one.text for one in rank("", near, limit=1, min_score=0.3)] == ["a"]
    assert [one.text for one in rank("", near, limit=5, min_score=0.3)] == ["a", "b"]
    assert rank("a", [], limit=5, min_score=0.3) == []


@given(
    st.text(),
    st.lists(st.tuples(st.text(), st.floats(-1, 1, allow_nan=False)), max_size=60),
)
def test_a_score_is_never_above_one_and_never_below_what_meaning_leaves(
    query: str, given: list[tuple[str, float]]
) -> None:
    near = [found(text, score) for text, score in given]
    ranked = rank(query, near, limit=100, min_score=-1.0)
    assert len(ranked) == len(near)
    assert all(-1 <= one.score <= 1 and math.isfinite(one.score) for one in ranked)
