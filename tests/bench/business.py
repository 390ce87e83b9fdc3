"""Businesses to measure and to torment with: a tenant each, made as a real one would be."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
from malha.crm.v1.admin_service_pb2 import CreateTenantRequest
from malha.crm.v1.admin_service_pb2_grpc import AdminServiceStub

from services.kit.auth import Signer
from services.kit.devstack.mesh import Mesh
from services.kit.peers import Peers
from tests.outside import Json, Outside, until

_INDEX_SECONDS = 120


@dataclass(frozen=True)
class Topic:
    """Something a business knows, and how customers ask about it."""

    title: str
    question: str
    text: str
    """What the document says; `{code}` becomes a word that no other text has."""


TOPICS = (
    Topic(
        "Estacionamento",
        "O estacionamento é gratuito?",
        "O estacionamento é gratuito por duas horas para quem compra na loja. "
        "Mostre na saída o tíquete {code}.",
    ),
    Topic(
        "Entrega",
        "Qual é o prazo de entrega?",
        "O prazo de entrega é de cinco dias úteis para todo o Brasil. "
        "A transportadora usa o rastreio {code}.",
    ),
    Topic(
        "Garantia",
        "Quanto tempo dura a garantia do relógio?",
        "A garantia do relógio dura vinte e quatro meses. O termo de garantia é o {code}.",
    ),
    Topic(
        "Pagamento",
        "Vocês aceitam pagamento com pix?",
        "Aceitamos pagamento com pix, boleto e cartão. A chave pix da loja é {code}.",
    ),
    Topic(
        "Horário",
        "Que horas a loja abre no domingo?",
        "No domingo a loja abre às dez horas e fecha às dezesseis. O aviso do horário é o {code}.",
    ),
    Topic(
        "Embalagem",
        "Vocês embrulham para presente?",
        "Embrulhamos para presente sem custo, com laço e cartão. A embalagem chama-se {code}.",
    ),
    Topic(
        "Veterinário",
        "O veterinário atende gatos com febre?",
        "O veterinário atende gatos e cachorros com febre a qualquer hora. "
        "Peça a ficha {code} na recepção.",
    ),
    Topic(
        "Aulas de violão",
        "Como me inscrevo nas aulas de violão?",
        "As aulas de violão são às quartas-feiras, e a inscrição é no balcão. "
        "A turma de violão é a {code}.",
    ),
)


class Operator:
    """Who makes tenants."""

    def __init__(self, peers: Peers) -> None:
        self.peers = peers

    async def new_tenant(self, name: str, plan: str = "scale") -> Any:
        """A tenant on a plan whose limits nothing here reaches, unless another one is named."""
        return await self.peers.system_stub(AdminServiceStub, deadline=60).CreateTenant(
            CreateTenantRequest(
                name=name,
                plan=plan,
                owner_email=f"dono+{secrets.token_hex(8)}@example.com",
                owner_password=secrets.token_urlsafe(16),
            )
        )


@asynccontextmanager
async def operator_of(mesh: Mesh) -> AsyncIterator[Operator]:
    """The operator of a mesh."""
    environment = mesh.wiring.operator()
    peers = Peers(
        json.loads(environment["MALHA_PEERS"]), Signer("operator", environment["MALHA_SERVICE_KEY"])
    )
    try:
        yield Operator(peers)
    finally:
        await peers.close()


@dataclass(frozen=True)
class Business:
    """A tenant with an assistant and one WhatsApp number, seen from outside."""

    world: Outside
    tenant_id: str
    assistant_id: str
    codes: dict[str, str]
    """Title of a topic to the word that gives its answer away."""

    @property
    def channel(self) -> Json:
        """Its number."""
        return self.world.channel

    @property
    def number(self) -> str:
        """Its number's id at Meta."""
        return str(self.channel["phone_number_id"])


async def open_business(
    mesh: Mesh,
    session: aiohttp.ClientSession,
    name: str,
    *,
    topics: Sequence[Topic] = (),
    answered: bool = True,
    quiet_seconds: float = 1.0,
) -> Business:
    """A new business. Unless `answered`, its number has no assistant: messages are only kept."""
    async with operator_of(mesh) as operator:
        made = await operator.new_tenant(name)
    demo = {**mesh.demo, "api_key": made.api_key, "channels": {"whatsapp": {}}}
    world = Outside(session, demo)
    assistant = await _created(
        world, "/v1/assistants", {"name": name, "quietTime": f"{quiet_seconds:g}s"}
    )
    channel = {
        "phone_number_id": str(10**14 + secrets.randbelow(9 * 10**14)),
        "waba_id": str(10**14 + secrets.randbelow(9 * 10**14)),
        "app_secret": secrets.token_hex(16),
        "verify_token": secrets.token_urlsafe(16),
        "access_token": f"EAA{secrets.token_urlsafe(32)}",
    }
    connection = await _created(
        world,
        "/v1/connections",
        {
            "channel": "whatsapp",
            "displayName": name,
            "assistantId": assistant["id"] if answered else "",
            "config": channel,
        },
    )
    world.channel = channel | {"id": connection["id"], "webhook_url": connection["webhookUrl"]}
    codes = {topic.title: f"{topic.title[:3].upper()}{secrets.token_hex(4)}" for topic in topics}
    await asyncio.gather(
        register_number(world, world.channel),
        teach(
            world,
            assistant["id"],
            [(topic.title, topic.text.format(code=codes[topic.title])) for topic in topics],
        ),
    )
    return Business(world, made.tenant.id, assistant["id"], codes)


async def teach(world: Outside, assistant_id: str, documents: Sequence[tuple[str, str]]) -> int:
    """Add documents and wait until they can be found; gives the number of their passages."""
    made = [
        await _created(
            world, "/v1/documents", {"assistantId": assistant_id, "title": title, "text": text}
        )
        for title, text in documents
    ]

    async def passages(document: Json) -> int:
        async def ready() -> Json | None:
            found: Json = await world.get(f"/v1/documents/{document['id']}")
            assert found["status"] != "DOCUMENT_STATUS_FAILED", found
            return found if found["status"] == "DOCUMENT_STATUS_READY" else None

        return int((await until(ready, _INDEX_SECONDS))["passageCount"])

    return sum([await passages(document) for document in made])


async def _created(world: Outside, path: str, body: Json) -> Json:
    answer = await world.rest("POST", path, body)
    if answer.status != 200:
        raise RuntimeError(f"POST {path}: {answer.status} {answer.body}")
    made: Json = answer.body
    return made


async def register_number(world: Outside, channel: Json) -> None:
    """Have the sandbox know a number, as Meta knows those of its customers."""
    fields = (
        *("phone_number_id", "waba_id", "webhook_url"),
        *("app_secret", "verify_token", "access_token"),
    )
    body = {
        **{name: channel[name] for name in fields},
        "display_phone_number": "+55 11 4002-8922",
        # Nobody here writes through the sandbox, which would open the window.
        "window": "off",
    }
    url = f"{world.demo['sandbox_url']}/sandbox/numbers"
    async with world.session.post(url, json=body) as response:
        if response.status >= 300:
            raise RuntimeError(f"the sandbox refused the number: {await response.text()}")
