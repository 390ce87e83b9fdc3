"""When an e-mail has waited for long, and when it is time to forget one."""

from datetime import UTC, datetime

from malha.crm.v1.commands_pb2 import SendMail

from services.crm.mail.commands import settle
from services.crm.mail.model import LOOK_AGAIN, SEND_AGAIN
from services.crm.mail.outbox import TIMER
from services.crm.mail.sending import MailSender
from services.kit.call import Call
from services.kit.context import on_timer
from services.kit.sql import load_sql

sql = load_sql(__package__, "mail.sql")


@on_timer(TIMER)
async def look_after_mail(call: Call, mail_id: str, *, sender: MailSender) -> None:
    """Ask for a waiting e-mail to be sent again; forget one that has reached its end."""
    now = datetime.now(UTC)
    async with call.transaction() as tx:
        expire_time = await tx.value(sql.get_waiting, mail_id)
        if expire_time is None:
            await tx.run(sql.delete_mail, mail_id)
            tx.disarm(TIMER, mail_id)
        elif expire_time > now and not sender.configured:
            tx.arm(TIMER, mail_id, now + LOOK_AGAIN)
        elif expire_time > now:
            tx.send(SendMail(mail_id=mail_id))
            tx.arm(TIMER, mail_id, now + SEND_AGAIN)
    if expire_time is not None and expire_time <= now:
        await settle(call, mail_id, "failed", "EXPIRED")
