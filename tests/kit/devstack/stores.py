"""Starts and stops the stores on the state directory it is given; run as a file by the tests."""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg

from services.kit.devstack.infra import Infra
from tests.kit.devstack.parts import PlainOperator


async def main() -> None:
    async with Infra(Path(sys.argv[1]), operator=PlainOperator()) as infra:
        connection = await asyncpg.connect(infra.owner_url)
        print(os.geteuid(), await connection.fetchval("SELECT current_user"))
        await connection.close()


asyncio.run(main())
