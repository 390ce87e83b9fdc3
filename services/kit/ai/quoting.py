"""Which sentences of a passage to read out for a question. Pure rules, no model.

The search has already found the passage, so comparing words is enough, and costs microseconds.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from services.kit.ai.words import stems

AT_MOST = 420
"""Characters of one quotation."""
SHORT = 300
"""A passage up to this length is read out whole, unless it answers several questions."""
ENOUGH = 160
"""A sentence shorter than this takes the next one with it."""

_SENTENCE = re.compile(r"(?<=[.!?…])\s+(?=[\"“(]?[^\W\d_a-zà-ÿ]|\d)")
_MARKUP = re.compile(r"^\s*(?:[-*+•]|\d+[.)]|>)\s+|\*\*|__|`", re.MULTILINE)
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")


_YES = re.compile(r"^(?:sim|yes)\b[.,!:]?\s*(?:(?:e|and)\s+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Sentence:
    text: str
    heading: str
    """The question that it answers, where the passage asks one itself."""


def quote(passage: str, questions: Sequence[str]) -> str:
    """The part of the passage that says most about the questions, in the passage's own words."""
    sentences = _sentences(passage)
    whole = " ".join(sentence.text for sentence in sentences)
    if len(whole) <= SHORT and len({sentence.heading for sentence in sentences}) == 1:
        return whole
    chosen: set[int] = set()
    for question in questions:
        chosen |= _best(sentences, stems(question))
    return _cut(" ".join(sentences[place].text for place in sorted(chosen)), AT_MOST)


def shorten(text: str, at_most: int) -> str:
    """The text, or as many whole sentences of it as fit, or else a cut between two words."""
    if len(text) <= at_most:
        return text
    head = text[:at_most]
    end = max((match.end() for match in re.finditer(r"[.!?…](?=\s|$)", head)), default=0)
    return head[:end] if end > at_most // 2 else _cut(text, at_most)


def _cut(text: str, at_most: int) -> str:
    if len(text) <= at_most:
        return text
    return text[: at_most - 1].rsplit(" ", 1)[0].rstrip(" ,;:") + "…"


def _best(sentences: Sequence[_Sentence], wanted: frozenset[str]) -> set[int]:
    """The sentence that shares the rarest words with the question, and what belongs to it."""
    own = [stems(sentence.text) for sentence in sentences]
    headings = {heading: stems(heading) for heading in {each.heading for each in sentences}}
    named = [headings[sentence.heading] for sentence in sentences]
    frequency = Counter(stem for found in own for stem in found)

    def weight(place: int) -> float:
        shared = sum(1 / frequency[stem] for stem in own[place] & wanted)
        return shared + 2 * len(named[place] & wanted) / (len(named[place]) or 1)

    first = max(range(len(sentences)), key=lambda place: (round(weight(place), 6), -place))
    enough = ENOUGH
    if named[first] & wanted:
        # The passage asks the same question, so its answer is read from its beginning.
        enough = AT_MOST
        while first and sentences[first - 1].heading == sentences[first].heading:
            first -= 1
    taken = {first}
    length = len(sentences[first].text)
    for place in range(first + 1, len(sentences)):
        length += 1 + len(sentences[place].text)
        if sentences[place].heading != sentences[first].heading or length > enough:
            break
        taken.add(place)
    return taken


def _sentences(passage: str) -> list[_Sentence]:
    sentences: list[_Sentence] = []
    heading = title = ""
    for line in _plain(passage).split("\n"):
        if line.startswith("#"):
            heading = title = line.lstrip("# ").strip()
            continue
        for text in _SENTENCE.split(line.strip()):
            if text.endswith("?"):
                heading = text
            elif text and (said := _without_yes(text) if heading.endswith("?") else text):
                sentences.append(_Sentence(said, heading))
    if sentences:
        return sentences
    return [_Sentence(" ".join(_plain(passage).replace("#", " ").split()) or title, "")]


def _without_yes(text: str) -> str:
    """An answer without its "Sim": it says yes to the passage's question, not to the customer's."""
    rest = _YES.sub("", text)
    return rest[:1].upper() + rest[1:]


def _plain(passage: str) -> str:
    return _MARKUP.sub("", _LINK.sub(r"\1", passage))
