"""A bare grpc.aio echo on uvloop: the yardstick for reads. python -m tests.bench.echo /path.sock"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta

import grpc
import uvloop
from grpc_health.v1 import health, health_pb2_grpc
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import GetAssistantRequest

from envoyconf.echo import echo_contract

ANSWER = Assistant(
    id="01a203a0-a929-784b-b44f-8b6909fd15c2",
    workspace_id="01a203a0-a929-7251-bf52-7edeb6e191f3",
    name="Aurora",
    instructions="Você atende os clientes da Loja Aurora. Responda em português. " * 3,
    language="pt-BR",
    quiet_time=timedelta(seconds=3),
    max_wait=timedelta(seconds=12),
    version=1,
    create_time=datetime(2026, 11, 22, 12, 30, 15, 155545, UTC),
    update_time=datetime(2026, 11, 22, 12, 30, 15, 155545, UTC),
    etag="56cafbb46888258d10af3d9f",
)


async def echo(_request: GetAssistantRequest, _context: object) -> Assistant:
    """The same assistant for everybody, with every field that a real one has."""
    return ANSWER


async def serve(path: str) -> None:
    """Serve until killed."""
    contract = echo_contract()
    service = contract.service[0]
    handler = grpc.unary_unary_rpc_method_handler(
        echo,
        request_deserializer=GetAssistantRequest.FromString,
        response_serializer=Assistant.SerializeToString,
    )
    server = grpc.aio.server()
    name = f"{contract.package}.{service.name}"
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(name, {service.method[0].name: handler}),)
    )
    # Envoy asks for it before it sends anything.
    health_pb2_grpc.add_HealthServicer_to_server(health.aio.HealthServicer(), server)
    server.add_insecure_port(f"unix:{path}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(sys.argv[1]))
