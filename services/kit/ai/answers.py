"""From what a model wrote to what a customer may read: bounded, sourced, never empty."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from services.kit.ai.base import Completion, Prompt, PromptPassage, ProviderUnavailable
from services.kit.ai.quoting import shorten
from services.kit.ai.texts import texts_for

MAX_ANSWER = 3_900
"""Characters, below what WhatsApp takes in one text."""

_MARKER = re.compile(r"[ \t]*\[\s*(\d{1,3}(?:\s*,\s*\d{1,3})*)\s*\]")
# An image is fetched without a click, so it would carry data out to whoever asked for it.
_IMAGE = re.compile(r"!\[[^\]]*\](?:\([^)]*\)|\[[^\]]*\])|<img\b[^>]*>", re.IGNORECASE)
_INVISIBLE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)


@dataclass(frozen=True, slots=True)
class Draft:
    """What a provider's model wrote, before anybody looked at it."""

    text: str
    model: str
    input_tokens: int = 0
    output_tokens: int = 0
    cut_off: bool = False
    """It stopped because it ran out of tokens."""


def complete(prompt: Prompt, draft: Draft, provider: str) -> Completion:
    """The answer for a customer, with the draft's `[1]` markers turned into its sources."""
    cited: list[int] = []
    shown = prompt.relevant

    def take(match: re.Match[str]) -> str:
        numbers = [int(number) for number in match.group(1).split(",")]
        if max(numbers) > len(shown):
            return match.group()  # Brackets of the answer's own.
        cited.extend(number for number in numbers if number not in cited)
        return ""

    text = clean(_MARKER.sub(take, _IMAGE.sub("", draft.text)))
    if draft.cut_off:
        text = shorten(text, max(len(text) - 1, 1))
    if not text:
        raise ProviderUnavailable(provider=provider, problem="an empty answer")
    used = [shown[number - 1] for number in cited if number]
    return Completion(
        text=signed(text, used, prompt.language),
        citations=tuple(passage.id for passage in used),
        model=draft.model,
        input_tokens=draft.input_tokens,
        output_tokens=draft.output_tokens,
        answered=bool(used) or 0 not in cited,
    )


def signed(text: str, used: Sequence[PromptPassage], language: str) -> str:
    """The text with the titles of its sources below it, within MAX_ANSWER."""
    titles = list(dict.fromkeys(title for passage in used if (title := clean(passage.title))))
    if not titles:
        return shorten(text, MAX_ANSWER)
    texts = texts_for(language)
    template = texts.source if len(titles) == 1 else texts.sources
    line = shorten(template.format(titles="; ".join(titles)), MAX_ANSWER // 4)
    return f"{shorten(text, MAX_ANSWER - len(line) - 2)}\n\n{line}"


def clean(text: str) -> str:
    """The text without what nobody can see, which could hide instructions or break an encoder."""
    return _INVISIBLE.sub("", text.replace("\r\n", "\n")).strip()
