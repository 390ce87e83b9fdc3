"""What our e-mails say: a table of words, and the rules for putting names into it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from html import escape

PORTUGUESE = "pt-BR"
ENGLISH = "en"
INVITATION = "invitation"

# A row whose e-mail has reached its end says that there was one, and when; not for ever.
KEEP_SETTLED = timedelta(days=30)
# What the bus has given up is sent for again; it tries for less than this by itself.
SEND_AGAIN = timedelta(hours=2)
LOOK_AGAIN = timedelta(minutes=5)

_LONGEST_NAME = 100
# A dot, or what browsers take for one, within a word: programs make a link of it. "S.A." is none.
_DOMAIN = re.compile(r"\S*[.\u2024\u3002\uff0e\uff61](?:\d|[^\s.\u2024\u3002\uff0e\uff61]{2})\S*")


@dataclass(frozen=True, slots=True)
class Words:
    """One kind of e-mail in one language. {business} and {name} are filled in."""

    subject: str
    lines: tuple[str, ...]
    button: str = ""
    closing: tuple[str, ...] = ()


# Where the link of a kind leads. The secret follows "#": no server ever writes it to a log.
PAGES = {INVITATION: "/accept-invitation", "password_reset": "/reset-password"}

WORDS: dict[str, dict[str, Words]] = {
    INVITATION: {
        PORTUGUESE: Words(
            "Convite para {business} na Malha",
            ("Olá!", "Você recebeu um convite para trabalhar com {business} na Malha."),
            "Aceitar o convite",
            (
                "O convite vale por 7 dias e só pode ser usado uma vez.",
                "Se você não esperava este e-mail, pode ignorá-lo.",
            ),
        ),
        ENGLISH: Words(
            "Invitation to {business} on Malha",
            ("Hello!", "You have been invited to work with {business} on Malha."),
            "Accept the invitation",
            (
                "The invitation works once, for 7 days.",
                "If you did not expect this e-mail, you can ignore it.",
            ),
        ),
    },
    "password_reset": {
        PORTUGUESE: Words(
            "Uma nova senha para a Malha",
            ("Olá, {name}!", "Alguém pediu uma nova senha para a sua conta na Malha."),
            "Escolher uma nova senha",
            (
                "O link só pode ser usado uma vez e vale por pouco tempo.",
                "Se não foi você, ignore este e-mail: a sua senha continua a mesma.",
            ),
        ),
        ENGLISH: Words(
            "A new password for Malha",
            ("Hello, {name}!", "Somebody asked for a new password for your Malha account."),
            "Choose a new password",
            (
                "The link works once, and only for a short time.",
                "If it was not you, ignore this e-mail: your password stays as it is.",
            ),
        ),
    },
    "password_changed": {
        PORTUGUESE: Words(
            "A sua senha da Malha mudou",
            ("Olá, {name}!", "A senha da sua conta na Malha acaba de ser alterada."),
            closing=("Se não foi você, peça uma nova senha agora e avise {business}.",),
        ),
        ENGLISH: Words(
            "Your Malha password was changed",
            ("Hello, {name}!", "The password of your Malha account has just been changed."),
            closing=("If it was not you, ask for a new password now and tell {business}.",),
        ),
    },
    "second_factor_changed": {
        PORTUGUESE: Words(
            "A verificação em duas etapas da sua conta mudou",
            ("Olá, {name}!", "A verificação em duas etapas da sua conta na Malha foi alterada."),
            closing=("Se não foi você, troque a sua senha agora e avise {business}.",),
        ),
        ENGLISH: Words(
            "Your account's second factor was changed",
            ("Hello, {name}!", "The second factor of your Malha account has just been changed."),
            closing=("If it was not you, change your password now and tell {business}.",),
        ),
    },
}

# Somebody whose name is not known, and a business without one.
_NOBODY = {PORTUGUESE: ("tudo bem", "a sua empresa"), ENGLISH: ("there", "your business")}


@dataclass(frozen=True, slots=True)
class Letter:
    """An e-mail as it is read, before it becomes MIME."""

    subject: str
    text: str
    html: str


def spoken(language: str) -> str:
    """The language of the table that is nearest to a BCP 47 tag."""
    return ENGLISH if language.lower().split("-")[0] == "en" else PORTUGUESE


def plain_name(name: str) -> str:
    """A name that can end no header line, turn no text round and be no link.

    Names are what strangers typed: an invitation must not carry anybody's advertisement.
    """
    printable = "".join(c if c.isprintable() else " " for c in name)
    linkless = _DOMAIN.sub(" ", printable.replace("://", " ").replace("@", " "))
    return " ".join(linkless.split())[:_LONGEST_NAME].strip()


def letter(
    kind: str,
    language: str,
    *,
    public_url: str,
    secret: str = "",
    name: str = "",
    business: str = "",
) -> Letter:
    """What an e-mail says, as plain text and as simple HTML."""
    tongue = spoken(language)
    words = WORDS[kind][tongue]
    nobody, no_business = _NOBODY[tongue]
    facts = {
        "name": plain_name(name) or nobody,
        "business": plain_name(business) or no_business,
    }
    link = f"{public_url.rstrip('/')}{PAGES[kind]}#token={secret}" if kind in PAGES else ""
    lines = [line.format(**facts) for line in words.lines]
    closing = [line.format(**facts) for line in words.closing]
    asked = [f"{words.button}:\n{link}"] if link else []
    return Letter(
        subject=words.subject.format(**facts),
        text="\n\n".join([*lines, *asked, *closing, "Malha"]) + "\n",
        html=_html(tongue, lines, words.button if link else "", link, closing),
    )


def _html(tongue: str, lines: list[str], button: str, link: str, closing: list[str]) -> str:
    def paragraphs(texts: list[str], style: str) -> str:
        return "".join(f'<p style="{style}">{escape(text)}</p>' for text in texts)

    asked = (
        f'<p style="margin:24px 0"><a href="{escape(link)}" style="display:inline-block;'
        "padding:12px 22px;border-radius:24px;background:#0b7a5e;color:#ffffff;"
        f'text-decoration:none;font-weight:600">{escape(button)}</a></p>'
        if link
        else ""
    )
    return (
        f'<!doctype html><html lang="{tongue}"><head><meta charset="utf-8"></head>'
        '<body style="margin:0;padding:24px;background:#eef1ec;color:#12211c;'
        'font:16px/1.5 Arial,Helvetica,sans-serif"><div style="max-width:520px;margin:0 auto;'
        'padding:28px;border-radius:14px;background:#ffffff">'
        f"{paragraphs(lines, 'margin:0 0 12px')}{asked}"
        f"{paragraphs(closing, 'margin:0 0 8px;color:#52645d;font-size:14px')}"
        '<p style="margin:20px 0 0;color:#52645d;font-size:14px">Malha</p></div></body></html>'
    )
