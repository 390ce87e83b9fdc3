"""Every webhook ever received: stored before it is acknowledged, judged after."""

from malha.ingestion.v1 import webhook_event_service_pb2, webhook_service_pb2
from malha.ingestion.v1.commands_pb2 import ProcessWebhooks

from services.ingestion.webhooks import commands, events, queries
from services.kit.context import Context

CONTEXT = Context(
    "webhooks",
    rpcs=(
        webhook_service_pb2.DESCRIPTOR.services_by_name["WebhookService"],
        webhook_event_service_pb2.DESCRIPTOR.services_by_name["WebhookEventService"],
    ),
    commands=commands,
    queries=queries,
    events=events,
    handles=(ProcessWebhooks,),
)
