"""A bus that lost everything comes back with its streams."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from pathlib import Path

from services.kit.bus import connect
from services.kit.devstack.infra import Infra


async def test_a_server_that_lost_its_store_comes_back_with_its_streams(tmp_path: Path) -> None:
    async with Infra(tmp_path, durable=False) as infra:
        (keeper,) = [one for one in infra.keepers if one.unit is infra.nats]
        assert keeper.process is not None
        shutil.rmtree(infra.nats.store)
        os.kill(keeper.process.pid, signal.SIGKILL)
        client = await connect(infra.nats_url, service="test", seed=infra.nats_seed("admin"))
        try:
            async with asyncio.timeout(30):
                while True:
                    try:
                        streams = await client.jetstream().streams_info()
                    except Exception:
                        streams = []
                    if {one.config.name for one in streams} == {"EVT", "CMD", "DLQ"}:
                        break
                    await asyncio.sleep(0.1)
        finally:
            await client.close()
