"""The sandbox's mailbox: takes e-mail for anybody by SMTP, delivers none, and keeps the newest."""

import asyncio
import email
import re
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from itertools import count
from typing import Any

import structlog
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import BaseModel, ConfigDict, Field

log = structlog.get_logger(__name__)

KEPT = 200
_LARGEST = 5 * 1024 * 1024
_LINK = re.compile(r"https?://[^\s<>\"]+")


class MailFaults(BaseModel):
    """What goes wrong with the next e-mails."""

    model_config = ConfigDict(extra="forbid")

    refuse_recipient: int | None = Field(default=None, ge=400, le=599)
    """Answer RCPT with this code: 550 is no such mailbox, 451 try later."""
    refuse_message: int | None = Field(default=None, ge=400, le=599)
    """Answer DATA with this code."""
    drop_after_accept: bool = False
    """Keep the e-mail, then close the connection without an answer."""
    delay_ms: int = Field(default=0, ge=0, le=120_000)
    """Wait this long before an e-mail is answered."""
    times: int = Field(default=0, ge=0)
    """For how many e-mails it lasts; 0 lasts until it is changed."""


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail as it came."""

    id: int
    sender: str
    recipients: tuple[str, ...]
    time: float
    message: EmailMessage

    def part(self, kind: str) -> str:
        """Its text as "plain" or "html"; '' when there is none."""
        found = self.message.get_body((kind,))
        if found is None:
            return ""
        try:
            return str(found.get_content())
        except LookupError:  # A charset that nobody knows.
            return bytes(found.get_payload(decode=True) or b"").decode(errors="replace")

    def shown(self) -> dict[str, Any]:
        """As JSON, with the links of its text told apart."""
        text = self.part("plain")
        return {
            "id": self.id,
            "from": self.sender,
            "to": list(self.recipients),
            "subject": str(self.message["subject"] or ""),
            "headers": {name.lower(): str(value) for name, value in self.message.items()},
            "text": text,
            "html": self.part("html"),
            "links": _LINK.findall(text),
            "timestamp": self.time,
        }


class Mailbox:
    """The newest e-mails of everybody, and what is to go wrong."""

    def __init__(self) -> None:
        self.mails: deque[Mail] = deque(maxlen=KEPT)
        self.faults: MailFaults | None = None
        self.total = 0
        self.port = 0
        """Where it listens; 0 when it does not."""
        self._ids = count(1)

    def put(self, sender: str, recipients: list[str], content: bytes) -> Mail:
        """Keep an e-mail; the oldest goes when there are too many."""
        message = email.message_from_bytes(content, policy=default)
        assert isinstance(message, EmailMessage)  # The default policy makes these.
        mail = Mail(next(self._ids), sender, tuple(recipients), time.time(), message)
        self.mails.append(mail)
        self.total += 1
        return mail

    def to(self, address: str | None) -> list[Mail]:
        """The e-mails to an address, or all of them, newest last."""
        wanted = address.strip().lower() if address else None
        return [
            mail
            for mail in self.mails
            if wanted is None or wanted in (to.lower() for to in mail.recipients)
        ]

    def clear(self) -> None:
        """Forget every e-mail."""
        self.mails.clear()
        self.total = 0

    def spend(self) -> None:
        """One e-mail has met the faults."""
        if self.faults is not None and self.faults.times:
            left = self.faults.times - 1
            self.faults = self.faults.model_copy(update={"times": left}) if left else None


class _Protocol(SMTP):
    """SMTP that can leave in the middle, as servers do."""

    def hang_up(self) -> None:
        transport: Any = self.transport  # Annotated as the base class, which cannot abort.
        if transport is not None:
            transport.abort()


class _Handler:
    """What aiosmtpd asks about each e-mail. Its names are aiosmtpd's."""

    def __init__(self, mailbox: Mailbox) -> None:
        self._mailbox = mailbox

    async def handle_RCPT(
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: object
    ) -> str:
        faults = self._mailbox.faults
        if faults is not None and faults.refuse_recipient is not None:
            await asyncio.sleep(faults.delay_ms / 1000)
            self._mailbox.spend()
            return f"{faults.refuse_recipient} <{address}> refused on purpose"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: _Protocol, _session: Session, envelope: Envelope) -> str:
        faults = self._mailbox.faults or MailFaults()
        self._mailbox.spend()
        await asyncio.sleep(faults.delay_ms / 1000)
        if faults.refuse_message is not None:
            return f"{faults.refuse_message} Refused on purpose"
        content = envelope.content if isinstance(envelope.content, bytes) else b""
        self._mailbox.put(str(envelope.mail_from or ""), envelope.rcpt_tos, content)
        if faults.drop_after_accept:
            server.hang_up()
        return "250 OK"


@asynccontextmanager
async def taking_mail(mailbox: Mailbox, address: tuple[str, int] | None) -> AsyncIterator[None]:
    """Listen for SMTP, in this event loop, for as long as the context lasts; nowhere for None."""
    if address is None:
        yield
        return
    loop = asyncio.get_running_loop()
    handler = _Handler(mailbox)
    server = await loop.create_server(
        lambda: _Protocol(handler, data_size_limit=_LARGEST, hostname="sandbox", loop=loop),
        *address,
    )
    mailbox.port = server.sockets[0].getsockname()[1]
    log.info("mailbox ready", port=mailbox.port)
    try:
        yield
    finally:
        mailbox.port = 0
        server.close()
