"""Search among ten thousand passages: how fast, and how much of what an exact scan finds."""

from __future__ import annotations

import itertools
import json
import random
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

from services.kit.ai import AISettings, open_embedder
from services.knowledge.stores.base import FoundPassage
from services.knowledge.stores.ranking import CANDIDATES, rank
from tests.bench.business import Business, open_business, teach
from tests.bench.figure import Figure, Invalid, note, percentile
from tests.bench.laboratory import Laboratory

PASSAGES = 10_000
DOCUMENTS = 20
QUERIES = 200
LIMIT = 5
_ANY_SCORE = 0.001
"""Lets everything through, so that the five best are compared, and not the threshold."""
_SAME = 1e-4
"""Scores that differ by less are equally good: vectors are kept in half precision."""

_PRODUCTS = (
    *("o vestido de linho", "a camisa de algodão", "o tênis de corrida", "a bolsa de couro"),
    *("o relógio de pulso", "a cafeteira elétrica", "o colchão de molas", "a bicicleta dobrável"),
    *("o violão de nylon", "a barraca de acampamento", "o fone sem fio", "a panela de pressão"),
    *("o berço de madeira", "a ração para gatos", "o creme para as mãos", "a mesa de jantar"),
    *("o livro de receitas", "a furadeira de impacto", "o vinho tinto", "a planta ornamental"),
)
_PLACES = (
    *("em Salvador", "em Recife", "em Manaus", "em Curitiba", "em Belém", "em Fortaleza"),
    *("em Goiânia", "em Florianópolis", "em Natal", "em Cuiabá", "em Vitória", "em Campinas"),
)
_FACTS = (
    ("pode ser trocado em até {n} dias", "em quantos dias posso trocar {p} {l}?"),
    ("é entregue em {n} dias úteis", "quanto tempo leva a entrega: {p} {l}?"),
    ("tem garantia de {n} meses", "qual é a garantia para {p} {l}?"),
    ("custa {n} reais à vista", "quanto custa {p} {l}?"),
    ("é parcelado em {n} vezes sem juros", "em quantas vezes parcelam {p} {l}?"),
    ("precisa de revisão a cada {n} semanas", "quando fazer a revisão: {p} {l}?"),
    ("tem {n} unidades em estoque", "quantas unidades ainda têm: {p} {l}?"),
)
_DETAILS = (
    "Basta apresentar a nota fiscal no balcão de atendimento.",
    "O pedido é confirmado por mensagem no mesmo dia.",
    "Fale com a nossa equipe se tiver qualquer dúvida sobre isso.",
    "A condição vale também para as compras feitas pela internet.",
    "Quem faz parte do clube de clientes tem prioridade.",
    "Nos feriados o prazo conta a partir do próximo dia útil.",
)


async def measure(lab: Laboratory) -> AsyncIterator[Figure]:
    """Asked one by one over REST, as a partner; recall is against a comparison of all vectors."""
    business = await open_business(lab.mesh, lab.session, "Enciclopédia")
    texts, questions = corpus()
    size = len(texts) // DOCUMENTS
    began = time.monotonic()
    found = await teach(
        business.world,
        business.assistant_id,
        [
            (f"Catálogo {part + 1}", "\n\n".join(texts[part * size : (part + 1) * size]))
            for part in range(DOCUMENTS)
        ],
    )
    note(f"  {found} passages indexed within {time.monotonic() - began:.0f} s")
    if abs(found - PASSAGES) > PASSAGES // 100:
        raise Invalid(f"the documents were cut into {found} passages")
    waits, answers = [], []
    for question in questions[:20]:
        await _search(business, question)
    for question in questions:
        asked = time.monotonic()
        answers.append(await _search(business, question))
        waits.append((time.monotonic() - asked) * 1000)
    recall = await _recall(lab, business, questions, answers)
    note(f"  p95 {percentile(waits, 0.95):.1f} ms, p99 {percentile(waits, 0.99):.1f} ms")
    yield Figure("search_p50", percentile(waits, 0.50), "ms", 15.0, "at most")
    yield Figure("search_recall_at_5", recall, "part", 0.9, "at least")


def corpus() -> tuple[list[str], list[str]]:
    """Ten thousand paragraphs that each say something of their own, and questions about some."""
    draw = random.Random(5)
    texts, questions = [], []
    subjects = itertools.cycle(itertools.product(_PRODUCTS, _PLACES, _FACTS))
    for number, (product, place, (fact, question)) in zip(range(PASSAGES), subjects, strict=False):
        told = fact.format(n=draw.randrange(2, 400))
        series = f"na edição {number // (len(_PRODUCTS) * len(_PLACES) * len(_FACTS)) + 1}"
        detail = draw.choice(_DETAILS)
        texts.append(f"Na loja {place}, {product} {series} {told}. {detail} Item {number}.")
        questions.append(question.format(p=product, l=place))
    return texts, draw.sample(questions, QUERIES)


async def _search(business: Business, question: str) -> list[Any]:
    found = await business.world.get(
        "/v1/passages",
        assistantId=business.assistant_id,
        queries=question,
        limit=LIMIT,
        minScore=_ANY_SCORE,
    )
    return list(found["results"][0]["passages"])


async def _recall(
    lab: Laboratory, business: Business, questions: Sequence[str], answers: Sequence[list[Any]]
) -> float:
    """The part of the best five that was found; one that is as good as the fifth counts.

    The best are those of every vector compared in full, ranked by words as the search does it.
    """
    embedder = open_embedder(AISettings())
    try:
        vectors = await embedder.embed(questions)
    finally:
        await embedder.close()
    hits = 0
    for question, vector, answer in zip(questions, vectors, answers, strict=True):
        rows = await lab.owner.fetch(
            # Apart, or a prepared plan would read the text of the vector for every row again.
            "WITH query AS MATERIALIZED (SELECT $1::text::halfvec AS vector)"
            " SELECT p.id::text, d.id::text AS document_id, d.title, p.text,"
            "       1 - (p.embedding <=> query.vector) AS score"
            " FROM query CROSS JOIN knowledge.passages p JOIN knowledge.documents d"
            "   ON d.tenant_id = p.tenant_id AND d.id = p.document_id"
            " WHERE d.assistant_id = $2 ORDER BY score DESC LIMIT $3",
            json.dumps([float(number) for number in vector]),
            business.assistant_id,
            CANDIDATES,
        )
        nearest = [FoundPassage(**row) for row in rows]
        best = rank(question, nearest, limit=CANDIDATES, min_score=_ANY_SCORE)
        scores = {passage.id: passage.score for passage in best}
        fifth = best[LIMIT - 1].score
        hits += sum(scores.get(passage["id"], 0.0) >= fifth - _SAME for passage in answer)
    return hits / (LIMIT * len(questions))
