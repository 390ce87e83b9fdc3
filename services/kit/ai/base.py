"""What a language model and an embedder are to the rest of Malha, and how they fail.

Prompts are plain values: whoever builds one has read everything before, so that no transaction
is open while a model is asked.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from services.kit.errors import FailedPrecondition, InvalidArgument, Unavailable

if TYPE_CHECKING:  # numpy costs a third of a second, and most processes never embed.
    import numpy as np
    from numpy.typing import NDArray


DEFAULT_MIN_SCORE = 0.28
"""Score from which a passage counts as an answer, measured in tests/kit/ai/test_demo.py."""


class EmptyPrompt(InvalidArgument):
    """A prompt must end with what the customer wrote."""


class ProviderOverloaded(Unavailable):
    """{provider} asked us to slow down."""


class ProviderUnavailable(Unavailable):
    """{provider} gave no usable answer: {problem}."""


class ProviderMisconfigured(FailedPrecondition):
    """{provider} does not accept our key, our model or our address: {problem}."""


class ProviderRefused(FailedPrecondition):
    """{provider} will not answer this prompt: {problem}."""


FAILURES = (ProviderOverloaded, ProviderUnavailable, ProviderMisconfigured, ProviderRefused)
"""Every way in which a provider fails. Another provider may still answer."""


@dataclass(frozen=True, slots=True)
class PromptPassage:
    """A piece of the knowledge base that may hold an answer."""

    id: str
    title: str
    text: str
    score: float
    """Its best similarity to anything that was searched for this prompt."""


@dataclass(frozen=True, slots=True)
class PromptMessage:
    """Something that was said in the conversation."""

    role: Literal["customer", "assistant", "person"]
    text: str


@dataclass(frozen=True, slots=True)
class Match:
    """How near a passage is to one question."""

    passage_id: str
    score: float


@dataclass(frozen=True, slots=True)
class PromptQuestion:
    """One thing the customer wants to know, and what the search found for it alone."""

    text: str
    matches: tuple[Match, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """Everything a model may use to answer one turn."""

    turns: tuple[PromptMessage, ...]
    """Oldest first. It ends with the messages to answer, all of them the customer's."""
    passages: tuple[PromptPassage, ...] = ()
    questions: tuple[PromptQuestion, ...] = ()
    """What `questions.questions_of` makes of the messages to answer, each searched on its own."""
    instructions: str = ""
    """The business's own words about how its assistant behaves."""
    summary: str = ""
    """What was said before the first of the turns."""
    language: str = "pt-BR"
    min_score: float = DEFAULT_MIN_SCORE
    """Passages below it are not used."""
    max_tokens: int = 600
    deadline: float = 30.0
    """Seconds until an answer is of no use any more."""

    def __post_init__(self) -> None:
        if not self.turns or self.turns[-1].role != "customer":
            raise EmptyPrompt()

    @property
    def history(self) -> tuple[PromptMessage, ...]:
        """The turns before the messages to answer."""
        return self.turns[: len(self.turns) - len(self.open)]

    @property
    def open(self) -> tuple[str, ...]:
        """The messages to answer, oldest first."""
        texts: list[str] = []
        for turn in reversed(self.turns):
            if turn.role != "customer":
                break
            texts.append(turn.text)
        return tuple(reversed(texts))

    @property
    def relevant(self) -> tuple[PromptPassage, ...]:
        """The passages that are near enough, best first."""
        near = [passage for passage in self.passages if passage.score >= self.min_score]
        return tuple(sorted(near, key=lambda passage: -passage.score))


@dataclass(frozen=True, slots=True)
class Completion:
    """An answer that can be sent as it is."""

    text: str
    """Never blank, never longer than MAX_ANSWER; names its sources at the end."""
    citations: tuple[str, ...]
    """Ids of the passages it rests on, in the order of use."""
    model: str
    """What really answered, as `provider:model`."""
    input_tokens: int
    output_tokens: int
    answered: bool
    """False when the model found nothing that answers any of the questions."""


class LLM(ABC):
    """Answers a customer from what a business knows."""

    name: str

    @abstractmethod
    async def complete(self, prompt: Prompt) -> Completion:
        """Answer all of the open messages in one text, within the prompt's deadline.

        Fails with one of FAILURES, and with nothing else.
        """

    async def close(self) -> None:  # noqa: B027 - most hold nothing
        """Give back what it holds. Closing twice is fine."""


class Embedder(ABC):
    """Turns texts into vectors of unit length whose dot product says how alike they are."""

    model: str
    """Stored beside every vector: vectors of different models are never compared."""
    dimensions: int

    @abstractmethod
    async def embed(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        """One vector for each text, in order, without blocking the event loop."""

    async def warm(self) -> None:  # noqa: B027 - most are always warm
        """Return when the first embed will be as fast as the others."""

    async def close(self) -> None:  # noqa: B027 - most hold nothing
        """Give back what it holds. Closing twice is fine."""
