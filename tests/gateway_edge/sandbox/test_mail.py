"""The mailbox: SMTP in, a page and JSON out, and what can be made to go wrong."""

import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import aiohttp
import aiosmtplib
import pytest
from pydantic import ValidationError

from sandbox.app import serving
from sandbox.mail import KEPT, Mailbox
from sandbox.settings import SandboxSettings

LINK = "https://malha.example/accept-invitation#token=segredo"


@dataclass
class Post:
    """The sandbox's mailbox, from both sides."""

    base: str
    port: int
    http: aiohttp.ClientSession

    async def send(self, to: str = "ana@example.com", subject: str = "Convite") -> None:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = "no-reply@malha.example", to, subject
        message.set_content(f"Olá!\n\nAceitar: {LINK}\n")
        message.add_alternative(f'<p>Olá!</p><a href="{LINK}">Aceitar</a>', subtype="html")
        await aiosmtplib.send(message, hostname="127.0.0.1", port=self.port, start_tls=False)

    async def mails(self, query: str = "") -> dict[str, Any]:
        async with self.http.get(f"{self.base}/sandbox/mail{query}") as answer:
            found: dict[str, Any] = await answer.json()
            return found

    async def faults(self, **faults: Any) -> int:
        async with self.http.put(f"{self.base}/sandbox/mail/faults", json=faults) as answer:
            return answer.status


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    settings = SandboxSettings(state_file=tmp_path / "state.json", mail_listen="127.0.0.1:0")
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        base = f"http://127.0.0.1:{sock.getsockname()[1]}"
        async with serving(settings, sock) as app, aiohttp.ClientSession() as http:
            yield Post(base, app.ctx.world.mailbox.port, http)


async def test_a_mail_is_shown_to_tests_and_to_people(post: Post) -> None:
    await post.send(subject="Convite para a Padaria <b>São João</b>")
    found = await post.mails("?to=ANA@example.com")
    (mail,) = found["mails"]
    assert mail["to"] == ["ana@example.com"]
    assert mail["from"] == "no-reply@malha.example"
    assert mail["subject"] == "Convite para a Padaria <b>São João</b>"
    assert mail["links"] == [LINK]
    assert "Olá!" in mail["text"]
    assert "<p>Olá!</p>" in mail["html"]
    async with post.http.get(f"{post.base}/mail") as answer:
        page = await answer.text()
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert "Padaria &lt;b&gt;São João&lt;/b&gt;" in page
    assert f'href="{LINK}"' in page
    async with post.http.get(f"{post.base}/mail/{mail['id']}") as answer:
        assert "<p>Olá!</p>" in await answer.text()
        assert answer.headers["Content-Security-Policy"].startswith("sandbox")
    async with post.http.get(f"{post.base}/mail/999") as answer:
        assert answer.status == 404


async def test_mails_of_others_are_left_out_and_all_can_be_forgotten(post: Post) -> None:
    await post.send("ana@example.com")
    await post.send("bia@example.com")
    assert [mail["to"] for mail in (await post.mails("?to=bia@example.com"))["mails"]] == [
        ["bia@example.com"]
    ]
    assert (await post.mails())["total"] == 2
    async with post.http.delete(f"{post.base}/sandbox/mail") as answer:
        assert answer.status == 204
    assert await post.mails() == {"total": 0, "mails": []}
    async with post.http.get(f"{post.base}/mail") as answer:
        assert "Nenhum e-mail ainda" in await answer.text()


@pytest.mark.parametrize(
    ("fault", "code"),
    [("refuse_recipient", 550), ("refuse_recipient", 451), ("refuse_message", 554)],
)
async def test_it_refuses_on_purpose_for_as_often_as_it_was_told(
    post: Post, fault: str, code: int
) -> None:
    assert await post.faults(**{fault: code, "times": 1}) == 200
    with pytest.raises((aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPDataError)) as refused:
        await post.send()
    error = refused.value
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        assert error.recipients[0].code == code
    assert (await post.mails())["total"] == 0
    await post.send()
    assert (await post.mails())["total"] == 1


async def test_it_can_take_a_mail_and_lose_the_answer(post: Post) -> None:
    await post.faults(drop_after_accept=True, times=1)
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await post.send()
    assert (await post.mails())["total"] == 1


async def test_a_mail_whose_sender_leaves_during_a_delay_is_not_taken(post: Post) -> None:
    await post.faults(delay_ms=60_000)
    async with aiosmtplib.SMTP(hostname="127.0.0.1", port=post.port, start_tls=False) as client:
        with pytest.raises(TimeoutError):
            await client.sendmail("a@example.com", "b@example.com", "Subject: a", timeout=0.2)
        client.close()
    assert (await post.mails())["total"] == 0
    async with post.http.delete(f"{post.base}/sandbox/mail/faults") as answer:
        assert answer.status == 204
    await post.send()
    assert (await post.mails())["total"] == 1


async def test_unknown_and_impossible_faults_are_named(post: Post) -> None:
    assert await post.faults(surprise=True) == 422
    assert await post.faults(refuse_recipient=200) == 422
    async with post.http.put(f"{post.base}/sandbox/mail/faults", data=b"{") as answer:
        assert answer.status == 400
    async with post.http.get(f"{post.base}/sandbox/mail/faults") as answer:
        assert (await answer.json())["refuse_recipient"] is None


def test_only_the_newest_are_kept() -> None:
    mailbox = Mailbox()
    for number in range(KEPT + 5):
        mailbox.put("a@example.com", ["b@example.com"], f"Subject: {number}\r\n\r\n".encode())
    assert len(mailbox.mails) == KEPT
    assert mailbox.mails[-1].message["subject"] == str(KEPT + 4)
    assert mailbox.total == KEPT + 5


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00", b"Content-Type: text/plain; charset=nonsense\r\n\r\nol\xe1"]
)
def test_what_is_no_proper_mail_is_shown_all_the_same(content: bytes) -> None:
    assert Mailbox().put("", ["b@example.com"], content).shown()["to"] == ["b@example.com"]


def test_no_mail_is_taken_unless_an_address_is_set() -> None:
    assert SandboxSettings().mail_address is None
    assert SandboxSettings(mail_listen="127.0.0.1:2525").mail_address == ("127.0.0.1", 2525)
    with pytest.raises(ValidationError):
        SandboxSettings(mail_listen="nowhere")
    with pytest.raises(ValidationError):
        SandboxSettings(listen="")
