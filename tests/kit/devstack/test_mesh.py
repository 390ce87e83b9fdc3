"""A mesh under its supervisor: addresses, restarts, and nothing left behind."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from services.kit.devstack import commands
from services.kit.devstack.errors import StackError
from services.kit.devstack.fingerprint import Code
from services.kit.devstack.lock import StateLock
from services.kit.devstack.paths import PROJECT, PYTHON_PATH, StatePaths
from services.kit.devstack.process import ProcessId
from services.kit.devstack.status import HEALTHY, STOPPED, Status
from tests.kit.devstack.parts import PlainOperator, small_mesh


def start_supervisor(state_dir: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, str(PROJECT / "tests/kit/devstack/supervise.py"), str(state_dir)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(map(str, PYTHON_PATH))},
        start_new_session=True,
    )


@asynccontextmanager
async def supervised(state_dir: Path) -> AsyncIterator[subprocess.Popen[bytes]]:
    """A supervisor in a process of its own, healthy."""
    paths = StatePaths.at(state_dir)
    supervisor = start_supervisor(state_dir)
    try:
        async with asyncio.timeout(15):
            while True:
                status = Status.read(paths.status)
                if status and status.supervisor == supervisor.pid and status.phase == HEALTHY:
                    break
                assert supervisor.poll() is None, "the supervisor ended"
                await asyncio.sleep(0.05)
        yield supervisor
    finally:
        supervisor.terminate()
        supervisor.wait(30)


def processes_of(state_dir: Path) -> list[ProcessId]:
    """Every living process that has to do with a state directory, whoever started it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes() + os.readlink(entry / "cwd").encode()
        except OSError:
            continue
        identity = ProcessId.of(int(entry.name))
        if identity and str(state_dir).encode() in words and identity.pid != os.getpid():
            found.append(identity)
    return found


async def test_a_mesh_starts_says_how_to_reach_it_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Code, "now", lambda: Code("the", "same", "code"))
    operator = PlainOperator()
    async with small_mesh(tmp_path, operator=operator) as mesh:
        names = [keeper.unit.name for keeper in mesh.keepers]
        assert sorted(names) == ["edge", "envoy", "nats", "postgres", "valkey"]
        demo = json.loads(mesh.paths.demo.read_text())
        assert demo == mesh.demo
        assert demo["api_url"] == f"http://127.0.0.1:{mesh.wiring.http_port}"
        assert demo["user"]["email"] == "ana@example.com"
        ports = dict(mesh.wiring.ports)
    assert not processes_of(tmp_path)
    assert not mesh.paths.demo.exists()
    assert not mesh.paths.runtime.exists()
    assert not mesh.paths.postgres_runtime.exists()

    async with small_mesh(tmp_path, operator=operator) as mesh:
        assert dict(mesh.wiring.ports) == ports, "addresses stay the same"
    assert operator.asked.count("seed") == 1


async def test_every_part_that_is_killed_comes_back(tmp_path: Path) -> None:
    async with small_mesh(tmp_path) as mesh:
        for keeper in mesh.keepers:
            assert keeper.process is not None
            os.kill(keeper.process.pid, signal.SIGKILL)
        async with asyncio.timeout(15):
            while any(keeper.restarts < 1 or keeper.state != "ready" for keeper in mesh.keepers):
                await asyncio.sleep(0.02)
        assert all("SIGKILL" in keeper.problem for keeper in mesh.keepers)


async def test_a_wanted_restart_is_no_crash(tmp_path: Path) -> None:
    async with small_mesh(tmp_path) as mesh:
        before = mesh.keeper("edge").process
        await mesh.restart({"edge"})
        async with asyncio.timeout(10):
            while mesh.keeper("edge").process is before or mesh.keeper("edge").state != "ready":
                await asyncio.sleep(0.02)
        assert (mesh.keeper("edge").restarts, mesh.keeper("edge").problem) == (0, "")


async def test_kill_9_of_the_supervisor_leaves_no_process_and_no_lock(tmp_path: Path) -> None:
    async with supervised(tmp_path) as supervisor:
        children = processes_of(tmp_path)
        assert len(children) > 5
        with pytest.raises(StackError, match=f"pid {supervisor.pid}"):
            await small_mesh(tmp_path).start()
        supervisor.kill()
        supervisor.wait()
        for child in children:
            assert await child.gone(within=6), f"{child} outlived the supervisor"
    async with supervised(tmp_path):
        pass


async def test_down_stops_a_mesh_and_is_content_without_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = StatePaths.at(tmp_path)
    async with supervised(tmp_path) as supervisor:
        assert await commands.status(paths) == 0
        assert await commands.down(paths) == 0
        assert supervisor.wait(5) == 0
    assert not processes_of(tmp_path)
    assert StateLock(paths.lock).holder() is None
    status = Status.read(paths.status)
    assert status is not None
    assert status.phase == STOPPED
    assert await commands.down(paths) == 0
    assert await commands.status(paths) == 1
    assert "No mesh was running." in capsys.readouterr().err

    assert await commands.clean(paths) == 0
    assert not tmp_path.exists()


async def test_a_port_in_use_gives_one_clear_sentence(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with pytest.raises(StackError) as failure:
            await small_mesh(tmp_path, http_port=port).start()
    assert failure.value.report() == (
        f"Port {port} is in use by {Path('/proc/self/comm').read_text().strip()} "
        f"(pid {os.getpid()}): stop that process or set MALHA_HTTP_PORT to a free port."
    )
    assert not processes_of(tmp_path)


async def test_two_meshes_run_side_by_side(tmp_path: Path) -> None:
    async with small_mesh(tmp_path / "a") as one, small_mesh(tmp_path / "b") as other:
        assert one.demo["api_url"] != other.demo["api_url"]
