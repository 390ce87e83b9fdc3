"""A whole process: it drains what it has begun, and says why it cannot start."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import pytest
from malha.assistants.v1 import assistant_service_pb2_grpc
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import GetAssistantRequest

from services.crm.settings import CrmSettings
from services.kit.auth import Signer
from services.kit.call import Call
from services.kit.devstack.infra import Infra
from services.kit.devstack.ports import choose_ports
from services.kit.ids import new_id
from services.kit.peers import Peers
from services.kit.service import Process, Service
from services.kit.settings import KitSettings
from services.kit.testing import kit_settings
from tests.kit.serving import context


class Slow:
    """GetAssistant answers once it may."""

    def __init__(self) -> None:
        self.began, self.may_end = asyncio.Event(), asyncio.Event()

    def service(self) -> Service:
        async def get_assistant(_call: Call, request: GetAssistantRequest) -> Assistant:
            self.began.set()
            await self.may_end.wait()
            return Assistant(id=request.id)

        return Service("crm", CrmSettings, [], [context(get_assistant=get_assistant)])


@pytest.fixture
def settings(infra: Infra, tmp_path: Path) -> KitSettings:
    port = choose_ports(("probe",), tmp_path / "ports.json")["probe"]
    return kit_settings(infra.environment("crm")).model_copy(
        update={
            "rpc_listen": f"unix:{tmp_path}/rpc.sock",
            "probe_listen": f"127.0.0.1:{port}",
            "drain_seconds": 5.0,
        }
    )


@pytest.fixture
async def _own_signals() -> AsyncIterator[None]:
    yield
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().remove_signal_handler(number)


@pytest.mark.usefixtures("_own_signals")
async def test_sigterm_lets_a_call_finish_and_takes_no_new_one(
    settings: KitSettings, infra: Infra
) -> None:
    slow = Slow()
    running = asyncio.create_task(Process(slow.service(), settings, CrmSettings()).run())
    signer_settings = kit_settings(infra.environment("processing"))
    key = signer_settings.service_key.get_secret_value()
    peers = Peers({"assistants": settings.rpc_listen}, Signer("processing", key))
    stub = peers.system_stub(assistant_service_pb2_grpc.AssistantServiceStub)
    channel = peers.channel("assistants")
    await asyncio.wait_for(channel.channel_ready(), 20)
    asked = asyncio.create_task(stub.GetAssistant(GetAssistantRequest(id=new_id())))
    await asyncio.wait_for(slow.began.wait(), 20)
    signal.raise_signal(signal.SIGTERM)
    async with asyncio.timeout(20):
        while channel.get_state() is grpc.ChannelConnectivity.READY:
            await asyncio.sleep(0.02)
    slow.may_end.set()
    assert (await asked).id
    assert await asyncio.wait_for(running, 20) == 0
    await peers.close()


@pytest.mark.usefixtures("_own_signals")
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"rpc_listen": "unix:/nowhere/at/all.sock"}, "CANNOT_LISTEN"),
        ({"probe_listen": "192.0.2.1:1"}, "CANNOT_LISTEN"),
    ],
)
async def test_a_process_that_cannot_start_says_why_and_ends(
    settings: KitSettings,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str],
    reason: str,
) -> None:
    process = Process(Slow().service(), settings.model_copy(update=changes), CrmSettings())
    assert await asyncio.wait_for(process.run(), 20) == 1
    assert reason in capsys.readouterr().out
