"""Pages: their tokens carry a list on, and nothing else; both orders show every row once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from malha.assistants.v1.assistant_service_pb2 import ListAssistantsRequest
from malha.ingestion.v1.webhook_event_service_pb2 import ListWebhookEventsRequest

from services.kit.call import Call
from services.kit.db import Database
from services.kit.ids import new_id
from services.kit.pages import Page, PageTokenInvalid, turned_round
from services.kit.testing import service_call

CALL = service_call(None, tenant_id=new_id(), workspace_id=new_id())


@given(st.integers(0, 120), st.integers(1, 50))
def test_pages_show_every_row_once_and_in_order(count: int, size: int) -> None:
    rows = [{"id": f"{n:04d}"} for n in range(count)]
    shown: list[str] = []
    token = ""
    while True:
        page = Page.of(ListAssistantsRequest(page_size=size, page_token=token), CALL)
        left = [row for row in rows if page.after is None or row["id"] > page.after]
        cut, token = page.cut(left[: page.limit], by="id")
        assert len(cut) <= size
        shown += [row["id"] for row in cut]
        if not token:
            break
    assert shown == [row["id"] for row in rows]


def test_a_token_keeps_times_exact() -> None:
    time = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
    page = Page.of(ListAssistantsRequest(page_size=1), CALL)
    _, token = page.cut([{"t": time, "id": "a"}, {"t": time, "id": "b"}], by=("t", "id"))
    again = Page.of(ListAssistantsRequest(page_size=1, page_token=token), CALL)
    assert again.values(2) == (time, "a")
    assert page.values(2) == (None, None)


def _token() -> str:
    page = Page.of(ListWebhookEventsRequest(page_size=1, correlation_id="one"), CALL)
    return page.cut([{"id": "a"}, {"id": "b"}], by="id")[1]


@pytest.mark.parametrize(
    "request_",
    [
        ListWebhookEventsRequest(page_token=_token(), correlation_id="another"),
        ListAssistantsRequest(page_token=_token()),
        ListWebhookEventsRequest(page_token=_token()[:-2] + "xx", correlation_id="one"),
        ListWebhookEventsRequest(page_token="x", correlation_id="one"),
        ListWebhookEventsRequest(page_token="é" * 30, correlation_id="one"),
    ],
    ids=["another filter", "another list", "changed", "short", "not base64"],
)
def test_a_token_of_anything_else_is_refused(request_: ListWebhookEventsRequest) -> None:
    with pytest.raises(PageTokenInvalid) as refused:
        Page.of(request_, CALL)
    assert [field for field, _ in refused.value.violations()] == ["page_token"]


def test_a_token_may_change_the_page_size() -> None:
    request = ListWebhookEventsRequest(page_token=_token(), correlation_id="one", page_size=7)
    assert Page.of(request, CALL).after == "a"


_LIST = """
SELECT id, number FROM things.things
 WHERE $1::int IS NULL OR (number, id) /*dir*/ < ($1, $2::uuid)
 ORDER BY number /*dir*/ DESC, id /*dir*/ DESC
 LIMIT $3"""


@given(
    numbers=st.lists(st.integers(0, 4), max_size=25),
    size=st.integers(1, 7),
    order=st.sampled_from(["", "create_time", "create_time desc"]),
)
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_both_orders_walk_every_row_once(
    things: Database, numbers: list[int], size: int, order: str
) -> None:
    tenant_id = new_id()
    async with service_call(things, tenant_id=tenant_id).transaction() as tx:
        insert = "INSERT INTO things.things (name, number) SELECT 'x', n FROM unnest($1::int[]) n"
        await tx.run(insert, numbers)
    shown: list[tuple[int, str]] = []
    token = ""
    while True:
        page = Page.of(
            ListAssistantsRequest(page_size=size, page_token=token, order_by=order), CALL
        )
        rows = await things.read(tenant_id, page.directed(_LIST), *page.values(2), page.limit)
        cut, token = page.cut(rows, by=("number", "id"))
        assert len(cut) <= size
        shown += [(row["number"], row["id"]) for row in cut]
        if not token:
            break
    assert [number for number, _ in shown] == sorted(numbers, reverse=order != "create_time")
    assert shown == sorted(shown, reverse=order != "create_time")
    assert len(set(shown)) == len(numbers)


def test_a_query_turns_round_where_it_says_so_and_nowhere_else() -> None:
    query = """-- "/*dir*/" marks; a < b, DESC
        WHERE a < 1 AND (b, c) /*dir*/ < ($1, $2) AND d /*dir*/ <= $3
        ORDER BY b /*dir*/ DESC, e DESC, c /*dir*/ DESC NULLS LAST"""
    turned = turned_round(query)
    assert "(b, c) > ($1, $2) AND d >= $3" in turned
    assert "ORDER BY b ASC, e DESC, c ASC NULLS LAST" in turned
    assert "a < 1" in turned
    assert Page.of(ListAssistantsRequest(), CALL).directed(query) is query


@pytest.mark.parametrize(
    "call",
    [
        service_call(None, tenant_id=new_id(), workspace_id=CALL.workspace_id),
        service_call(None, tenant_id=CALL.tenant_id, workspace_id=new_id()),
    ],
    ids=["another_tenant", "another_workspace"],
)
def test_a_token_belongs_to_its_tenant_and_workspace(call: Call) -> None:
    page = Page.of(ListAssistantsRequest(page_size=1), CALL)
    _, token = page.cut([{"id": "a"}, {"id": "b"}], by="id")
    with pytest.raises(PageTokenInvalid):
        Page.of(ListAssistantsRequest(page_token=token), call)


def test_a_token_belongs_to_its_order() -> None:
    page = Page.of(ListAssistantsRequest(page_size=1, order_by="create_time"), CALL)
    _, token = page.cut([{"id": "a"}, {"id": "b"}], by="id")
    for order in ("", "create_time desc"):
        with pytest.raises(PageTokenInvalid):
            Page.of(ListAssistantsRequest(page_token=token, order_by=order), CALL)
    assert (
        Page.of(ListAssistantsRequest(page_token=token, order_by="create_time"), CALL).after == "a"
    )
