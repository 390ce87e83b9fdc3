"""Words, as they are compared: without accents, and by their first letters. Pure rules.

Five letters are enough to see "trocar" in "troca" and "entregam" in "entrega". Endings taken off
one by one found no more of the demo shop's answers.
"""

from __future__ import annotations

import re
import unicodedata
from sys import intern

STEM = 5

_ACCENT = re.compile("[\u0300-\u036f]+")
_REPEATED = re.compile(r"([a-z])\1+")
_WORD = re.compile(r"[^\W_]+")
_STOP_WORDS = """
a as o os um uma uns umas de do da dos das em no na nos nas por pelo pela para pra pro com sem
e ou que qual quais quem como quando onde quanto quantos quantas se ao aos eu me meu minha voce
voces vc vcs sua seu suas seus ele ela eles elas iso isto ese esa este esta aquele ser sao foi
era ter tem temos ha nao sim ja mais muito tambem so ate faz fazem fazer poso pode podem quero
queria gostaria preciso ainda mas agora the is are what how do does your of to in and my
it can for on at
"""
_STOP = frozenset(_STOP_WORDS.split())


def fold(text: str) -> str:
    """Lower case without accents and without repeated letters ("oiii" is "oi")."""
    bare = _ACCENT.sub("", unicodedata.normalize("NFKD", text.casefold()))
    return _REPEATED.sub(r"\1", bare)


def stems(text: str) -> frozenset[str]:
    """The beginnings of the words that carry meaning."""
    words = _WORD.findall(fold(text))
    # Interned: the same few thousand beginnings are in all texts of a business.
    return frozenset(intern(word[:STEM]) for word in words if word not in _STOP and len(word) > 1)
