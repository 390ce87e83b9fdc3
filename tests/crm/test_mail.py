"""E-mail: what it says, that it is sent once, and what becomes of it when it cannot be."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from aiosmtpd.smtp import SMTP
from hypothesis import given
from hypothesis import strategies as st
from malha.crm.v1.commands_pb2 import SendMail
from pydantic import SecretStr, ValidationError
from structlog.testing import capture_logs

from sandbox.mail import Mail, Mailbox, MailFaults, taking_mail
from services.crm.mail.commands import MailLeased, send_mail
from services.crm.mail.events import look_after_mail
from services.crm.mail.model import ENGLISH, PAGES, PORTUGUESE, WORDS, letter, plain_name, spoken
from services.crm.mail.outbox import TIMER, MailOutbox
from services.crm.mail.sending import MailSender, MailServerUnavailable
from services.crm.mail.settings import MailSettings
from services.kit.call import Call
from services.kit.crypto import Sealer
from services.kit.db import Database, Record
from services.kit.devstack.infra import Infra
from services.kit.ids import new_id
from services.kit.settings import KitSettings
from services.kit.testing import kit_settings, service_call

URL = "https://malha.example"
SECRET = "o-segredo-do-link"

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
        ("Sol\r\nBcc: all@example.com", "Sol Bcc: all example.com"),
        ("https://evil.example/x", "https evil.example/x"),
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
        ({"timeout_seconds": 61}, False),
    ],
)
def test_wrong_settings_stop_the_start(changes: dict[str, object], right: bool) -> None:
    if right:
        MailSettings.model_validate(changes)
    else:
        with pytest.raises(ValidationError):
            MailSettings.model_validate(changes)


@dataclass
class Post:
    """A tenant whose e-mail goes to a mailbox."""

    database: Database
    tenant_id: str
    mailbox: Mailbox
    sender: MailSender
    sealer: Sealer
    kit: KitSettings

    @property
    def call(self) -> Call:
        return service_call(self.database, tenant_id=self.tenant_id)

    async def enqueue(
        self,
        *,
        kind: str = "invitation",
        to: str = "ana@example.com",
        language: str = "pt-BR",
        days: float = 7,
        business: str = "Padaria Sol",
    ) -> str:
        async with self.call.transaction() as tx:
            return await MailOutbox(self.sealer).enqueue(
                tx,
                kind=kind,
                to=to,
                language=language,
                secret=SECRET,
                expire_time=datetime.now(UTC) + timedelta(days=days),
                business=business,
            )

    async def send(self, mail_id: str, sender: MailSender | None = None) -> None:
        await send_mail(
            self.call,
            SendMail(mail_id=mail_id),
            sender=sender or self.sender,
            sealer=self.sealer,
            kit=self.kit,
        )

    async def look_after(self, mail_id: str, sender: MailSender | None = None) -> None:
        await look_after_mail(self.call, mail_id, sender=sender or self.sender)

    async def row(self, mail_id: str) -> Record | None:
        async with self.call.transaction() as tx:
            return await tx.maybe("SELECT * FROM crm.mails WHERE id = $1", mail_id)

    async def state(self, mail_id: str) -> tuple[str, str]:
        row = await self.row(mail_id)
        assert row is not None
        assert (row["sealed"] is None) == (row["state"] != "queued"), "erased when it is settled"
        return row["state"], row["reason"]

    async def run(self, query: str, *args: object) -> None:
        async with self.call.transaction() as tx:
            await tx.run(query, *args)

    async def sends(self, mail_id: str) -> int:
        rows = await self.database.pool.fetch(
            "SELECT payload FROM crm.outbox WHERE subject LIKE '%' || $1 || '%send_mail'",
            self.tenant_id,
        )
        return [SendMail.FromString(row["payload"]).mail_id for row in rows].count(mail_id)

    async def due(self, mail_id: str) -> timedelta | None:
        """How long until the e-mail is looked after; None for never."""
        due = await self.database.pool.fetchval(
            "SELECT due_time FROM crm.timers WHERE kind = $1 AND id = $2", TIMER, mail_id
        )
        return due - datetime.now(UTC) if due else None


def _sender(port: int, **changes: object) -> MailSender:
    settings = {"server": f"127.0.0.1:{port}", "security": "none", "timeout_seconds": 5, **changes}
    return MailSender(MailSettings.model_validate(settings))


@pytest.fixture
async def post(
    databases: Callable[[str], Awaitable[Database]], infra: Infra
) -> AsyncIterator[Post]:
    database = await databases("crm")
    tenant_id = new_id()
    async with service_call(database, tenant_id=tenant_id).transaction() as tx:
        await tx.run(
            "INSERT INTO crm.tenants (name, plan, status, webhooks_per_minute)"
            " VALUES ('Aurora', 'free', 1, 600)"
        )
    mailbox = Mailbox()
    sealer = Sealer([SecretStr(base64.b64encode(os.urandom(32)).decode())])
    kit = kit_settings({**infra.environment("crm"), "MALHA_PUBLIC_URL": URL})
    async with taking_mail(mailbox, ("127.0.0.1", 0)):
        yield Post(database, tenant_id, mailbox, _sender(mailbox.port), sealer, kit)


async def _only(post: Post) -> Mail:
    (mail,) = post.mailbox.mails
    return mail


async def test_a_mail_is_sent_once_and_erased(post: Post) -> None:
    mail_id = await post.enqueue(to="ana@example.com")
    await post.send(mail_id)
    await post.send(mail_id)
    mail = await _only(post)
    assert mail.recipients == ("ana@example.com",)
    assert mail.message["To"] == "ana@example.com"
    assert mail.message["From"] == "Malha <no-reply@malha.localhost>"
    assert mail.message["Subject"] == "Convite para Padaria Sol na Malha"
    assert mail.message["Message-ID"] == f"<{mail_id}@malha.localhost>"
    assert mail.message["Auto-Submitted"] == "auto-generated"
    assert mail.message["Date"]
    assert f"{URL}/accept-invitation#token={SECRET}" in mail.part("plain")
    assert f'href="{URL}/accept-invitation#token={SECRET}"' in mail.part("html")
    assert await post.state(mail_id) == ("sent", "")
    row = await post.row(mail_id)
    assert row is not None and row["send_time"] is not None
    assert (await post.due(mail_id) or timedelta()) > timedelta(days=29)


async def test_a_mail_to_an_english_business_is_english(post: Post) -> None:
    mail_id = await post.enqueue(language="en-US")
    await post.send(mail_id)
    mail = await _only(post)
    assert mail.message["Subject"] == "Invitation to Padaria Sol on Malha"
    assert mail.message["Content-Language"] == "en"


async def test_a_name_adds_neither_a_header_nor_a_recipient(post: Post) -> None:
    mail_id = await post.enqueue(business="Sol\r\nBcc: eva@example.com\r\n\r\n<b>oi</b>")
    await post.send(mail_id)
    mail = await _only(post)
    assert mail.recipients == ("ana@example.com",)
    assert mail.message["Bcc"] is None
    assert "<b>" not in mail.part("html")


async def test_many_who_send_one_mail_at_once_send_it_once(post: Post) -> None:
    mail_id = await post.enqueue()
    outcomes = await asyncio.gather(*(post.send(mail_id) for _ in range(8)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} <= {type(None), MailLeased}
    assert len(post.mailbox.mails) == 1


async def test_a_sender_that_died_is_followed_by_another(post: Post) -> None:
    mail_id = await post.enqueue()
    lease = "UPDATE crm.mails SET lease_time = now() + interval '1 minute'"
    await post.run(lease)
    with pytest.raises(MailLeased) as leased:
        await post.send(mail_id)
    assert leased.value.retryable
    await post.run("UPDATE crm.mails SET lease_time = now() - interval '1 second'")
    await post.send(mail_id)
    assert await post.state(mail_id) == ("sent", "")


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"refuse_recipient": 550}, "RECIPIENT_REFUSED"),
        ({"refuse_message": 554}, "MESSAGE_REFUSED"),
    ],
)
async def test_what_is_refused_for_good_is_never_tried_again(
    post: Post, fault: dict[str, int], reason: str
) -> None:
    mail_id = await post.enqueue()
    post.mailbox.faults = MailFaults.model_validate({**fault, "times": 1})
    await post.send(mail_id)
    await post.send(mail_id)
    assert not post.mailbox.mails
    assert await post.state(mail_id) == ("failed", reason)


@pytest.mark.parametrize("fault", [{"refuse_recipient": 451}, {"refuse_message": 452}])
async def test_what_is_refused_for_now_is_tried_again(post: Post, fault: dict[str, int]) -> None:
    mail_id = await post.enqueue()
    post.mailbox.faults = MailFaults.model_validate({**fault, "times": 1})
    with pytest.raises(MailServerUnavailable) as unavailable:
        await post.send(mail_id)
    assert unavailable.value.retryable
    assert await post.state(mail_id) == ("queued", "MAIL_SERVER_UNAVAILABLE")
    await post.send(mail_id)
    assert await post.state(mail_id) == ("sent", "")
    assert len(post.mailbox.mails) == 1


async def test_a_server_that_is_away_is_tried_again(post: Post) -> None:
    mail_id = await post.enqueue()
    with pytest.raises(MailServerUnavailable):
        await post.send(mail_id, _sender(1))
    assert await post.state(mail_id) == ("queued", "MAIL_SERVER_UNAVAILABLE")
    await post.send(mail_id)
    assert await post.state(mail_id) == ("sent", "")


async def test_a_server_that_hangs_is_given_up(post: Post) -> None:
    mail_id = await post.enqueue()
    post.mailbox.faults = MailFaults(delay_ms=60_000)
    async with asyncio.timeout(10):
        with pytest.raises(MailServerUnavailable):
            await post.send(mail_id, _sender(post.mailbox.port, timeout_seconds=0.3))
    assert await post.state(mail_id) == ("queued", "MAIL_SERVER_UNAVAILABLE")
    assert not post.mailbox.mails


async def test_only_a_lost_answer_sends_a_mail_twice_and_both_are_one(post: Post) -> None:
    mail_id = await post.enqueue()
    post.mailbox.faults = MailFaults(drop_after_accept=True, times=1)
    with pytest.raises(MailServerUnavailable):
        await post.send(mail_id)
    await post.send(mail_id)
    assert [mail.message["Message-ID"] for mail in post.mailbox.mails] == [
        f"<{mail_id}@malha.localhost>"
    ] * 2


async def test_a_server_that_says_no_goodbye_has_the_mail(post: Post) -> None:
    mail_id = await post.enqueue()
    async with _rude_server() as (port, taken):
        await post.send(mail_id, _sender(port))
    assert len(taken) == 1
    assert await post.state(mail_id) == ("sent", "")


async def test_nothing_is_sent_in_the_clear_when_it_must_be_encrypted(post: Post) -> None:
    mail_id = await post.enqueue()
    with pytest.raises(MailServerUnavailable):
        await post.send(mail_id, _sender(post.mailbox.port, security="starttls"))
    with pytest.raises(MailServerUnavailable):
        await post.send(mail_id, _sender(post.mailbox.port, security="tls"))
    assert not post.mailbox.mails


async def test_a_wrong_password_of_ours_is_no_fault_of_the_mail(post: Post) -> None:
    mail_id = await post.enqueue()
    with pytest.raises(MailServerUnavailable):
        await post.send(mail_id, _sender(post.mailbox.port, username="malha", password="wrong"))
    assert await post.state(mail_id) == ("queued", "MAIL_SERVER_UNAVAILABLE")


async def test_without_a_server_mails_wait_and_go_out_once_there_is_one(post: Post) -> None:
    with capture_logs() as logs:
        nowhere = MailSender(MailSettings())
    assert [line["reason"] for line in logs] == ["SMTP_NOT_CONFIGURED"]
    mail_id = await post.enqueue()
    await post.send(mail_id, nowhere)
    assert await post.state(mail_id) == ("queued", "SMTP_NOT_CONFIGURED")
    before = await post.sends(mail_id)
    await post.look_after(mail_id, nowhere)
    assert await post.sends(mail_id) == before
    assert (await post.due(mail_id) or timedelta.max) < timedelta(minutes=6)
    await post.look_after(mail_id)
    assert await post.sends(mail_id) == before + 1
    await post.send(mail_id)
    assert await post.state(mail_id) == ("sent", "")


async def test_a_mail_the_bus_has_lost_is_asked_for_again(post: Post) -> None:
    mail_id = await post.enqueue()
    assert (await post.due(mail_id) or timedelta()) > timedelta(hours=1)
    await post.look_after(mail_id)
    assert await post.sends(mail_id) == 2


async def test_an_expired_mail_is_erased_unsent(post: Post) -> None:
    first, second = await post.enqueue(days=-1), await post.enqueue(days=-1)
    await post.send(first)
    await post.look_after(second)
    for mail_id in (first, second):
        assert await post.state(mail_id) == ("failed", "EXPIRED")
    assert not post.mailbox.mails


async def test_a_settled_mail_is_forgotten_in_the_end(post: Post) -> None:
    mail_id = await post.enqueue()
    await post.send(mail_id)
    for _ in range(2):  # Timers may come twice.
        await post.look_after(mail_id)
    assert await post.row(mail_id) is None
    assert await post.due(mail_id) is None


async def test_a_mail_that_was_taken_back_is_not_sent(post: Post) -> None:
    mail_id = await post.enqueue(to="Ana@example.com")
    other = await post.enqueue(kind="password_reset")
    async with post.call.transaction() as tx:
        await MailOutbox(post.sealer).take_back(tx, "ana@example.com", "invitation")
    await post.send(mail_id)
    assert await post.due(mail_id) is None
    assert await post.row(mail_id) is None
    assert not post.mailbox.mails
    assert await post.state(other) == ("queued", "")


async def test_a_mail_of_a_lost_key_fails_with_a_reason(post: Post) -> None:
    mail_id = await post.enqueue()
    post.sealer = Sealer([SecretStr(base64.b64encode(os.urandom(32)).decode())])
    await post.send(mail_id)
    assert await post.state(mail_id) == ("failed", "SEAL_BROKEN")


async def test_a_mail_copied_over_another_does_not_open_there(post: Post) -> None:
    first, second = await post.enqueue(to="ana@example.com"), await post.enqueue(to="b@example.com")
    await post.run(
        "UPDATE crm.mails SET sealed = (SELECT sealed FROM crm.mails WHERE id = $1) WHERE id = $2",
        first,
        second,
    )
    await post.send(second)
    assert await post.state(second) == ("failed", "SEAL_BROKEN")


async def test_no_log_line_names_an_address_or_a_secret(post: Post) -> None:
    with capture_logs() as logs:
        for fault in (
            MailFaults(refuse_recipient=550, times=1),
            MailFaults(refuse_recipient=451, times=1),
            MailFaults(drop_after_accept=True, times=1),
            None,
        ):
            mail_id = await post.enqueue()
            post.mailbox.faults = fault
            try:
                await post.send(mail_id)
            except MailServerUnavailable as error:
                logs.append({"event": str(error), "metadata": error.metadata})  # type: ignore[typeddict-unknown-key]
    assert len(logs) >= 4
    for told in ("example.com", SECRET, "Padaria"):
        assert told not in str(logs)


@asynccontextmanager
async def _rude_server() -> AsyncIterator[tuple[int, list[object]]]:
    """A server that takes e-mail, and hangs up on whoever says goodbye."""
    taken: list[object] = []

    class Handler:
        async def handle_DATA(self, _server: object, _session: object, envelope: object) -> str:
            taken.append(envelope)
            return "250 OK"

        async def handle_QUIT(self, server: SMTP, _session: object, _envelope: object) -> str:
            transport: object = server.transport
            transport.abort()  # type: ignore[attr-defined]
            return "221 Bye"

    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(Handler(), loop=loop), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1], taken
    finally:
        server.close()
