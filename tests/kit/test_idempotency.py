"""Idempotency-Key: what is sent again is answered again and done once, whatever goes wrong."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import pytest
from malha.crm.v1.tenant_pb2 import Tenant
from pydantic import SecretStr

from services.kit.auth import Actor
from services.kit.call import Call
from services.kit.crypto import Sealer
from services.kit.db import Database
from services.kit.errors import (
    AlreadyExists,
    InvalidRequest,
    Unavailable,
)
from services.kit.idempotency import Idempotency, IdempotencyKeyReused, Keyed
from services.kit.ids import new_id
from tests.conftest import TestTenant

INSERT = "INSERT INTO things.things (name, number) VALUES ($1, 1) RETURNING id"
COUNT = "SELECT count(*) FROM things.things"
KEPT = "SELECT count(*) FROM things.idempotency_keys WHERE tenant_id = $1"

SEALER = Sealer([SecretStr(base64.b64encode(os.urandom(32)).decode())])


class ThingExists(AlreadyExists):
    """There is a thing of this name."""


@dataclass
class Caller:
    """Somebody with a key: sends requests, and knows how often each was carried out."""

    database: Database
    tenant_id: str
    id: str = field(default_factory=new_id)
    workspace_id: str = field(default_factory=new_id)
    idempotency: Idempotency = None  # type: ignore[assignment]
    ran: int = 0

    def __post_init__(self) -> None:
        self.idempotency = self.idempotency or Idempotency(self.database, SEALER)

    def call(self) -> Call:
        actor = Actor("api_key", self.id, self.tenant_id, self.workspace_id)
        return Call(actor, database=self.database, correlation_id=new_id())

    async def send(
        self,
        key: str,
        name: str = "chair",
        *,
        method: str = "malha.ThingService.CreateThing",
        make: Callable[[Call], Awaitable[Any]] | None = None,
    ) -> tuple[bytes, bool]:
        """The answer's bytes and whether it is from before."""
        call = self.call()

        async def create() -> Any:
            self.ran += 1
            if make is not None:
                return await make(call)
            async with call.transaction() as tx:
                return Tenant(id=await tx.value(INSERT, name), name=name)

        keyed = Keyed.of(key, self.id, self.workspace_id, method, name.encode())
        return await self.idempotency.answer(call, keyed, create)


@pytest.fixture
def caller(things: Database, tenant: TestTenant) -> Caller:
    return Caller(things, tenant.id)


@pytest.fixture
def elsewhere(things_elsewhere: Database, caller: Caller) -> Caller:
    """The same caller, served by another process."""
    return Caller(things_elsewhere, caller.tenant_id, caller.id, caller.workspace_id)


async def things_of(caller: Caller) -> int:
    rows = await caller.database.read(caller.tenant_id, COUNT)
    return int(rows[0]["count"])


async def test_the_same_request_is_answered_with_the_same_bytes(caller: Caller) -> None:
    first, replayed = await caller.send("k")
    assert not replayed
    for _ in range(3):
        assert await caller.send("k") == (first, True)
    assert (caller.ran, await things_of(caller)) == (1, 1)
    assert Tenant.FromString(first).name == "chair"


async def test_an_empty_answer_is_an_answer(caller: Caller) -> None:
    async def delete(_call: Call) -> Tenant:
        return Tenant()

    assert await caller.send("k", make=delete) == (b"", False)
    assert await caller.send("k", make=delete) == (b"", True)
    assert caller.ran == 1


async def test_a_key_belongs_to_one_request(caller: Caller) -> None:
    await caller.send("k")
    with pytest.raises(IdempotencyKeyReused):
        await caller.send("k", "table")
    with pytest.raises(IdempotencyKeyReused):
        await caller.send("k", method="malha.ThingService.DeleteThing")
    caller.workspace_id = new_id()
    with pytest.raises(IdempotencyKeyReused):
        await caller.send("k")
    assert (caller.ran, await things_of(caller)) == (1, 1)


async def test_another_key_is_another_request(caller: Caller) -> None:
    await caller.send("k")
    assert (await caller.send("K"))[1] is False
    assert await things_of(caller) == 2


async def test_anothers_key_is_their_own(caller: Caller) -> None:
    colleague = Caller(caller.database, caller.tenant_id)
    stranger = Caller(caller.database, new_id(), caller.id)
    first, _ = await caller.send("k")
    for other in (colleague, stranger):
        reply, replayed = await other.send("k")
        assert not replayed
        assert reply != first
    assert (await things_of(caller), await things_of(stranger)) == (2, 1)


