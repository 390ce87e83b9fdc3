"""The victim, with one of everything, each marked; the attacker, with every right of its own."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
from malha.crm.v1.admin_service_pb2 import CreateTenantRequest
from malha.crm.v1.admin_service_pb2_grpc import AdminServiceStub

from services.kit.devstack.mesh import Mesh
from tests.bench.business import operator_of, register_number
from tests.outside import Json, Outside, new_customer, until

_SECONDS = 60


@dataclass
class Business:
    """A tenant by its credentials and the ids of what it has."""

    world: Outside
    tenant_id: str
    login: Mapping[str, str]
    """The owner's address and password."""
    mark: str
    """In every name and text of it, and nowhere else."""
    ids: dict[str, str] = field(default_factory=dict)
    """By what it is, e.g. assistant: the id."""
    token: str = ""
    """The owner's access token."""

    @property
    def credentials(self) -> Mapping[str, Mapping[str, str]]:
        """What it can show, by name."""
        return {
            "key": {"x-api-key": self.world.demo["api_key"]},
            "person": {"authorization": f"Bearer {self.token}"},
        }

    async def sign_in(self) -> None:
        """Have the owner sign in, perhaps again."""
        session = await _done(self.world, "POST", "/v1/sessions", self.login, key="")
        self.token, self.ids["session"] = session["accessToken"], session["sessionId"]


async def found(mesh: Mesh, session: aiohttp.ClientSession, name: str) -> Business:
    """A tenant with nothing but its owner and a key."""
    mark = f"{name}{secrets.token_hex(8)}"
    email, password = f"{mark.lower()}@example.com", secrets.token_urlsafe(16)
    async with operator_of(mesh) as operator:
        admin = operator.peers.system_stub(AdminServiceStub, deadline=60)
        made = await admin.CreateTenant(
            CreateTenantRequest(name=mark, plan="scale", owner_email=email, owner_password=password)
        )
    demo = {**mesh.demo, "api_key": made.api_key, "channels": {"whatsapp": {}}}
    world = Outside(session, demo)
    business = Business(world, made.tenant.id, {"email": email, "password": password}, mark)
    await business.sign_in()
    business.ids.update(
        tenant=made.tenant.id,
        workspace=made.workspace_id,
        user=made.user_id,
        api_key=made.api_key.split("_")[1],
    )
    return business


async def furnish(business: Business) -> None:
    """Give it one of everything that the API knows, made as its owner would."""
    world, mark, ids = business.world, business.mark, business.ids
    workspace = await _done(world, "POST", "/v1/workspaces", {"name": f"{mark} dois"})
    ids["empty_workspace"] = workspace["id"]
    assistant = await _done(
        world,
        "POST",
        "/v1/assistants",
        {"name": mark, "instructions": f"Diga {mark}.", "quietTime": "0.2s", "maxWait": "1s"},
    )
    ids["assistant"] = assistant["id"]
    document = await _done(
        world,
        "POST",
        "/v1/documents",
        {
            "assistantId": assistant["id"],
            "title": mark,
            "text": f"O segredo da casa é {mark}, guardado no cofre da loja.",
        },
    )
    ids["document"] = document["id"]
    key = await _done(world, "POST", "/v1/api-keys", {"name": mark, "scopes": ["assistants:read"]})
    ids["other_api_key"] = key["apiKey"]["id"]
    invitation = await _done(
        world,
        "POST",
        "/v1/invitations",
        {"email": f"convite.{mark.lower()}@example.com", "role": "ROLE_AGENT"},
    )
    ids["invitation"] = invitation["id"]
    await _connect(business)
    await _converse(business)


async def _connect(business: Business) -> None:
    channel = {
        "phone_number_id": str(10**14 + secrets.randbelow(9 * 10**14)),
        "waba_id": str(10**14 + secrets.randbelow(9 * 10**14)),
        "app_secret": secrets.token_hex(16),
        "verify_token": secrets.token_urlsafe(16),
        "access_token": f"EAA{secrets.token_urlsafe(32)}",
    }
    world = business.world
    connection = await _done(
        world,
        "POST",
        "/v1/connections",
        {
            "channel": "whatsapp",
            "displayName": business.mark,
            "assistantId": business.ids["assistant"],
            "config": channel,
        },
    )
    business.ids["connection"] = connection["id"]
    world.channel = channel | {"id": connection["id"], "webhook_url": connection["webhookUrl"]}
    await register_number(world, world.channel)


async def _converse(business: Business) -> None:
    world, ids = business.world, business.ids
    customer = new_customer()
    await world.write(customer, f"qual é o segredo da casa? {business.mark}")
    await world.first_answer(customer, _SECONDS)
    conversation = await world.conversation_of(customer)
    ids["conversation"] = conversation["id"]
    ids["participant"] = conversation["participant"]["id"]

    async def answered() -> list[Json]:
        messages = await world.messages_of(customer)
        # The last that happens by itself: from then on, a change is somebody's doing.
        settled = len(messages) > 1 and messages[-1]["status"] == "MESSAGE_STATUS_READ"
        return messages if settled else []

    messages = await until(answered, _SECONDS)
    ids["message"] = messages[0]["message"]["id"]
    ids["turn"] = messages[0]["turnId"]
    ids["correlation"] = messages[0]["correlationId"]
    events = await world.get("/v1/webhook-events", pageSize=1)
    ids["webhook_event"] = events["webhookEvents"][0]["id"]


async def _done(
    world: Outside, method: str, path: str, body: Any, *, key: str | None = None
) -> Json:
    answer = await world.rest(method, path, body, key=key)
    assert answer.status == 200, f"{method} {path}: {answer.status} {answer.body}"
    made: Json = answer.body
    return made
