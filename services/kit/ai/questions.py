"""What a customer wants to know, out of the messages of one burst. Pure rules.

People write in pieces: "oi", "tudo bem?", "vcs aceitam pix", "e qual o prazo? moro em Salvador".
Each question is searched on its own, for a search for all of them at once finds none of them well.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal

from services.kit.ai.words import fold, stems

Courtesy = Literal["hello", "thanks", "goodbye"]

MAX_QUESTIONS = 8
"""More than that in one burst share the last search."""
ENOUGH = 2
"""Words of its own that a question needs to be understood without what was said before."""
MAX_LENGTH = 500
"""Characters of one question. Of a longer one the end is kept: there it is asked."""

# Words as `fold` leaves them: lower case, no accents, no repeated letters ("oiii" is "oi").
_COURTESIES: dict[Courtesy, str] = {
    "hello": (
        r"oi|ola|opa|alo|salve|e ai|eai|bom dia|boa tarde|boa noite|tudo (?:bem|bom|certo|joia)"
        r"|td (?:bem|bom)|como vai voce|como vai$|como (?:voces?|vcs?) (?:esta|estao)$|prazer"
        r"|helo|hi|hey|god (?:morning|afternon|evening)|how are you"
    ),
    "thanks": (
        r"(?:muito )?obrigad[oa]s?|brigad[oa]|obg|valeu|vlw|agradeco|grat[oa]|ok|okay|certo|beleza"
        r"|blz|perfeito|otimo|show|maravilha|entendi|combinado|legal|thank you|thanks|thx|great"
    ),
    "goodbye": (
        r"tchau|ate (?:logo|mais|breve|amanha)|falou|flw|abracos?|bom fim de semana"
        r"|goodbye|bye|se you"
    ),
}
_FILLER = (
    r"gente|pesoal|amig[oa]|moc[oa]|por favor|pf|pfv|pfvr|e|com (?:voce|vc)s?|mesmo"
    r"|por tudo|pela (?:ajuda|atencao)|de nada|tambem|you|very much|there|please|for your help"
)
# What a question begins with where nobody types a question mark; a request counts as one.
_ASKING = re.compile(
    r"(?:(?:e|mas|entao|ai|so|eu|me|voces?|vcs?|gente|por favor) )*"
    r"(?:qual|quais|quanto|quanta|quantos|quantas|quem|que horas|o que|como|onde|cade|por que|pq"
    r"|quando (?!eu |a gente |fui |fiz |comprei |recebi )|ate (?:que|qual|quando)|em quant[oa]s?"
    r"|poso|pode|podem|poderia|consigo|da (?:pra|para)|tem|teria|aceita|aceitam|vende|vendem"
    r"|faz|fazem|entrega|entregam|atende|atendem|abre|abrem|fecha|fecham|parcela|parcelam|troca"
    r"|trocam|quero|queria|gostaria|preciso|pasa|manda|diz|fala|saber|informe|existe"
    r"|what|which|how|when|where|who|why|do|does|is|are|can|could|i (?:want|ned|would))\b"
)
_KINDS = {kind: re.compile(rf"\b(?:{words})\b") for kind, words in _COURTESIES.items()}
_PHRASES = "|".join(_COURTESIES.values())
_OPENING = re.compile(rf"(?:(?:{_PHRASES})(?: |$)(?:(?:{_FILLER})(?: |$))*)+")
_SENTENCE = re.compile(r"(?<=[?!.…\n])\s+|\n+")
_WORD = re.compile(r"\w+")


def questions_of(messages: Sequence[str]) -> tuple[str, ...]:
    """What is asked, one text per question; courtesies are left out.

    A statement stays with the question that it explains: within its own message, and before a
    question that says too little alone ("não serviu", "qual o prazo?").
    """
    found: list[str] = []
    for question in (question for message in messages for question in _in_message(message)):
        if asks(question) and len(stems(question)) < ENOUGH:
            while found and not asks(found[-1]):
                question = f"{found.pop()} {question}"
        found.append(question)
    if len(found) > MAX_QUESTIONS:
        found[MAX_QUESTIONS - 1 :] = [" ".join(found[MAX_QUESTIONS - 1 :])]
    return tuple(map(_bounded, found))


def searches_of(questions: Sequence[str]) -> tuple[str, ...]:
    """What to search for: each question alone, and the burst, for a question may be in pieces."""
    whole = (" ".join(questions),) if len(questions) > 1 else ()
    return (*questions, *whole)


def asks(question: str) -> bool:
    """Whether it asks for something, and is not only a remark beside what is asked."""
    return "?" in question or any(
        _ASKING.match(" ".join(_words(sentence))) for sentence in _sentences([question])
    )


def courtesies_of(messages: Sequence[str]) -> frozenset[Courtesy]:
    """Which courtesies the messages open with or consist of."""
    kinds: set[Courtesy] = set()
    for sentence in _sentences(messages):
        words = _words(sentence)
        opening = " ".join(words[: _courtesy_words(words)])
        kinds.update(kind for kind, pattern in _KINDS.items() if pattern.search(opening))
    return frozenset(kinds)


def _in_message(message: str) -> list[str]:
    questions: list[str] = []
    statements: list[str] = []
    for sentence in _sentences([message]):
        rest = _without_courtesy(sentence)
        if not rest:
            continue
        statements.append(rest)
        if "?" in rest:
            questions.append(" ".join(statements))
            statements = []
    if statements:
        tail = " ".join(statements)
        questions[-1:] = [f"{questions[-1]} {tail}"] if questions else [tail]
    return questions


def _bounded(question: str) -> str:
    if len(question) <= MAX_LENGTH:
        return question
    return question[-MAX_LENGTH:].partition(" ")[2] or question[-MAX_LENGTH:]


def _sentences(messages: Iterable[str]) -> list[str]:
    parts = [part.strip() for message in messages for part in _SENTENCE.split(message)]
    return [part for part in parts if part]


def _without_courtesy(sentence: str) -> str:
    """The sentence from its first word that is not a courtesy; empty when there is none."""
    words = list(_WORD.finditer(sentence))
    skipped = _courtesy_words([fold(word.group()) for word in words])
    return sentence[words[skipped].start() :].strip() if skipped < len(words) else ""


def _words(sentence: str) -> list[str]:
    return [fold(word) for word in _WORD.findall(sentence)]


def _courtesy_words(words: Sequence[str]) -> int:
    """How many words at the beginning are a courtesy."""
    text = " ".join(words)
    opening = _OPENING.match(text)
    return len(opening.group().split()) if opening else 0