async def test_fifty_at_once_are_one(caller: Caller) -> None:
    replies = await asyncio.gather(*(caller.send("k") for _ in range(50)))
    assert len({reply for reply, _ in replies}) == 1
    assert sorted(replayed for _, replayed in replies) == [False, *[True] * 49]
    assert (caller.ran, await things_of(caller)) == (1, 1)
    assert caller.idempotency._running == {}


async def test_fifty_at_once_over_two_processes_are_one(caller: Caller, elsewhere: Caller) -> None:
    senders = [caller, elsewhere] * 25
    replies = await asyncio.gather(*(sender.send("k") for sender in senders))
    assert len({reply for reply, _ in replies}) == 1
    assert await things_of(caller) == 1


async def test_of_two_processes_that_both_begin_one_is_kept(
    caller: Caller, elsewhere: Caller
) -> None:
    both = asyncio.Barrier(2)

    async def together(call: Call) -> Tenant:
        async with call.transaction() as tx:
            id = await tx.value(INSERT, "chair")
            await both.wait()  # Each has done its work before either has committed.
        return Tenant(id=id)

    replies = await asyncio.gather(
        caller.send("k", make=together), elsewhere.send("k", make=together)
    )
    assert {replayed for _, replayed in replies} == {False, True}
    assert replies[0][0] == replies[1][0]
    assert (caller.ran, elsewhere.ran, await things_of(caller)) == (1, 1, 1)


async def test_who_fails_because_the_same_request_succeeded_elsewhere_gets_its_answer(
    caller: Caller, elsewhere: Caller
) -> None:
    async def late(_call: Call) -> Tenant:
        await caller.send("k")  # Meanwhile, in the other process.
        raise ThingExists

    reply, replayed = await elsewhere.send("k", make=late)
    assert replayed
    assert (reply, True) == await caller.send("k")


async def test_two_processes_with_different_requests_under_one_key_do_one_of_them(
    caller: Caller, elsewhere: Caller
) -> None:
    results = await asyncio.gather(
        caller.send("k", "chair"), elsewhere.send("k", "table"), return_exceptions=True
    )
    assert [type(result) for result in results].count(IdempotencyKeyReused) == 1
    assert await things_of(caller) == 1


@pytest.mark.parametrize("error", [ThingExists(), Unavailable(), RuntimeError("a bug")])
async def test_an_error_keeps_nothing_and_may_be_asked_for_again(
    caller: Caller, admin: asyncpg.Connection, error: Exception
) -> None:
    async def fail(call: Call) -> Tenant:
        async with call.transaction() as tx:
            await tx.run(INSERT, "chair")
        raise error

    for _ in range(2):
        with pytest.raises(type(error)):
            await caller.send("k", make=fail)
    assert caller.ran == 2
    assert await things_of(caller) == 0
    assert await admin.fetchval(KEPT, caller.tenant_id) == 0
    assert (await caller.send("k"))[1] is False
    assert await things_of(caller) == 1


async def test_a_request_that_was_cancelled_keeps_nothing_and_holds_nobody_up(
    caller: Caller,
) -> None:
    written = asyncio.Event()

    async def hang(call: Call) -> Tenant:
        async with call.transaction() as tx:
            await tx.run(INSERT, "chair")
        written.set()
        await asyncio.Event().wait()
        raise AssertionError

    first = asyncio.create_task(caller.send("k", make=hang))
    await written.wait()
    second = asyncio.create_task(caller.send("k"))
    first.cancel()
    assert (await second)[1] is False
    with pytest.raises(asyncio.CancelledError):
        await first
    assert await things_of(caller) == 1


async def test_after_a_day_it_is_a_new_request(caller: Caller, admin: asyncpg.Connection) -> None:
    async def age(hours: float) -> None:
        await admin.execute(
            "UPDATE things.idempotency_keys SET create_time = now() - make_interval(mins => $2)"
            " WHERE tenant_id = $1",
            caller.tenant_id,
            int(hours * 60),
        )

    first, _ = await caller.send("k")
    await age(23.9)
    assert await caller.send("k") == (first, True)
    await age(24.1)
    second, replayed = await caller.send("k", "table")
    assert not replayed
    assert await caller.send("k", "table") == (second, True)
    assert await things_of(caller) == 2
    assert await admin.fetchval(KEPT, caller.tenant_id) == 1


