"""Accepted messages on their way to processing: remembered here until they are stored there."""

from datetime import datetime, timedelta

from malha.processing.v1.commands_pb2 import ReceiveMessages

from services.kit.db import Transaction
from services.kit.ids import new_id
from services.kit.sql import load_sql

sql = load_sql(__package__, "webhooks.sql")

HANDOVER = "handover"

# Storing takes milliseconds: by then the bus has lost the command, or everything is late.
ARRIVED_AFTER = timedelta(seconds=60)


async def hand_over(tx: Transaction, command: ReceiveMessages, now: datetime) -> None:
    """Hand messages on, and see to it that they arrive even if the bus forgets them."""
    id = new_id()
    await tx.run(sql.insert_handover, id, command.SerializeToString(), now)
    tx.send(command)
    tx.arm(HANDOVER, id, now + ARRIVED_AFTER)
