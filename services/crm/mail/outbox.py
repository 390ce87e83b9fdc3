"""E-mails on their way into the mail: stored sealed, in the transaction that wants them sent."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson
from malha.crm.v1.commands_pb2 import SendMail

from services.crm.identity.model import email_hash
from services.crm.mail.model import SEND_AGAIN, WORDS, spoken
from services.kit.crypto import Sealer
from services.kit.db import Transaction
from services.kit.ids import new_id
from services.kit.sql import load_sql

sql = load_sql(__package__, "mail.sql")

TIMER = "mail"


class MailOutbox:
    """Where e-mails wait."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer = sealer

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
        """Have an e-mail sent, if and when this commits; no later than it expires. Its id."""
        assert kind in WORDS, kind
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

    async def take_back(self, tx: Transaction, to: str, kind: str = "") -> None:
        """Send nothing of what still waits for somebody: of one kind, or at all."""
        for row in await tx.all(sql.delete_waiting, email_hash(to), kind):
            tx.disarm(TIMER, row["id"])

    async def sent_today(self, tx: Transaction, to: str, kind: str) -> int:
        """How many e-mails of a kind somebody was sent within a day."""
        return int(await tx.value(sql.count_recent, email_hash(to), kind))


def sealed_for(mail_id: str) -> str:
    """What an e-mail is sealed for: copied into another row it does not open."""
    return f"mail:{mail_id}"
