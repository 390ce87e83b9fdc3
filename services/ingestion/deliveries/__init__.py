"""Messages on their way out: claimed, sent once, settled by what the provider reports."""

from malha.ingestion.v1 import delivery_service_pb2
from malha.ingestion.v1.commands_pb2 import DeliverMessage

from services.ingestion.deliveries import commands, events, queries
from services.kit.context import Context

CONTEXT = Context(
    "deliveries",
    rpcs=(delivery_service_pb2.DESCRIPTOR.services_by_name["DeliveryService"],),
    commands=commands,
    queries=queries,
    events=events,
    handles=(DeliverMessage,),
)
