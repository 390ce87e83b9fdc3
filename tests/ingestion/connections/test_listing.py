"""Connections in lists: filters, order, pages, and how many there are."""

from __future__ import annotations

from typing import Any

import pytest
from malha.ingestion.v1.connection_pb2 import ConnectionStatus
from malha.ingestion.v1.connection_service_pb2 import CountConnectionsRequest

from services.ingestion.connections.queries import count_connections
from services.kit.errors import InvalidRequest
from services.kit.pages import PageTokenInvalid
from services.kit.testing import service_call
from tests.ingestion.connections.office import Office

PAUSED = ConnectionStatus.CONNECTION_STATUS_PAUSED
ACTIVE = ConnectionStatus.CONNECTION_STATUS_ACTIVE


async def listed(office: Office, **fields: Any) -> list[str]:
    """The ids of every page of two."""
    seen, token = [], ""
    while True:
        page = await office.page(page_size=2, page_token=token, **fields)
        assert len(page.connections) <= 2
        seen += [connection.id for connection in page.connections]
        if not (token := page.next_page_token):
            return seen


@pytest.mark.parametrize(
    ("order_by", "newest_first"),
    [("", True), ("create_time desc", True), ("create_time", False)],
)
async def test_pages_follow_each_other_in_either_order(
    office: Office, order_by: str, newest_first: bool
) -> None:
    made = [(await office.connect()).id for _ in range(5)]
    assert await listed(office, order_by=order_by) == (made[::-1] if newest_first else made)


async def test_connections_are_filtered(office: Office) -> None:
    made = [(await office.connect()).id for _ in range(4)]
    for connection_id in made[1:3]:
        await office.update(connection_id, status=PAUSED)
    assert await listed(office, status=PAUSED) == [made[2], made[1]]
    assert await listed(office, status=ACTIVE, order_by="create_time") == [made[0], made[3]]
    assert await listed(office, channel="whatsapp") == made[::-1]
    assert await listed(office, channel="instagram") == []
    assert await listed(office, channel="whatsapp", status=ACTIVE) == [made[3], made[0]]


async def test_a_token_is_of_no_use_in_another_order_or_filter(office: Office) -> None:
    for _ in range(3):
        await office.connect()
    token = (await office.page(page_size=1)).next_page_token
    for other in ({"order_by": "create_time"}, {"status": ACTIVE}, {"channel": "whatsapp"}):
        with pytest.raises(PageTokenInvalid):
            await office.page(page_size=1, page_token=token, **other)


async def test_an_unknown_order_or_status_is_refused(office: Office) -> None:
    for field, wrong in (("order_by", "display_name"), ("status", 99), ("page_size", 201)):
        with pytest.raises(InvalidRequest, match=field):
            await office.page(**{field: wrong})


async def test_connections_are_counted_by_tenant_and_by_workspace(office: Office) -> None:
    neighbour, stranger = office.other(), office.other()
    neighbour.tenant_id = office.tenant_id
    made = [await office.connect(), await office.connect(), await neighbour.connect()]
    await stranger.connect()

    async def count(workspace_id: str = "") -> int:
        call = service_call(office.database, tenant_id=office.tenant_id, readonly=True)
        request = CountConnectionsRequest(workspace_id=workspace_id)
        return (await count_connections(call, request)).count

    assert await count() == 3
    assert await count(office.workspace_id) == 2
    assert await count(stranger.workspace_id) == 0
    await office.disconnect(made[0].id)
    assert await count() == 2
