"""Writes the demo tenant through the services' own contracts, and tells how to reach it."""

from __future__ import annotations

import asyncio
import secrets
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import aiohttp
from malha.assistants.v1.assistant_service_pb2 import CreateAssistantRequest
from malha.assistants.v1.assistant_service_pb2_grpc import AssistantServiceStub
from malha.crm.v1.admin_service_pb2 import CreateTenantRequest
from malha.crm.v1.admin_service_pb2_grpc import AdminServiceStub
from malha.ingestion.v1.connection_service_pb2 import (
    CreateConnectionRequest,
    GetConnectionRequest,
)
from malha.ingestion.v1.connection_service_pb2_grpc import ConnectionServiceStub
from malha.knowledge.v1.document_pb2 import DOCUMENT_STATUS_QUEUED
from malha.knowledge.v1.document_service_pb2 import CreateDocumentRequest, GetDocumentRequest
from malha.knowledge.v1.document_service_pb2_grpc import DocumentServiceStub

from services.kit.auth import SERVICE, Actor, Signer
from services.kit.call import Call
from services.kit.errors import AlreadyExists
from services.kit.ids import new_id
from services.kit.peers import Peers
from services.kit.settings import KitSettings

KNOWLEDGE = Path(__file__).parent / "knowledge"
EMAIL = "dono@aurora.example"
INSTRUCTIONS = (
    "Você atende os clientes da Loja Aurora. Responda em português, com cordialidade e em poucas "
    "frases, apenas com o que está na base de conhecimento. Quando não souber, diga que não sabe."
)
_DISPLAY_NUMBER = "+55 11 4002-8922"
_INDEX_SECONDS = 60.0


class SeedFailed(Exception):
    """The demo tenant could not be completed."""


async def seed(settings: KitSettings, sandbox_url: str, before: dict[str, Any]) -> dict[str, Any]:
    """Create the demo tenant, or go on with the one made before; register its number."""
    peers = Peers(settings.peers, Signer("operator", settings.service_key.get_secret_value()))
    try:
        told = await _known(peers, before) if before else await _create(peers)
        await _register_number(sandbox_url, told["channels"]["whatsapp"])
    finally:
        await peers.close()
    return told


async def _known(peers: Peers, before: dict[str, Any]) -> dict[str, Any]:
    # The address may have changed since; everything else was written down the first time.
    channel = before["channels"]["whatsapp"]
    call = _call(peers, before["tenant_id"], before["workspace_id"])
    connection = await call.stub(ConnectionServiceStub).GetConnection(
        GetConnectionRequest(id=channel["id"])
    )
    return {
        **before,
        "channels": {"whatsapp": {**channel, "webhook_url": connection.webhook_url}},
    }


async def _create(peers: Peers) -> dict[str, Any]:
    password = secrets.token_urlsafe(12)
    admin = peers.system_stub(AdminServiceStub)
    request = CreateTenantRequest(
        name="Loja Aurora", plan="scale", owner_email=EMAIL, owner_password=password
    )
    try:
        made = await admin.CreateTenant(request)
    except AlreadyExists:
        # An earlier seed was cut off before it could tell its API key: begin with another owner.
        request.owner_email = f"dono+{secrets.token_hex(4)}@aurora.example"
        made = await admin.CreateTenant(request)
    call = _call(peers, made.tenant.id, made.workspace_id)
    assistant = await call.stub(AssistantServiceStub).CreateAssistant(
        CreateAssistantRequest(
            name="Aurora",
            instructions=INSTRUCTIONS,
            language="pt-BR",
            quiet_time=timedelta(seconds=3),
        )
    )
    channel, _ = await asyncio.gather(
        _connect_whatsapp(call, assistant.id), _teach(call, assistant.id)
    )
    return {
        "api_key": made.api_key,
        "user": {"email": request.owner_email, "password": password},
        "tenant_id": made.tenant.id,
        "workspace_id": made.workspace_id,
        "assistant_id": assistant.id,
        "channels": {"whatsapp": channel},
    }


async def _connect_whatsapp(call: Call, assistant_id: str) -> dict[str, str]:
    config = {
        "phone_number_id": str(10**14 + secrets.randbelow(9 * 10**14)),
        "waba_id": str(10**14 + secrets.randbelow(9 * 10**14)),
        "app_secret": secrets.token_hex(16),
        "verify_token": secrets.token_urlsafe(16),
        "access_token": f"EAA{secrets.token_urlsafe(32)}",
    }
    request = CreateConnectionRequest(
        channel="whatsapp", display_name="Loja Aurora", assistant_id=assistant_id
    )
    request.config.update(config)
    connection = await call.stub(ConnectionServiceStub).CreateConnection(request)
    return {
        "id": connection.id,
        "webhook_url": connection.webhook_url,
        "display_phone_number": _DISPLAY_NUMBER,
        **config,
    }


async def _teach(call: Call, assistant_id: str) -> None:
    documents = call.stub(DocumentServiceStub)
    ids = []
    for path in sorted(KNOWLEDGE.glob("*.md")):
        title, _, text = path.read_text().partition("\n")
        made = await documents.CreateDocument(
            CreateDocumentRequest(
                assistant_id=assistant_id, title=title.lstrip("# ").strip(), text=text.strip()
            )
        )
        ids.append(made.id)
    ends = time.monotonic() + _INDEX_SECONDS
    for document_id in ids:
        while (
            await documents.GetDocument(GetDocumentRequest(id=document_id))
        ).status == DOCUMENT_STATUS_QUEUED:
            if time.monotonic() > ends:
                raise SeedFailed(f"document {document_id} was not indexed in {_INDEX_SECONDS} s")
            await asyncio.sleep(0.1)


async def _register_number(sandbox_url: str, channel: dict[str, str]) -> None:
    fields = (
        "phone_number_id",
        "display_phone_number",
        "waba_id",
        "webhook_url",
        "app_secret",
        "verify_token",
        "access_token",
    )
    # Whoever posts a webhook past the sandbox opens no window there; the answer arrives anyway.
    body = {name: channel[name] for name in fields} | {
        "window": "off",
        "verified_name": "Loja Aurora",
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{sandbox_url}/sandbox/numbers", json=body) as response,
    ):
        if response.status >= 300:
            raise SeedFailed(f"the sandbox refused the number: {await response.text()}")


def _call(peers: Peers, tenant_id: str, workspace_id: str) -> Call:
    actor = Actor("service", "operator", tenant_id, workspace_id, frozenset({SERVICE}))
    return Call(actor, peers=peers, correlation_id=new_id(), seconds=2 * _INDEX_SECONDS)
