"""A passage's score: how near its meaning is to a query, and how many of the query's words it has.

Meaning finds "quando chega?" in a text about delivery. Words tell "prazo de entrega" from "prazo
para trocar", which are near each other in meaning. Pure rules, the same for every store.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from services.kit.ai.words import stems
from services.knowledge.stores.base import FoundPassage

CANDIDATES = 50
"""The passages nearest in meaning that are ranked by their words as well."""
WORDS = 0.4
"""The part of the score that words decide."""
_FEW = 20
_REMEMBERED = 4_096


def rank(
    query: str, nearest: Sequence[FoundPassage], *, limit: int, min_score: float
) -> list[FoundPassage]:
    """The best of the passages by meaning and words; what comes in is scored by meaning alone."""
    wanted = stems(query)
    said = [wanted & _words(f"{passage.title}\n{passage.text}") for passage in nearest]
    # In another language, or in quite other words, meaning alone can tell.
    part = WORDS if any(said) else 0.0
    # Among a handful of passages nothing is rare: they count as the few found of some more.
    count = max(len(said), _FEW)
    rarity = _rarity(wanted, said, count)
    # As if one word more were asked for and missing: a single shared word is no perfect match.
    whole = math.fsum(rarity.values()) + math.log(count + 1)
    ranked = []
    for passage, words in zip(nearest, said, strict=True):
        shared = math.fsum(rarity[word] for word in words)
        score = (1 - part) * passage.score + part * (shared / whole)
        if score >= min_score:
            ranked.append(replace(passage, score=score))
    return sorted(ranked, key=lambda passage: (-passage.score, passage.id))[:limit]


def _rarity(wanted: frozenset[str], said: Sequence[frozenset[str]], count: int) -> dict[str, float]:
    """What each word weighs: most where none of the passages has it, least where all do."""
    frequency = Counter(word for words in said for word in words)
    return {
        word: math.log1p((count - frequency[word] + 0.5) / (frequency[word] + 0.5))
        for word in wanted
    }


@lru_cache(_REMEMBERED)
def _words(text: str) -> frozenset[str]:
    # A passage is found again and again, and taking its words takes longer than all the rest.
    return stems(text)
