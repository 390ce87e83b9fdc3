"""When an invitation has expired."""

from services.crm.mail.model import INVITATION
from services.kit.call import Call
from services.kit.context import on_timer
from services.kit.sql import load_sql

sql = load_sql(__package__, "invitations.sql")


@on_timer(INVITATION)
async def forget_invitation(call: Call, invitation_id: str) -> None:
    """Forget who was invited and did not come: there is no more use for their address."""
    async with call.transaction() as tx:
        await tx.maybe(sql.delete_invitation, invitation_id)
        tx.disarm(INVITATION, invitation_id)
