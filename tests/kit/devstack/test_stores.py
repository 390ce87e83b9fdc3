"""The stores on the real programs: as root or not, again and again, after every kind of crash."""

import asyncio
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import asyncpg
import nats
import pytest
from redis.asyncio import Redis

from services.kit.devstack.account import CAP_DAC_READ_SEARCH, Account
from services.kit.devstack.environment import python_command
from services.kit.devstack.errors import StackError
from services.kit.devstack.fingerprint import Code
from services.kit.devstack.infra import Infra
from services.kit.devstack.paths import PROJECT, PYTHON_PATH
from services.kit.devstack.process import Command, run_to_end
from tests.kit.devstack.parts import PlainOperator

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

NOBODY = 65534


def stores(state_dir: Path, operator: PlainOperator | None = None) -> Infra:
    return Infra(state_dir, operator=operator or PlainOperator())


def killed(infra: Infra, name: str) -> Callable[[], bool]:
    """Kill a store with -9 and give a question: is it back?"""
    (keeper,) = (keeper for keeper in infra.keepers if keeper.unit.name == name)
    assert keeper.process is not None
    os.kill(keeper.process.pid, signal.SIGKILL)
    return lambda: keeper.restarts == 1 and keeper.state == "ready"


async def eventually(question: Callable[[], bool], within: float = 10) -> None:
    async with asyncio.timeout(within):
        while not question():
            await asyncio.sleep(0.02)


async def test_stores_keep_their_data_over_a_stop_and_over_kill_9(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Code, "now", lambda: Code("the", "same", "code"))
    operator = PlainOperator()
    async with stores(tmp_path, operator) as infra:
        database = await asyncpg.connect(infra.owner_url)
        await database.execute("CREATE TABLE kept (passage vector(2))")
        await database.execute("INSERT INTO kept VALUES ('[1,2]')")
        assert await database.fetchval("SHOW fsync") == "on"
        assert await database.fetchval("SHOW synchronous_commit") == "on"
        await database.close()
        bus = await nats.connect(infra.nats_url, nkeys_seed_str=infra.nats_seed("admin"))
        await bus.jetstream().add_stream(name="KEPT", subjects=["kept"])
        await bus.jetstream().publish("kept", b"1")
        await bus.close()
        cache = Redis.from_url(infra.redis_url)
        await cache.set("kept", "1")
        await cache.aclose()

    async with stores(tmp_path, operator) as infra:
        back = [killed(infra, name) for name in ("postgres", "nats", "valkey")]
        for question in back:
            await eventually(question)
        database = await asyncpg.connect(infra.owner_url)
        assert await database.fetchval("SELECT passage::text FROM kept") == "[1,2]"
        await database.close()
        bus = await nats.connect(infra.nats_url, nkeys_seed_str=infra.nats_seed("admin"))
        assert (await bus.jetstream().stream_info("KEPT")).state.messages == 1
        await bus.close()
        cache = Redis.from_url(infra.redis_url)
        assert await cache.get("kept") == b"1"
        await cache.aclose()

    assert operator.asked == ["nats-config", "topology", "migrate"], "nothing is done twice"


async def test_two_sets_of_stores_run_side_by_side(tmp_path: Path) -> None:
    async with stores(tmp_path / "a") as one, stores(tmp_path / "b") as other:
        assert one.nats_url != other.nats_url
        assert one.owner_url != other.owner_url
        assert one.wiring.secrets.encryption_key != other.wiring.secrets.encryption_key


@as_root
async def test_root_runs_postgres_as_somebody_else_even_below_a_closed_directory(
    tmp_path: Path,
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    async with stores(closed / "deep/state") as infra:
        (postgres,) = (keeper for keeper in infra.keepers if keeper.unit.name == "postgres")
        assert postgres.process is not None
        assert Path(f"/proc/{postgres.process.pid}").stat().st_uid != 0
        await (await asyncpg.connect(infra.owner_url)).close()
        socket_directory = infra.paths.postgres_runtime.stat()
        assert stat.S_IMODE(socket_directory.st_mode) == 0o700


@as_root
async def test_an_ordinary_user_starts_the_stores(tmp_path: Path) -> None:
    state_dir = tmp_path / "state"
    state_dir.mkdir()
    os.chown(state_dir, NOBODY, NOBODY)
    command = Command(
        name="stores of an ordinary user",
        argv=python_command(str(PROJECT / "tests/kit/devstack/stores.py"), str(state_dir)),
        environment={
            "PYTHONPATH": os.pathsep.join(map(str, PYTHON_PATH)),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
        # The interpreter of this machine may lie in a closed directory, and so does tmp_path.
        account=Account(NOBODY, NOBODY, CAP_DAC_READ_SEARCH),
    )
    output = await run_to_end(command, tmp_path / "log")
    assert output.split() == [str(NOBODY), "malha_owner"]
    assert stat.S_IMODE(state_dir.stat().st_mode) == 0o700


async def test_leftovers_of_a_crash_are_cleared(tmp_path: Path) -> None:
    (tmp_path / "postgres/data.new/base").mkdir(parents=True)
    async with stores(tmp_path):
        pass
    # The pid of a living process that is no postmaster: PostgreSQL alone would refuse to start.
    account = (tmp_path / "postgres/data").stat()
    bystander = await asyncio.create_subprocess_exec(
        "sleep", "60", user=account.st_uid if os.geteuid() == 0 else None
    )
    (tmp_path / "postgres/data/postmaster.pid").write_text(f"{bystander.pid}\n/elsewhere\n")
    try:
        async with stores(tmp_path) as infra:
            await (await asyncpg.connect(infra.owner_url)).close()
    finally:
        bystander.kill()
        await bystander.wait()


STALE = [
    ("secrets.json", "{", "is damaged"),
    ("secrets.json", None, "is missing"),
    ("layout", "0\n", "was made by another version"),
    ("postgres/data/PG_VERSION", "17\n", "was written by PostgreSQL 17"),
    ("postgres/data/PG_VERSION", None, "is not a PostgreSQL data directory"),
]


async def test_a_stale_state_directory_gives_one_clear_sentence(tmp_path: Path) -> None:
    async with stores(tmp_path):
        pass
    for name, content, sentence in STALE:
        file = tmp_path / name
        good = file.read_text()
        if content is None:
            file.unlink()
        else:
            file.write_text(content)
        with pytest.raises(StackError, match=sentence) as failure:
            await stores(tmp_path).start()
        assert "\n" not in failure.value.sentence
        assert "make clean" in failure.value.sentence
        file.write_text(good)


async def test_a_program_that_fails_is_shown_with_the_end_of_its_log(tmp_path: Path) -> None:
    class Broken(PlainOperator):
        async def nats_configuration(self, *_: object) -> str:
            return "listen: nowhere:at:all"

    with pytest.raises(StackError) as failure:
        await stores(tmp_path, Broken()).start()
    assert failure.value.sentence == "nats ended with exit code 1."
    assert "nowhere" in failure.value.report()
    async with stores(tmp_path):
        pass  # And the state directory is free again, without a process on it.
