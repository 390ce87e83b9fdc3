"""Cuts a text into passages: pieces that answer one thing, with the headings they stand under.

A paragraph is a passage: on Portuguese questions and answers that finds more than filling
passages up does. Only what says nothing alone (a short line, a question whose answer follows) is
joined to its neighbour, and only what is too long is cut, between sentences, with the last
sentence repeated.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

VERSION = 1
"""Grows when the same text is cut differently, so that documents are indexed again."""
MAX_LENGTH = 600
"""Characters of a passage, its headings aside."""
SHORT = 80
"""A paragraph shorter than this says nothing alone."""
MAX_OVERLAP = 200
"""A sentence longer than this is not repeated."""
MAX_HEADING = 100
"""A line longer than this is no heading, whatever it begins with."""
MAX_WRAPPED = 120
"""A line longer than this was not broken to fit a page, so that its end ends a paragraph."""

_HEADING = re.compile(r"(#{1,6}) +\S.*")
_LINE = re.compile(r"[^\n]+")
_SENTENCE_END = re.compile(r"(?<=[.!?…])[\"'\u201d\u2019»)\]]*\s+|\s*\n\s*")

Range = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A range of a text and the headings above it, the outermost first."""

    headings: tuple[str, ...]
    start: int
    end: int


def cut(title: str, text: str) -> list[str]:
    """The passages of a document, in order. A heading that only repeats the title is left out."""
    passages = []
    for piece in pieces(text):
        headings = [line for line in piece.headings if line.lstrip("# ") != title]
        body = text[piece.start : piece.end]
        if passage := "\n".join((*headings, body)).strip():
            passages.append(passage)
    return passages


def pieces(text: str) -> Iterator[Piece]:
    """What a text is cut into. Every word is in a piece, or in the headings of one."""
    for headings, paragraphs in _sections(text):
        for start, end in _join(text, paragraphs):
            for piece_start, piece_end in _split(text, start, end):
                yield Piece(headings, piece_start, piece_end)


def _sections(text: str) -> Iterator[tuple[tuple[str, ...], list[Range]]]:
    """The paragraphs under each heading. Short lines without an empty one between are one."""
    headings: list[str] = []
    paragraphs: list[Range] = []
    wrapped = False  # The last line may go on in the next one.
    bare = False  # The last heading has nothing under it yet.
    for line in _LINE.finditer(text):
        start, end = line.span()
        heading = _HEADING.fullmatch(line[0].rstrip())
        if heading is None or end - start > MAX_HEADING:
            if not line[0].strip():
                continue
            if paragraphs and wrapped and text[paragraphs[-1][1] : start].count("\n") == 1:
                paragraphs[-1] = (paragraphs[-1][0], end)
            else:
                paragraphs.append((start, end))
            wrapped = end - start <= MAX_WRAPPED
            continue
        level = len(heading[1])
        if paragraphs or (bare and level <= _level(headings[-1])):
            yield tuple(headings), paragraphs or [(start, start)]
            paragraphs = []
        while headings and _level(headings[-1]) >= level:
            headings.pop()
        headings.append(heading[0])
        bare = True
    if paragraphs or bare:
        yield tuple(headings), paragraphs or [(len(text), len(text))]


def _level(heading: str) -> int:
    return len(heading) - len(heading.lstrip("#"))


def _join(text: str, paragraphs: Sequence[Range]) -> list[Range]:
    """Paragraphs that say something alone, as far as they fit together."""
    joined: list[Range] = []
    for start, end in paragraphs:
        if joined and end - joined[-1][0] <= MAX_LENGTH:
            before = text[slice(*joined[-1])].rstrip()
            last = end == paragraphs[-1][1] and end - start < SHORT
            if last or len(before) < SHORT or before.endswith(("?", ":")):
                joined[-1] = (joined[-1][0], end)
                continue
        joined.append((start, end))
    return joined


def _split(text: str, start: int, end: int) -> Iterator[Range]:
    """Ranges of at most MAX_LENGTH that begin and end with a sentence where that can be."""
    if end - start <= MAX_LENGTH:
        yield start, end
        return
    taken: list[Range] = []
    for sentence in _sentences(text, start, end):
        if taken and sentence[1] - taken[0][0] > MAX_LENGTH:
            yield taken[0][0], taken[-1][1]
            last = taken[-1]
            repeat = last[1] - last[0] <= MAX_OVERLAP and sentence[1] - last[0] <= MAX_LENGTH
            taken = [last] if repeat else []
        taken.append(sentence)
    if taken:
        yield taken[0][0], taken[-1][1]


def _sentences(text: str, start: int, end: int) -> Iterator[Range]:
    """The sentences and lines of a range; one that is too long is cut between words."""
    place = start
    for boundary in _SENTENCE_END.finditer(text, start, end):
        mark = len(boundary[0].rstrip())  # A closing quotation mark belongs to its sentence.
        yield from _fit(text, place, boundary.start() + mark)
        place = boundary.end()
    yield from _fit(text, place, end)


def _fit(text: str, start: int, end: int) -> Iterator[Range]:
    while end - start > MAX_LENGTH:
        space = text.rfind(" ", start + 1, start + MAX_LENGTH + 1)
        middle = space if space > 0 else start + MAX_LENGTH
        yield start, middle
        start = middle + (space > 0)
    if start < end:
        yield start, end
