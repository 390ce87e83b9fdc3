"""Page tokens: they carry a list on, and nothing else."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from malha.assistants.v1.assistant_service_pb2 import ListAssistantsRequest
from malha.ingestion.v1.webhook_event_service_pb2 import ListWebhookEventsRequest

from services.kit.errors import InvalidRequest
from services.kit.pages import Page


@given(st.integers(0, 120), st.integers(1, 50))
def test_pages_show_every_row_once_and_in_order(count: int, size: int) -> None:
    rows = [{"id": f"{n:04d}"} for n in range(count)]
    shown: list[str] = []
    token = ""
    while True:
        page = Page.of(ListAssistantsRequest(page_size=size, page_token=token))
        left = [row for row in rows if page.after is None or row["id"] > page.after]
        cut, token = page.cut(left[: page.limit], by="id")
        assert len(cut) <= size
        shown += [row["id"] for row in cut]
        if not token:
            break
    assert shown == [row["id"] for row in rows]


def test_a_token_keeps_times_exact() -> None:
    time = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
    page = Page.of(ListAssistantsRequest(page_size=1))
    _, token = page.cut([{"t": time, "id": "a"}, {"t": time, "id": "b"}], by=("t", "id"))
    again = Page.of(ListAssistantsRequest(page_size=1, page_token=token))
    assert again.values(2) == (time, "a")
    assert page.values(2) == (None, None)


def _token() -> str:
    page = Page.of(ListWebhookEventsRequest(page_size=1, correlation_id="one"))
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
    with pytest.raises(InvalidRequest) as refused:
        Page.of(request_)
    assert [field for field, _ in refused.value.violations()] == ["page_token"]


def test_a_token_may_change_the_page_size() -> None:
    request = ListWebhookEventsRequest(page_token=_token(), correlation_id="one", page_size=7)
    assert Page.of(request).after == "a"
