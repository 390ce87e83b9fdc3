"""What became of messages on their way out."""

from malha.ingestion.v1.delivery_service_pb2 import (
    Delivery,
    ListDeliveriesRequest,
    ListDeliveriesResponse,
)

from services.kit.call import Call
from services.kit.rows import from_row
from services.kit.sql import load_sql

sql = load_sql(__package__, "deliveries.sql")


async def list_deliveries(call: Call, request: ListDeliveriesRequest) -> ListDeliveriesResponse:
    """The sends of a correlation, oldest first; a message in parts is several."""
    rows = await call.all(sql.list_deliveries, request.correlation_id)
    return ListDeliveriesResponse(deliveries=[from_row(Delivery, row) for row in rows])
