"""A tenant whose e-mail goes to a mailbox, looked at from both ends."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from malha.crm.v1.commands_pb2 import SendMail

from sandbox.mail import Mailbox
from services.crm.mail.commands import send_mail
from services.crm.mail.events import look_after_mail
from services.crm.mail.outbox import TIMER, MailOutbox
from services.crm.mail.sending import MailSender
from services.crm.mail.settings import MailSettings
from services.kit.call import Call
from services.kit.crypto import Sealer
from services.kit.db import Database, Record
from services.kit.settings import KitSettings
from services.kit.testing import service_call

URL = "https://malha.example"
SECRET = "o-segredo-do-link"

# Form fields take these for addresses; e-mail does not.
UNDELIVERABLE = ("a..b@example.com", ".a@example.com", "a.@example.com", "..@example.com")


@dataclass
class Post:
    """A tenant whose e-mail goes to a mailbox."""

    database: Database
    tenant_id: str
    mailbox: Mailbox
    sender: MailSender
    sealer: Sealer
    kit: KitSettings
    settings: MailSettings

    @property
    def call(self) -> Call:
        return service_call(self.database, tenant_id=self.tenant_id)

    @property
    def outbox(self) -> MailOutbox:
        return MailOutbox(self.sealer, self.settings)

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
            return await self.outbox.enqueue(
                tx,
                kind=kind,
                to=to,
                language=language,
                secret=SECRET,
                expire_time=datetime.now(UTC) + timedelta(days=days),
                business=business,
            )

    async def take_back(self, to: str, kind: str = "") -> None:
        async with self.call.transaction() as tx:
            await self.outbox.take_back(tx, to, kind)

    async def sent_today(self, to: str, kind: str) -> int:
        async with self.call.transaction() as tx:
            return await self.outbox.sent_today(tx, to, kind)

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


def sender_to(port: int, **changes: object) -> MailSender:
    settings = {"server": f"127.0.0.1:{port}", "security": "none", "timeout_seconds": 5, **changes}
    return MailSender(MailSettings.model_validate(settings))