async def test_what_has_ended_goes_as_new_answers_come(
    caller: Caller, admin: asyncpg.Connection
) -> None:
    other = Caller(caller.database, new_id())
    for sender in (caller, other):
        for n in range(25):
            await sender.send(f"old {n}".replace(" ", "-"))
    await admin.execute("UPDATE things.idempotency_keys SET create_time = now() - interval '2 d'")
    await caller.send("new-1")
    assert await admin.fetchval(KEPT, caller.tenant_id) == 6
    await caller.send("new-2")
    assert await admin.fetchval(KEPT, caller.tenant_id) == 2
    assert await admin.fetchval(KEPT, other.tenant_id) == 25


async def test_requests_that_remove_what_has_ended_do_not_wait_for_each_other(
    caller: Caller, elsewhere: Caller, admin: asyncpg.Connection
) -> None:
    await caller.send("old")
    await admin.execute("UPDATE things.idempotency_keys SET create_time = now() - interval '2 d'")
    async with caller.call().transaction() as tx:
        await tx.run(caller.idempotency._keep, b"digest", b"hash", b"reply")
        assert (await asyncio.wait_for(elsewhere.send("new"), 5))[1] is False


async def test_kept_answers_are_sealed(caller: Caller, admin: asyncpg.Connection) -> None:
    await caller.send("my-own-key", "a customer's very secret chair")
    row = await admin.fetchrow(
        "SELECT * FROM things.idempotency_keys WHERE tenant_id = $1", caller.tenant_id
    )
    assert row is not None
    stored = b"".join(value for value in row.values() if isinstance(value, bytes))
    for plain in (b"secret", b"chair", b"my-own-key", caller.id.encode()):
        assert plain not in stored
    # Moved to another key's place, it does not open.
    await caller.send("another-key", "table")
    await admin.execute(
        "UPDATE things.idempotency_keys SET reply = $2 WHERE tenant_id = $3 AND digest <> $1",
        row["digest"],
        row["reply"],
        caller.tenant_id,
    )
    with pytest.raises(Exception, match="does not belong here"):
        await caller.send("another-key", "table")


async def test_what_is_kept_gives_no_password_away(
    caller: Caller, admin: asyncpg.Connection
) -> None:
    """Who has the table can try passwords as fast as they can hash; not without our key."""
    await caller.send("my-own-key", "a password")
    row = await admin.fetchrow(
        "SELECT * FROM things.idempotency_keys WHERE tenant_id = $1", caller.tenant_id
    )
    assert row is not None
    guessed = Keyed.of(
        "my-own-key",
        caller.id,
        caller.workspace_id,
        "malha.ThingService.CreateThing",
        b"a password",
    )
    assert row["request_hash"] != guessed.request_hash
    assert row["digest"] != guessed.digest


@pytest.mark.parametrize(
    "key",
    ["", '""', "a" * 256, '"' + "a" * 256 + '"', "a b", '"a b"', "a\n", "\x00", "\x7f", "é", "�"],
)
def test_what_is_no_key_names_the_field(key: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        Keyed.of(key, "k1", "w1", "m", b"")
    assert [field for field, _ in refused.value.violations()] == ["Idempotency-Key"]
    assert key not in refused.value.message or not key.strip('"')


@pytest.mark.parametrize("key", ["a", "a" * 255, new_id(), "~!@#$%^&*()", '"' + "a" * 255 + '"'])
def test_what_is_visible_ascii_is_a_key(key: str) -> None:
    Keyed.of(key, "k1", "w1", "m", b"")


def test_a_key_may_be_written_as_a_structured_field() -> None:
    plain = Keyed.of("k-1", "k1", "w1", "m", b"x")
    assert Keyed.of('"k-1"', "k1", "w1", "m", b"x") == plain


def test_nothing_that_differs_is_the_same() -> None:
    made = {
        Keyed.of(*parts)
        for parts in (
            ("k", "a", "w", "m", b"x"),
            ("k", "a", "w", "m", b"y"),
            ("k", "a", "w", "mx", b""),
            ("k", "a", "wm", "", b"x"),
            ("k", "b", "w", "m", b"x"),
            ("K", "a", "w", "m", b"x"),
        )
    }
    assert len(made) == 6
