"""What a model is told: what was said now and long before, and what the business knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from malha.assistants.v1.assistant_pb2 import Assistant
from malha.knowledge.v1.search_service_pb2 import SearchPassagesResponse
from malha.message.v1.message_pb2 import Message

from services.kit.ai.base import (
    Match,
    Prompt,
    PromptMessage,
    PromptPassage,
    PromptQuestion,
)
from services.processing.words import words_of

VERBATIM = 20
"""Messages before the turn that a model reads word for word."""
SUMMARISED = 40
"""Messages before those, of which it reads the beginnings."""
_LINE = 140
_SUMMARY = 2_000
_ROLES: dict[str, Any] = {"customer": "customer", "assistant": "assistant"}


def conversation_prompt(
    rows: Sequence[Mapping[str, Any]], turn_id: str, assistant: Assistant
) -> Prompt:
    """A prompt that ends with the turn's messages. `rows` are what was said, oldest first."""
    mine = [row for row in rows if row["turn_id"] == turn_id and row["author"] == "customer"]
    before = [row for row in rows if row["turn_id"] != turn_id]
    recent, older = before[-VERBATIM:], before[:-VERBATIM]
    return Prompt(
        turns=tuple(map(_spoken, [*recent, *mine])),
        instructions=assistant.instructions,
        summary=_summary([_spoken(row) for row in older]),
        language=assistant.language or "pt-BR",
    )


def with_passages(
    prompt: Prompt, questions: Sequence[str], found: SearchPassagesResponse, min_score: float
) -> Prompt:
    """The prompt with what the search found for each of its questions.

    What was searched for beyond them (`searches_of`) adds passages and answers no question alone.
    """
    passages: dict[str, PromptPassage] = {}
    for result in found.results:
        for passage in result.passages:
            known = passages.get(passage.id)
            if known is None or known.score < passage.score:
                passages[passage.id] = PromptPassage(
                    passage.id, passage.title, passage.text, passage.score
                )
    return replace(
        prompt,
        passages=tuple(passages.values()),
        questions=tuple(
            PromptQuestion(
                question, tuple(Match(passage.id, passage.score) for passage in result.passages)
            )
            for question, result in zip(questions, found.results, strict=False)
        ),
        min_score=min_score or found.min_score or prompt.min_score,
    )


def titles_of(prompt: Prompt, citations: Sequence[str]) -> list[str]:
    """Titles of the documents that an answer rests on, each once."""
    titles = {passage.id: passage.title for passage in prompt.passages}
    return list(dict.fromkeys(titles[id] for id in citations if titles.get(id)))


def _spoken(row: Mapping[str, Any]) -> PromptMessage:
    role = _ROLES.get(row["author"], "person")
    return PromptMessage(role, words_of(Message.FromString(row["content"])))


def _summary(messages: Sequence[PromptMessage]) -> str:
    # The beginnings of what was said, the newest ones first to be kept: nothing is invented, and a
    # long conversation costs no more than a short one.
    lines: list[str] = []
    room = _SUMMARY
    for message in reversed(messages):
        text = " ".join(message.text.split())
        line = f"{message.role}: {text if len(text) <= _LINE else text[: _LINE - 1] + '…'}"
        room -= len(line) + 1
        if room < 0:
            break
        lines.append(line)
    return "\n".join(reversed(lines))
