"""Lists of assistants: filtered by name, ordered both ways, and walked through page by page."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import (
    DeleteAssistantRequest,
    GetAssistantRequest,
    ListAssistantsRequest,
)
from malha.assistants.v2 import assistant_service_pb2 as v2

from services.assistants.assistants.commands import delete_assistant
from services.assistants.assistants.queries import get_assistant, list_assistants
from services.assistants.v2 import queries as v2_queries
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.ids import new_id
from services.kit.pages import PageTokenInvalid
from services.kit.testing import partner_call
from tests.assistants.conftest import Partner
from tests.assistants.making import create

NAMES = ("Lia", "LÍLIA", "lia da loja", "100%", "1000", "a_b", "axb", "Ação", "back\\slash", "Bia")
SIZES = st.sampled_from([1, 3, 4, 200])
# The letters of the names, what LIKE would take for wildcards, and what is in none of them.
PARTS = st.text(alphabet="LIliíÍaAxb_%0\\ çãÃ.", max_size=3)


@pytest.fixture(scope="module")
async def shelf(database: Database) -> tuple[Call, Sequence[Assistant]]:
    """A workspace with an assistant of each name, in that order."""
    call = partner_call(database, tenant_id=new_id(), workspace_id=new_id())
    return call, [await create(call, name) for name in NAMES]


async def walk(call: Call, **fields: object) -> list[Assistant]:
    """Every assistant of a list, page by page."""
    shown: list[Assistant] = []
    token = ""
    while True:
        request = ListAssistantsRequest(page_token=token, **fields)  # type: ignore[arg-type]
        page = await list_assistants(call, request)
        shown += page.assistants
        token = page.next_page_token
        if not token:
            return shown


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(part=PARTS, order_by=st.sampled_from(["", "create_time", "create_time desc"]), size=SIZES)
async def test_a_list_is_what_a_simple_filter_gives(
    shelf: tuple[Call, Sequence[Assistant]], part: str, order_by: str, size: int
) -> None:
    call, made = shelf
    wanted = [one for one in made if part.casefold() in one.name.casefold()]
    if order_by != "create_time":
        wanted.reverse()
    assert await walk(call, name=part, order_by=order_by, page_size=size) == wanted


async def test_a_page_token_is_good_for_its_own_filter_and_order_only(
    shelf: tuple[Call, Sequence[Assistant]],
) -> None:
    call, _ = shelf
    first = await list_assistants(call, ListAssistantsRequest(page_size=1, name="a"))
    for other in (
        ListAssistantsRequest(name="b", page_token=first.next_page_token),
        ListAssistantsRequest(name="a", order_by="create_time", page_token=first.next_page_token),
    ):
        with pytest.raises(PageTokenInvalid):
            await list_assistants(call, other)


async def test_a_list_shows_what_a_read_shows(call: Call) -> None:
    made = [await create(call, name) for name in ("um", "dois")]
    listed = await walk(call, order_by="create_time")
    assert listed == made
    for one in listed:
        assert await get_assistant(call, GetAssistantRequest(id=one.id)) == one
        assert one.etag


async def test_deleted_assistants_and_those_of_others_match_no_filter(
    call: Call, partner: Partner
) -> None:
    gone, kept = [await create(call, name) for name in ("Lia antiga", "Lia nova")]
    await delete_assistant(call, DeleteAssistantRequest(id=gone.id), clock=Clock())
    await create(partner(call.tenant_id), "Lia de outro workspace")
    await create(partner(workspace_id=call.workspace_id), "Lia de outro tenant")
    assert await walk(call, name="LIA") == [kept]


@pytest.mark.parametrize("order_by", ["", "create_time", "create_time desc"])
async def test_version_2_lists_the_same_in_the_same_order(
    shelf: tuple[Call, Sequence[Assistant]], order_by: str
) -> None:
    call, _ = shelf
    shown: list[str] = []
    token = ""
    while True:
        page = await v2_queries.list_assistants(
            call,
            v2.ListAssistantsRequest(name="A", order_by=order_by, page_size=2, page_token=token),
        )
        shown += [one.id for one in page.assistants]
        token = page.next_page_token
        if not token:
            break
    assert shown == [one.id for one in await walk(call, name="A", order_by=order_by)]
