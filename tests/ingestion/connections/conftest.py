from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest

from services.ingestion.channels.base import HTTP
from services.ingestion.connections.directory import Connections
from services.kit.clock import Clock
from services.kit.db import Database
from tests.ingestion.connections.office import SEALER, Office


@pytest.fixture
async def office(databases: Callable[[str], Awaitable[Database]]) -> AsyncIterator[Office]:
    database = await databases("ingestion")
    async with aiohttp.ClientSession() as session:
        # Nobody listens there: names of accounts cannot be had.
        http = HTTP(session, "http://127.0.0.1:9")
        yield Office(database, http, Connections(database, SEALER, Clock()))
