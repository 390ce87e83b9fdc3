"""Questions in Portuguese find the demo shop's answers, with the local model on PostgreSQL."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from malha.assistants.v1.assistant_service_pb2 import GetAssistantRequest
from malha.knowledge.v1.search_service_pb2 import SearchPassagesRequest, SearchPassagesResponse

from services.kit.ai import Embedder
from services.kit.ai.sentence_encoder import SentenceEncoder
from services.kit.call import Call
from services.kit.db import Database
from services.kit.errors import NotFound
from services.kit.ids import new_id
from services.kit.testing import service_call
from services.knowledge.search.queries import search_passages
from services.knowledge.settings import KnowledgeSettings
from services.knowledge.stores import PgvectorStore
from tests.knowledge.library import (
    add_document,
    assistants_of,
    index,
    no_assistants,
    partner,
)

DEMO = Path(__file__).parents[2] / "services/demo/knowledge"
ASSISTANT = new_id()
SETTINGS = KnowledgeSettings()


@pytest.fixture(scope="module")
async def embedder() -> AsyncIterator[Embedder]:
    encoder = SentenceEncoder()
    yield encoder
    await encoder.close()


@pytest.fixture(scope="module")
async def shop(database: Database, embedder: Embedder) -> Call:
    """A call of the demo shop, whose texts are indexed."""
    call = partner(service_call(database, tenant_id=new_id()))
    for path in sorted(DEMO.glob("*.md")):
        title, _, text = path.read_text().partition("\n")
        document = await add_document(call, title.removeprefix("# "), text, assistant_id=ASSISTANT)
        await index(call, document, embedder, PgvectorStore())
    return call


async def search(
    call: Call, embedder: Embedder, *queries: str, **fields: float
) -> SearchPassagesResponse:
    request = SearchPassagesRequest(assistant_id=ASSISTANT, queries=queries, **fields)  # type: ignore[arg-type]
    return await search_passages(
        call, request, embedder=embedder, store=PgvectorStore(), settings=SETTINGS
    )


@pytest.mark.parametrize(
    ("question", "title", "says"),
    [
        ("Posso trocar uma blusa que não serviu?", "Trocas e devoluções", "30 dias"),
        ("Qual o prazo de entrega?", "Prazos de entrega e frete", "2 a 4 dias úteis"),
        ("vocês aceitam pix?", "Formas de pagamento", "5% de desconto"),
        ("onde fica a loja?", "Horário de atendimento e loja física", "Rua das Laranjeiras"),
        ("o produto tem garantia?", "Garantia e defeitos", "90 dias"),
        ("How long does delivery take?", "Prazos de entrega e frete", "2 a 4 dias úteis"),
    ],
)
async def test_a_question_finds_its_answer(
    shop: Call, embedder: Embedder, question: str, title: str, says: str
) -> None:
    response = await search(shop, embedder, question)
    [result] = response.results
    assert result.query == question
    assert result.passages[0].title == title
    assert says in result.passages[0].text
    assert 1 >= result.passages[0].score >= response.min_score == SETTINGS.min_score


async def test_a_question_from_elsewhere_finds_nothing(shop: Call, embedder: Embedder) -> None:
    response = await search(shop, embedder, "Qual a capital da França?", "me conta uma piada")
    assert [list(result.passages) for result in response.results] == [[], []]


async def test_each_query_has_its_own_result(shop: Call, embedder: Embedder) -> None:
    queries = ("vocês aceitam pix?", "quem ganhou o jogo ontem?", "Qual o prazo de entrega?")
    together = await search(shop, embedder, *queries)
    assert [result.query for result in together.results] == list(queries)
    for query, result in zip(queries, together.results, strict=True):
        [alone] = (await search(shop, embedder, query)).results
        assert [one.id for one in alone.passages] == [one.id for one in result.passages]


async def test_the_caller_says_how_many_and_how_similar(shop: Call, embedder: Embedder) -> None:
    many = await search(shop, embedder, "entrega", limit=20, min_score=0.01)
    few = await search(shop, embedder, "entrega", limit=2, min_score=0.01)
    assert len(many.results[0].passages) == 20
    assert list(few.results[0].passages) == list(many.results[0].passages)[:2]
    near = await search(shop, embedder, "entrega", limit=20, min_score=0.3)
    assert near.min_score == pytest.approx(0.3)
    assert all(one.score >= 0.3 for one in near.results[0].passages)


@pytest.mark.parametrize(
    "query",
    [
        "'; DROP TABLE knowledge.passages; --",
        "$1 %s {}",
        "[1,2,3]",
        "\x00",
        "\u202e\u200b",
        "👍" * 500,
    ],
)
async def test_a_hostile_query_is_only_text(shop: Call, embedder: Embedder, query: str) -> None:
    [result] = (await search(shop, embedder, query)).results
    assert result.query == query
    assert (await search(shop, embedder, "vocês aceitam pix?")).results[0].passages


async def test_invisible_characters_change_nothing(shop: Call, embedder: Embedder) -> None:
    plain = await search(shop, embedder, "vocês aceitam pix?")
    hidden = await search(shop, embedder, "vo\u200bcês aceitam\u2066 pix?")
    assert list(plain.results[0].passages) == list(hidden.results[0].passages)


async def test_another_tenant_or_workspace_is_told_that_there_is_no_such_assistant(
    shop: Call, embedder: Embedder, other_call: Call
) -> None:
    for stranger in (
        partner(other_call, peers=no_assistants()),
        partner(other_call, shop.workspace_id, peers=no_assistants()),
        partner(shop, peers=no_assistants()),
    ):
        with pytest.raises(NotFound) as refusal:
            await search(stranger, embedder, "vocês aceitam pix?")
        assert refusal.value.reason == "ASSISTANT_NOT_FOUND"
    response = await search(other_call, embedder, "vocês aceitam pix?")
    assert list(response.results[0].passages) == []


async def test_assistants_is_asked_only_by_a_partner_who_finds_nothing(
    shop: Call, embedder: Embedder
) -> None:
    peers = assistants_of(shop.workspace_id)
    mine = partner(shop, shop.workspace_id, peers=peers)
    await search(mine, embedder, "vocês aceitam pix?", "me conta uma piada")
    assert peers.asked == []
    response = await search(mine, embedder, "me conta uma piada")
    assert list(response.results[0].passages) == []
    assert peers.asked == [("AssistantService.GetAssistant", GetAssistantRequest(id=ASSISTANT))]
    service = service_call(shop._database, tenant_id=shop.tenant_id, peers=peers)
    await search(service, embedder, "me conta uma piada")
    assert len(peers.asked) == 1
