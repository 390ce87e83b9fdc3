"""E-mails on their way into the mail: stored sealed, in the transaction that wants them sent."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
from malha.crm.v1.commands_pb2 import SendMail

from services.crm.identity.model import email_hash
from services.crm.mail.model import INVITATION, KEEP_SETTLED, SEND_AGAIN, WORDS, spoken
from services.crm.mail.settings import MailSettings
from services.kit.crypto import Sealer
from services.kit.db import Record, Transaction
from services.kit.errors import ResourceExhausted
from services.kit.ids import new_id
from services.kit.sql import load_sql

sql = load_sql(__package__, "mail.sql")

TIMER = "mail"
_NEWS_TIME = timedelta(days=1)


class InvitationsUsedUp(ResourceExhausted):
    """Your business has had {most} invitations mailed within a day; try again tomorrow."""


class MailOutbox:
    """Where e-mails wait."""

    def __init__(self, sealer: Sealer, settings: MailSettings) -> None:
        self._sealer = sealer
        self._settings = settings

    async def enqueue(
        self,
        tx: Transaction,
        *,
        kind: str,
        to: str,
        language: str,
        secret: str,
        expire_time: datetime,
        name: str = "",
        business: str = "",
    ) -> str:
        """Have an e-mail sent, if and when this commits; no later than it expires. Its id.

        Raises InvitationsUsedUp.
        """
        assert kind in WORDS, kind
        if kind == INVITATION:
            await self._spend_invitation(tx)
        mail_id = new_id()
        content = {"to": to, "secret": secret, "name": name, "business": business}
        sealed = self._sealer.seal(orjson.dumps(content), sealed_for(mail_id))
        await tx.run(
            sql.insert_mail, mail_id, kind, spoken(language), email_hash(to), sealed, expire_time
        )
        tx.send(SendMail(mail_id=mail_id))
        # The bus can be lost whole; what is to be sent is not.
        tx.arm(TIMER, mail_id, datetime.now(UTC) + SEND_AGAIN)
        return mail_id

    async def tell(self, tx: Transaction, kind: str, to: Record, now: datetime) -> None:
        """Tell somebody of a change: `to` is a row with email, name, business and language."""
        await self.enqueue(
            tx,
            kind=kind,
            to=to["email"],
            language=to["language"],
            secret="",
            expire_time=now + _NEWS_TIME,
            name=to["name"],
            business=to["business"],
        )

    async def take_back(self, tx: Transaction, to: str, kind: str = "") -> None:
        """Send nothing of what still waits for somebody: of one kind, or at all."""
        for row in await tx.all(sql.withdraw_waiting, email_hash(to), kind):
            tx.arm(TIMER, row["id"], datetime.now(UTC) + KEEP_SETTLED)

    async def sent_today(self, tx: Transaction, to: str, kind: str) -> int:
        """How many e-mails of a kind were for somebody within a day, also those taken back.

        Nobody can tell how far a sender had come with those.
        """
        return int(await tx.value(sql.count_recent, email_hash(to), kind))

    async def _spend_invitation(self, tx: Transaction) -> None:
        most = self._settings.invitations_per_day
        # Counted one after the other: many at once would all see the last one free.
        await tx.serialize("invitation_mails")
        if await tx.value(sql.count_kind, INVITATION) >= most:
            raise InvitationsUsedUp(most=most)


def sealed_for(mail_id: str) -> str:
    """What an e-mail is sealed for: copied into another row it does not open."""
    return f"mail:{mail_id}"
