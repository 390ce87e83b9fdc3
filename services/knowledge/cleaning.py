"""Text without what no reader sees.

Zero-width, bidirectional and tag characters can hide instructions from the business that
uploads a text, and from nobody else. Control characters do not fit into PostgreSQL.
"""

from __future__ import annotations

import re
import unicodedata

# Cc control, Cf format (zero width, bidi, tags), Co private use, Cs surrogates, Cn unassigned.
_INVISIBLE = frozenset({"Cc", "Cf", "Co", "Cs", "Cn"})
# Invisible too, though Unicode counts them as letters, marks or symbols: fillers, the grapheme
# joiner, the braille blank. Variation selectors come by the hundred and can carry whole messages.
_BLANKS = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u2800\u3164\uffa0")
_SELECTORS = (range(0xFE00, 0xFE10), range(0xE0100, 0xE01F0))

_LINE_END = re.compile(r"\r\n?|[\u2028\u2029\u0085\v\f]")
_SPACES = re.compile(r"[^\S\n]+")
_EMPTY_LINES = re.compile(r"\n{3,}")


def clean(text: str) -> str:
    """The text as a reader sees it: no invisible characters, no trailing or doubled space."""
    text = _LINE_END.sub("\n", unicodedata.normalize("NFC", text))
    text = "".join(filter(_visible, text))
    text = _SPACES.sub(" ", text)
    return _EMPTY_LINES.sub("\n\n", text.replace(" \n", "\n")).strip()


def clean_line(text: str) -> str:
    """The same, in one line: for titles and questions."""
    return " ".join(clean(text).split())


def _visible(character: str) -> bool:
    if " " <= character <= "~" or character in "\n\t":
        return True
    if unicodedata.category(character) in _INVISIBLE or character in _BLANKS:
        return False
    return not any(ord(character) in selectors for selectors in _SELECTORS)
