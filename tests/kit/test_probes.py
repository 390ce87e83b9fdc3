"""Liveness and readiness tell the truth, over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from services.kit import probes as module
from services.kit.devstack.ports import choose_ports
from services.kit.probes import Probes


class Dependency:
    """What can be there, be away, or hang."""

    state = "there"

    async def check(self) -> None:
        if self.state == "away":
            raise ConnectionError("at 10.0.0.1 with password hunter2")
        if self.state == "hangs":
            await asyncio.sleep(60)


@pytest.fixture
def bus() -> Dependency:
    return Dependency()


@pytest.fixture
def probes(bus: Dependency, monkeypatch: pytest.MonkeyPatch) -> Probes:
    monkeypatch.setattr(module, "_CHECK_SECONDS", 0.05)
    monkeypatch.setattr(module, "_REMEMBER_SECONDS", 0.0)
    return Probes({"bus": bus.check, "database": Dependency().check})


@pytest.fixture
async def url(probes: Probes, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[str]:
    port = choose_ports(("probe",), tmp_path_factory.mktemp("ports") / "ports.json")["probe"]
    await probes.start(f"127.0.0.1:{port}")
    yield f"http://127.0.0.1:{port}"
    await probes.close()


async def _get(url: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url) as response:
        return response.status, await response.text()


async def test_a_process_is_unready_while_a_dependency_is_away_and_alive_all_the_time(
    url: str, bus: Dependency
) -> None:
    assert (await _get(f"{url}/readyz"))[0] == 200
    for bus.state in ("away", "hangs"):
        status, body = await _get(f"{url}/readyz")
        assert status == 503
        assert '"bus"' in body and '"database"' not in body
        assert "hunter2" not in body
        assert (await _get(f"{url}/livez"))[0] == 200
    bus.state = "there"
    assert (await _get(f"{url}/readyz"))[0] == 200


async def test_a_process_that_drains_wants_no_more_work_and_is_alive(
    url: str, probes: Probes
) -> None:
    probes.drain()
    assert (await _get(f"{url}/readyz"))[0] == 503
    assert (await _get(f"{url}/livez"))[0] == 200


async def test_metrics_are_prometheus(url: str) -> None:
    status, body = await _get(f"{url}/metrics")
    assert status == 200
    assert "# TYPE malha_rpc_seconds histogram" in body
