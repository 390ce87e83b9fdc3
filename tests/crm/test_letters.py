"""What our e-mails say, and what becomes of the names in them."""

from __future__ import annotations

from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.crm.mail.addresses import AddressInvalid, require_deliverable
from services.crm.mail.model import ENGLISH, PAGES, PORTUGUESE, WORDS, letter, plain_name, spoken
from services.crm.mail.settings import MailSettings
from tests.crm.post import SECRET, UNDELIVERABLE, URL

# Kind, language, words of the subject, a line of the text, the words of its link.
SAYS = [
    ("invitation", "pt-BR", "Convite para Padaria Sol na Malha", "um convite", "Aceitar o convite"),
    ("invitation", "en", "Invitation to Padaria Sol on Malha", "invited", "Accept the invitation"),
    ("password_reset", "pt-BR", "Uma nova senha para a Malha", "Ana!", "Escolher uma nova senha"),
    ("password_reset", "en", "A new password for Malha", "Hello, Ana!", "Choose a new password"),
    ("password_changed", "pt-BR", "A sua senha da Malha mudou", "avise Padaria Sol", ""),
    ("password_changed", "en", "Your Malha password was changed", "tell Padaria Sol", ""),
    (
        "second_factor_changed",
        "pt-BR",
        "A verificação em duas etapas da sua conta mudou",
        "Ana!",
        "",
    ),
    ("second_factor_changed", "en", "Your account's second factor was changed", "Hello, Ana!", ""),
]


@pytest.mark.parametrize(("kind", "language", "subject", "line", "button"), SAYS)
def test_each_kind_says_its_words_in_each_language(
    kind: str, language: str, subject: str, line: str, button: str
) -> None:
    said = letter(
        kind, language, public_url=f"{URL}/", secret=SECRET, name="Ana", business="Padaria Sol"
    )
    assert said.subject == subject
    assert line in said.text
    assert line in unescape(said.html)
    link = f"{URL}{PAGES[kind]}#token={SECRET}" if button else ""
    assert (f"{button}:\n{link}" in said.text) == bool(button)
    assert (f'href="{link}"' in said.html) == bool(button)
    assert (SECRET in said.text) == bool(button)
    assert f'lang="{language}"' in said.html


def test_the_table_of_what_is_said_is_whole() -> None:
    assert {(kind, language) for kind, language, *_ in SAYS} == {
        (kind, language) for kind, words in WORDS.items() for language in words
    }


@pytest.mark.parametrize(("kind", "language", "_s", "_l", "_b"), SAYS)
def test_nameless_people_and_businesses_read_well(
    kind: str, language: str, _s: str, _l: str, _b: str
) -> None:
    said = letter(kind, language, public_url=URL, secret=SECRET)
    assert "{" not in said.text
    assert ", !" not in said.text
    assert "  " not in said.subject


@pytest.mark.parametrize(
    ("tag", "expected"),
    [("pt-BR", PORTUGUESE), ("pt", PORTUGUESE), ("en", ENGLISH), ("en-GB", ENGLISH),
     ("EN", ENGLISH), ("fr", PORTUGUESE), ("", PORTUGUESE), ("enx", PORTUGUESE)],
)  # fmt: skip
def test_any_language_is_spoken_as_one_of_ours(tag: str, expected: str) -> None:
    assert spoken(tag) == expected


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Padaria São João & Filhos", "Padaria São João & Filhos"),
        ("Sol\r\nBcc: all@example.com", "Sol Bcc: all"),
        ("https://evil.example/x", "https"),
        ("Ganhe em evil.com agora", "Ganhe em agora"),
        ("www.evil.com", ""),
        ("evil.com.", ""),
        ("(evil.com)", ""),
        ("ana@evil.com", "ana"),
        ("evil\u3002com evil\uff0ecom evil\uff61com evil\u2024com", ""),
        ("http 10.0.0.1/x", "http"),
        ("evil.\u200bcom", "evil. com"),
        ("Dr. J. R. Souza S.A.", "Dr. J. R. Souza S.A."),
        ("Sol Ltda., Rio", "Sol Ltda., Rio"),
        ("\u202eabc\u0000 \u2028d", "abc d"),
        ("x" * 500, "x" * 100),
        ("{secret}", "{secret}"),
    ],
)
def test_a_name_is_only_a_name(name: str, shown: str) -> None:
    assert plain_name(name) == shown


@given(st.text(max_size=150))
def test_no_name_breaks_out_of_its_place(name: str) -> None:
    said = letter("invitation", "en", public_url=URL, secret=SECRET, business=name)
    assert len(said.subject.splitlines()) == 1
    assert said.html.count("<") == letter("invitation", "en", public_url=URL).html.count("<")
    assert said.text.count("://") == 1


@given(
    before=st.text(max_size=20),
    label=st.from_regex(r"[a-z0-9][a-z0-9-]{0,10}", fullmatch=True),
    top=st.sampled_from(["com", "com.br", "io", "xn--p1ai", "рф"]),
    after=st.text(max_size=20),
)
def test_no_name_carries_a_domain(before: str, label: str, top: str, after: str) -> None:
    assert f"{label}.{top}" not in plain_name(f"{before}{label}.{top}{after}")


@pytest.mark.parametrize("email", UNDELIVERABLE)
def test_what_no_mail_can_reach_is_refused_by_its_field(email: str) -> None:
    with pytest.raises(AddressInvalid) as refused:
        require_deliverable(email, field="owner_email")
    assert [field for field, _ in refused.value.violations()] == ["owner_email"]
    assert email not in refused.value.message


@pytest.mark.parametrize(
    "email", ["ana@example.com", "a.b+tag@example.com.br", "o'neil@example.com", "_a-b=c@x.io"]
)
def test_what_mail_can_reach_is_taken(email: str) -> None:
    require_deliverable(email)


@given(st.text('ab.@" <>,', max_size=12) | st.text(max_size=12))
def test_what_is_taken_makes_a_header(email: str) -> None:
    try:
        require_deliverable(email)
    except AddressInvalid:
        return
    message = EmailMessage(policy=SMTP)
    message["To"] = Address(addr_spec=email)
    assert message["To"] == email


@pytest.mark.parametrize(
    ("changes", "right"),
    [
        ({}, True),
        ({"server": "smtp.example.com:587"}, True),
        ({"server": "[::1]:25"}, True),
        ({"server": "smtp.example.com"}, False),
        ({"server": "smtp.example.com:0"}, False),
        ({"sender": "no at sign"}, False),
        ({"sender": "a@b.example\r\nBcc: c@d.example"}, False),
        ({"security": "maybe"}, False),
        ({"sender_name": "Malha\r\nBcc: c@d.example"}, False),
        ({"timeout_seconds": 61}, False),
        ({"invitations_per_day": 0}, False),
    ],
)
def test_wrong_settings_stop_the_start(changes: dict[str, object], right: bool) -> None:
    if right:
        MailSettings.model_validate(changes)
    else:
        with pytest.raises(ValidationError):
            MailSettings.model_validate(changes)
