"""The model that needs no key and no network: it reads out what the business wrote.

It invents nothing. What the search did not find, it does not know.
"""

from __future__ import annotations

from services.kit.ai.answers import clean, signed
from services.kit.ai.base import LLM, Completion, Prompt, PromptPassage, PromptQuestion
from services.kit.ai.questions import Courtesy, asks, courtesies_of, questions_of
from services.kit.ai.quoting import quote, shorten
from services.kit.ai.texts import Texts, texts_for

SURE = 1.5
"""Times the prompt's `min_score`: what a remark beside a question needs to be answered itself."""
MAX_QUESTION = 80
"""Characters of a question that is repeated to the customer."""


class Local(LLM):
    """Quotes the best passage for each question, or says that it does not know."""

    name = "local"

    async def complete(self, prompt: Prompt) -> Completion:
        texts = texts_for(prompt.language)
        questions = prompt.questions or tuple(map(PromptQuestion, questions_of(prompt.open)))
        found, unknown = _best_passages(prompt, questions)
        parts = [
            clean(quote(passage.text, [question.text for question in asked]))
            for passage, asked in found
        ]
        courtesies = courtesies_of(prompt.open)
        if parts:
            parts += [
                texts.unknown_part.format(question=shorten(clean(question.text), MAX_QUESTION))
                for question in unknown
                if "?" in question.text
            ]
            if "hello" in courtesies:
                parts[0] = f"{texts.hello} {parts[0]}"
        elif questions:
            parts = [texts.unknown]
        else:
            parts = [_courtesy(courtesies, prompt.open, texts)]
        used = [passage for passage, _ in found]
        return Completion(
            text=signed("\n\n".join(parts), used, prompt.language),
            citations=tuple(passage.id for passage in used),
            model=self.name,
            input_tokens=0,
            output_tokens=0,
            answered=bool(found) or not questions,
        )


def _best_passages(
    prompt: Prompt, questions: tuple[PromptQuestion, ...]
) -> tuple[list[tuple[PromptPassage, list[PromptQuestion]]], list[PromptQuestion]]:
    """Each passage to read out with what it answers, in the questions' order; the rest."""
    passages = {passage.id: passage for passage in prompt.passages if clean(passage.text)}
    asked = [asks(question.text) for question in questions]
    found: dict[str, list[PromptQuestion]] = {}
    unknown: list[PromptQuestion] = []
    for question, is_asked in zip(questions, asked, strict=True):
        # "Comprei um vestido." is like many passages a little, and none of them was asked for.
        remark = not is_asked and any(asked)
        enough = prompt.min_score * (SURE if remark else 1)
        near = [
            match
            for match in question.matches
            if match.score >= enough and match.passage_id in passages
        ]
        if near:
            best = max(near, key=lambda match: match.score)
            found.setdefault(best.passage_id, []).append(question)
        else:
            unknown.append(question)
    whole = next((passage.id for passage in prompt.relevant if passage.id in passages), None)
    if whole and questions and not found:
        # A question in pieces ("quanto tempo", "demora", "a entrega") is found as a whole only.
        found, unknown = {whole: list(questions)}, []
    return [(passages[id], answered) for id, answered in found.items()], unknown


def _courtesy(courtesies: frozenset[Courtesy], messages: tuple[str, ...], texts: Texts) -> str:
    if "goodbye" in courtesies:
        return texts.goodbye
    # A thumbs up thanks as well; a lone "?" asks to be asked.
    if "thanks" in courtesies or not (courtesies or "?" in "".join(messages)):
        return texts.thanks
    return texts.welcome
