"""When an invitation has expired."""

from services.crm.invitations.commands import TIMER
from services.kit.call import Call
from services.kit.context import on_timer
from services.kit.sql import load_sql

sql = load_sql(__package__, "invitations.sql")


@on_timer(TIMER)
async def forget_invitation(call: Call, invitation_id: str) -> None:
    """Forget who was invited and did not come: there is no more use for their address."""
    async with call.transaction() as tx:
        await tx.maybe(sql.delete_invitation, invitation_id)
        tx.disarm(TIMER, invitation_id)
