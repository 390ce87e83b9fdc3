"""What most tests of crm begin with: its database, a business in it, and people at a desk."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from services.crm.identity.directory import StoredAccess
from services.kit.db import Database
from services.kit.devstack.infra import Infra
from tests.crm.business import Business, new_business
from tests.crm.desk import Desk
from tests.crm.office import Office


@pytest.fixture
async def database(databases: Callable[[str], Awaitable[Database]]) -> Database:
    return await databases("crm")


@pytest.fixture
async def business(database: Database) -> Business:
    return await new_business(database)


@pytest.fixture
def access(database: Database) -> StoredAccess:
    return StoredAccess(database)


@pytest.fixture
def desk(database: Database, infra: Infra) -> Desk:
    return Desk(database, infra)


@pytest.fixture
async def office(desk: Desk) -> Office:
    return Office(desk, await desk.person())
