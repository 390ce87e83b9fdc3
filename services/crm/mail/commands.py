"""Sending an e-mail that waits."""

from datetime import UTC, datetime

import orjson
from malha.crm.v1.commands_pb2 import SendMail

from services.crm.mail.model import KEEP_SETTLED, LOOK_AGAIN, letter
from services.crm.mail.outbox import TIMER, sealed_for
from services.crm.mail.sending import (
    NOT_CONFIGURED,
    MailRefused,
    MailSender,
    MailServerUnavailable,
)
from services.kit.call import Call
from services.kit.crypto import SealBroken, Sealer
from services.kit.db import Record
from services.kit.errors import Unavailable
from services.kit.log import get_logger
from services.kit.settings import KitSettings
from services.kit.sql import load_sql

sql = load_sql(__package__, "mail.sql")
log = get_logger(__name__)

_LEASE_SECONDS = 60.0


class MailLeased(Unavailable):
    """Somebody else is sending this e-mail, or died while sending it."""


async def send_mail(
    call: Call,
    command: SendMail,
    *,
    sender: MailSender,
    sealer: Sealer,
    kit: KitSettings,
) -> None:
    """Send an e-mail once, and erase what it said and to whom.

    It is sent twice only when the server's answer to the first was lost on its way here.
    """
    mail_id = command.mail_id
    async with call.transaction() as tx:
        mail = await tx.maybe(sql.lease_mail, mail_id)
        waits = mail is None and await tx.value(sql.is_queued, mail_id)
    if waits:
        raise MailLeased(retry_after=_LEASE_SECONDS)
    if mail is None:
        return  # Settled by an earlier delivery, or taken back.
    if mail["expired"]:
        await settle(call, mail_id, "failed", "EXPIRED")
        return
    if not sender.configured:
        await _wait(call, mail_id, mail, NOT_CONFIGURED)
        return
    try:
        content = orjson.loads(sealer.open(mail["sealed"], sealed_for(mail_id)))
        to = content.pop("to")
        words = letter(mail["kind"], mail["language"], public_url=kit.public_url, **content)
        await sender.send(mail_id, to, mail["language"], words)
    except SealBroken:
        await settle(call, mail_id, "failed", "SEAL_BROKEN")
    except MailRefused as refused:
        await settle(call, mail_id, "failed", refused.reason)
    except MailServerUnavailable as error:
        await _wait(call, mail_id, mail, error.reason)
        raise
    else:
        await settle(call, mail_id, "sent", "")


async def settle(call: Call, mail_id: str, state: str, reason: str) -> None:
    """Bring an e-mail to its end; what is left of it is forgotten after a while."""
    async with call.transaction() as tx:
        await tx.run(sql.settle_mail, mail_id, state, reason)
        tx.arm(TIMER, mail_id, datetime.now(UTC) + KEEP_SETTLED)
    log.info("mail settled", mail=mail_id, state=state, reason=reason)


async def _wait(call: Call, mail_id: str, mail: Record, reason: str) -> None:
    async with call.transaction() as tx:
        await tx.run(sql.release_mail, mail_id, mail["lease_time"], reason)
        if reason == NOT_CONFIGURED:
            # The bus has nothing to try again; a start with a server has.
            tx.arm(TIMER, mail_id, datetime.now(UTC) + LOOK_AGAIN)
