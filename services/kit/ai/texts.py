"""What the assistant itself says to a customer, per language. pt-BR is the source of truth."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Texts:
    """The sentences of one language."""

    language: str
    """Its name in English, for the instructions to a model."""
    hello: str
    welcome: str
    """A greeting for somebody who asked nothing yet."""
    thanks: str
    goodbye: str
    unknown: str
    unknown_part: str
    """For a question left open beside others that were answered."""
    source: str
    sources: str


TEXTS = {
    "pt": Texts(
        language="Brazilian Portuguese",
        hello="Olá!",
        welcome="Olá! Como posso ajudar?",
        thanks="Por nada! Se precisar de mais alguma coisa, é só escrever.",
        goodbye="Até logo! Se precisar, é só escrever.",
        unknown=(
            "Desculpe, não encontrei essa informação no que sei até agora. "
            "Você pode perguntar de outro jeito?"
        ),
        unknown_part="Sobre “{question}”, não encontrei a informação.",
        source="Fonte: {titles}",
        sources="Fontes: {titles}",
    ),
    "en": Texts(
        language="English",
        hello="Hello!",
        welcome="Hello! How can I help?",
        thanks="You are welcome! If you need anything else, just write.",
        goodbye="Goodbye! If you need anything, just write.",
        unknown=(
            "Sorry, I did not find that in what I know so far. Could you ask it in another way?"
        ),
        unknown_part="About “{question}”, I did not find the information.",
        source="Source: {titles}",
        sources="Sources: {titles}",
    ),
}


def texts_for(language: str) -> Texts:
    """The sentences for a language tag such as pt-BR; Portuguese for one we do not speak."""
    return TEXTS.get(language.partition("-")[0].lower(), TEXTS["pt"])


def language_name(language: str) -> str:
    """A language tag in words that a model understands, or the tag itself."""
    texts = TEXTS.get(language.partition("-")[0].lower())
    return texts.language if texts else language
