"""E-mail: that it is sent once, and what becomes of it when it cannot be."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from aiosmtpd.smtp import SMTP
from pydantic import SecretStr
from structlog.testing import capture_logs

from sandbox.mail import Mail, Mailbox, MailFaults, taking_mail
from services.crm.mail.commands import MailLeased
from services.crm.mail.outbox import InvitationsUsedUp
from services.crm.mail.sending import MailSender, MailServerUnavailable
from services.crm.mail.settings import MailSettings
from services.kit.crypto import Sealer
from services.kit.db import Database
from services.kit.devstack.infra import Infra
from services.kit.ids import new_id
from services.kit.testing import kit_settings, service_call
from tests.crm.post import SECRET, UNDELIVERABLE, URL, Post, sender_to


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
        sender = sender_to(mailbox.port)
        yield Post(database, tenant_id, mailbox, sender, sealer, kit, MailSettings())


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
        await post.send(mail_id, sender_to(1))
    assert await post.state(mail_id) == ("queued", "MAIL_SERVER_UNAVAILABLE")
    await post.send(mail_id)
    assert await post.state(mail_id) == ("sent", "")


async def test_a_server_that_hangs_is_given_up(post: Post) -> None:
    mail_id = await post.enqueue()
    post.mailbox.faults = MailFaults(delay_ms=60_000)
    async with asyncio.timeout(10):
        with pytest.raises(MailServerUnavailable):
            await post.send(mail_id, sender_to(post.mailbox.port, timeout_seconds=0.3))
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
        await post.send(mail_id, sender_to(port))
    assert len(taken) == 1
    assert await post.state(mail_id) == ("sent", "")


async def test_nothing_is_sent_in_the_clear_when_it_must_be_encrypted(post: Post) -> None:
    mail_id = await post.enqueue()
    with pytest.raises(MailServerUnavailable):
        await post.send(mail_id, sender_to(post.mailbox.port, security="starttls"))
    with pytest.raises(MailServerUnavailable):
        await post.send(mail_id, sender_to(post.mailbox.port, security="tls"))
    assert not post.mailbox.mails


async def test_a_wrong_password_of_ours_is_no_fault_of_the_mail(post: Post) -> None:
    mail_id = await post.enqueue()
    with pytest.raises(MailServerUnavailable):
        await post.send(mail_id, sender_to(post.mailbox.port, username="malha", password="wrong"))
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


async def test_a_mail_that_was_taken_back_is_erased_unsent(post: Post) -> None:
    mail_id = await post.enqueue(to="Ana@example.com")
    other = await post.enqueue(kind="password_reset")
    await post.take_back("ana@example.com", "invitation")
    await post.send(mail_id)
    assert await post.state(mail_id) == ("withdrawn", "")
    assert not post.mailbox.mails
    assert await post.state(other) == ("queued", "")
    assert (await post.due(mail_id) or timedelta()) > timedelta(days=29)
    await post.look_after(mail_id)
    assert await post.row(mail_id) is None


async def test_a_mail_that_is_taken_back_while_it_is_sent_counts_as_one(post: Post) -> None:
    """Or whoever invites again and again would be one row behind for ever."""
    for number in range(1, 4):
        mail_id = await post.enqueue()
        await post.run("UPDATE crm.mails SET lease_time = now() + interval '1 minute'")
        await post.take_back("ana@example.com", "invitation")
        assert await post.state(mail_id) == ("withdrawn", "")
        assert await post.sent_today("ana@example.com", "invitation") == number


async def test_a_tenant_invites_no_more_than_its_day_allows(post: Post) -> None:
    post.settings.invitations_per_day = 3
    for number in range(3):
        await post.enqueue(to=f"{number}@example.com")
    await post.take_back("0@example.com")
    with pytest.raises(InvitationsUsedUp) as refused:
        await post.enqueue(to="3@example.com")
    assert refused.value.metadata == {"most": "3"}
    await post.enqueue(kind="password_reset", to="3@example.com")
    await post.run("UPDATE crm.mails SET create_time = create_time - interval '1 day'")
    await post.enqueue(to="3@example.com")


async def test_invitations_at_the_same_time_do_not_slip_past_the_day(post: Post) -> None:
    post.settings.invitations_per_day = 3
    outcomes = await asyncio.gather(
        *(post.enqueue(to=f"{number}@example.com") for number in range(9)), return_exceptions=True
    )
    assert sum(isinstance(outcome, InvitationsUsedUp) for outcome in outcomes) == 6


@pytest.mark.parametrize("to", UNDELIVERABLE)
async def test_a_mail_to_what_is_no_address_fails_once(post: Post, to: str) -> None:
    mail_id = await post.enqueue(to=to)
    await post.send(mail_id)
    assert await post.state(mail_id) == ("failed", "ADDRESS_INVALID")
    assert not post.mailbox.mails


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
                logs.append({"event": str(error), "metadata": error.metadata})
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
