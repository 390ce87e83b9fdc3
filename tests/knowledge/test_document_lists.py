"""Lists of documents: filtered, ordered both ways, and walked through page by page."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from malha.knowledge.v1.document_pb2 import (
    DOCUMENT_STATUS_FAILED,
    DOCUMENT_STATUS_QUEUED,
    DOCUMENT_STATUS_READY,
    DOCUMENT_STATUS_UNSPECIFIED,
    Document,
)
from malha.knowledge.v1.document_service_pb2 import ListDocumentsRequest

from services.kit.ai.fake import FakeEmbedder
from services.kit.call import Call
from services.kit.db import Database
from services.kit.ids import new_id
from services.kit.testing import service_call
from services.knowledge.documents.queries import list_documents
from services.knowledge.stores import PgvectorStore
from tests.knowledge.library import TEXT, add_document, index, partner, read

ASSISTANTS = [new_id() for _ in range(2)]
TITLES = ("Preços", "PREÇO_FINAL", "100% algodão", "preço final", "Trocas", "a\\b")
STATUSES = (
    DOCUMENT_STATUS_UNSPECIFIED,
    DOCUMENT_STATUS_QUEUED,
    DOCUMENT_STATUS_READY,
    DOCUMENT_STATUS_FAILED,
)
# The letters of the titles, what LIKE would take for wildcards, and what is in none of them.
PARTS = st.text(alphabet="PpreçÇoO_%\\ aA.", max_size=3)

Shelf = tuple[Call, Sequence[Document]]


@pytest.fixture(scope="module")
async def shelf(database: Database) -> Shelf:
    """A workspace with each title for two assistants: queued, ready and failed in turn."""
    call = partner(service_call(database, tenant_id=new_id()))
    made = []
    for number, title in enumerate(TITLES * 2):
        text = f"# {title}" if number % 3 == 2 else TEXT
        document = await add_document(call, title, text, assistant_id=ASSISTANTS[number % 2])
        if number % 3:
            await index(call, document, FakeEmbedder(16), PgvectorStore())
        made.append(await read(call, document))
    await add_document(partner(call), TITLES[0])
    return call, made


async def walk(call: Call, **fields: object) -> list[Document]:
    """Every document of a list, page by page."""
    shown: list[Document] = []
    token = ""
    while True:
        request = ListDocumentsRequest(page_token=token, **fields)  # type: ignore[arg-type]
        page = await list_documents(call, request)
        shown += page.documents
        token = page.next_page_token
        if not token:
            return shown


@settings(
    max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    title=PARTS,
    status=st.sampled_from(STATUSES),
    assistant_id=st.sampled_from(["", *ASSISTANTS]),
    order_by=st.sampled_from(["", "create_time", "create_time desc"]),
    size=st.sampled_from([1, 5, 12, 200]),
)
async def test_a_list_is_what_a_simple_filter_gives(
    shelf: Shelf, title: str, status: int, assistant_id: str, order_by: str, size: int
) -> None:
    call, made = shelf
    wanted = [
        one
        for one in made
        if title.casefold() in one.title.casefold()
        and status in (DOCUMENT_STATUS_UNSPECIFIED, one.status)
        and assistant_id in ("", one.assistant_id)
    ]
    if order_by != "create_time":
        wanted.reverse()
    listed = await walk(
        call,
        title=title,
        status=status,
        assistant_id=assistant_id,
        order_by=order_by,
        page_size=size,
    )
    assert listed == wanted


async def test_the_shelf_has_every_status(shelf: Shelf) -> None:
    assert {one.status for one in shelf[1]} == set(STATUSES) - {DOCUMENT_STATUS_UNSPECIFIED}
