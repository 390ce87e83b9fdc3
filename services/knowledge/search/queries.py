"""What assistants find."""

from malha.assistants.v1.assistant_service_pb2 import GetAssistantRequest
from malha.assistants.v1.assistant_service_pb2_grpc import AssistantServiceStub
from malha.knowledge.v1.search_service_pb2 import (
    Passage,
    QueryResult,
    SearchPassagesRequest,
    SearchPassagesResponse,
)

from services.kit.ai import Embedder
from services.kit.call import Call
from services.knowledge.cleaning import clean_line
from services.knowledge.settings import KnowledgeSettings
from services.knowledge.stores.base import Query, Space, VectorStore

_DEFAULT_LIMIT = 5


async def search_passages(
    call: Call,
    request: SearchPassagesRequest,
    *,
    embedder: Embedder,
    store: VectorStore,
    settings: KnowledgeSettings,
) -> SearchPassagesResponse:
    """The passages most like each query, among those that are alike enough.

    A partner or a person who names no assistant of theirs is told so, not that nothing was found.
    """
    min_score = request.min_score or settings.min_score
    texts = [clean_line(query) for query in request.queries]
    vectors = await embedder.embed(texts)
    found = await store.search(
        call,
        request.assistant_id,
        Space(embedder.model, embedder.dimensions),
        [Query(text, vector) for text, vector in zip(texts, vectors, strict=True)],
        limit=request.limit or _DEFAULT_LIMIT,
        min_score=min_score,
    )
    if not any(found) and call.actor.kind != "service":
        # Its refusal, ASSISTANT_NOT_FOUND, is ours too. Who finds something has an assistant, and
        # Malha's own services have asked before: neither waits for this.
        assistants = call.stub(AssistantServiceStub)
        await assistants.GetAssistant(GetAssistantRequest(id=request.assistant_id))
    return SearchPassagesResponse(
        results=[
            QueryResult(
                query=query,
                passages=[
                    Passage(
                        id=one.id,
                        document_id=one.document_id,
                        title=one.title,
                        text=one.text,
                        score=one.score,
                    )
                    for one in passages
                ],
            )
            for query, passages in zip(request.queries, found, strict=True)
        ],
        min_score=min_score,
    )
