"""What is left of invitations that are no more: e-mails that wait, and timers.

Here, since removing people and workspaces withdraws invitations, and inviting needs both.
"""

from __future__ import annotations

from collections.abc import Iterable

from services.crm.mail.model import INVITATION
from services.crm.mail.outbox import MailOutbox
from services.kit.db import Record, Transaction


async def withdraw(tx: Transaction, mails: MailOutbox, invitations: Iterable[Record]) -> None:
    """Let nothing come of invitations that were deleted; each row has its id and email.

    The timer that forgets an invitation is called like the kind of its e-mail.
    """
    for row in invitations:
        tx.disarm(INVITATION, row["id"])
        await mails.take_back(tx, row["email"], INVITATION)
