"""Migrations by hand: roles, and a failure that names its file and shows no password."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from services.kit.devstack.infra import Infra
from services.kit.ids import new_id
from services.kit.migrate import KIT, MigrationFailed, Migrations, dbmate, migrate


async def test_a_role_is_made_once_and_may_nothing_beyond_its_grants(infra: Infra) -> None:
    admin = await asyncpg.connect(infra.owner_url)
    try:
        for password in ("first", "se'cond"):
            await migrate(infra.owner_url, [], {"malha_probe": password})
            role = await admin.fetchrow(
                "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles"
                " WHERE rolname = 'malha_probe'"
            )
            assert role is not None
            assert not any(role)
    finally:
        database = await admin.fetchval("SELECT quote_ident(current_database())")
        await admin.execute(f"REVOKE ALL ON DATABASE {database} FROM malha_probe")
        await admin.execute("DROP ROLE malha_probe")
        await admin.close()


async def test_a_migration_that_fails_names_its_folder_and_no_password(
    infra: Infra, tmp_path: Path
) -> None:
    (tmp_path / "9999_wrong.sql").write_text("-- migrate:up\nSELECT nonsense;\n-- migrate:down\n")
    with pytest.raises(MigrationFailed) as failed:
        await migrate(infra.owner_url, [Migrations("public", tmp_path)], {})
    assert str(tmp_path) in str(failed.value)
    assert "nonsense" in str(failed.value)
    password = urlsplit(infra.owner_url).password
    assert password is None or password not in str(failed.value)


_ROLES = ("malha_chairs", "malha_tables", "malha_stools")
_KEYS = """SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE c.relname = 'idempotency_keys' AND c.relrowsecurity AND c.relforcerowsecurity
            ORDER BY 1"""


@pytest.fixture
async def installed(infra: Infra) -> AsyncIterator[asyncpg.Connection]:
    """A database as it was before kept answers: two services, one with work to publish."""
    admin = await asyncpg.connect(infra.postgres.url("postgres"))
    url = infra.postgres.url("malha_owner", "malha_before")
    try:
        await admin.execute("CREATE DATABASE malha_before OWNER malha_owner")
        with tempfile.TemporaryDirectory() as before:
            for path in KIT.glob("000[12]_*.sql"):
                shutil.copy(path, before)
            roles = dict.fromkeys(_ROLES, "secret")
            await migrate(url, [Migrations("public", Path(before))], roles)
        owner = await asyncpg.connect(url)
        for service in ("chairs", "tables"):
            await owner.execute("SELECT install_service($1)", service)
        await owner.execute(
            "INSERT INTO chairs.outbox (message_id, subject, headers, payload)"
            " VALUES (gen_random_uuid(), 's', '{}', '')"
        )
        yield owner
        await owner.close()
    finally:
        await admin.execute("DROP DATABASE IF EXISTS malha_before WITH (FORCE)")
        for role in _ROLES:
            await admin.execute(f"DROP ROLE IF EXISTS {role}")
        await admin.close()


async def _schemas_with_keys(owner: asyncpg.Connection) -> list[str]:
    return [row["nspname"] for row in await owner.fetch(_KEYS)]


async def test_services_that_were_there_before_get_their_kept_answers_and_lose_them_again(
    infra: Infra, installed: asyncpg.Connection
) -> None:
    url, kit = infra.postgres.url("malha_owner", "malha_before"), Migrations("public", KIT)
    for _ in range(2):
        await migrate(url, [kit], {})
        assert await _schemas_with_keys(installed) == ["chairs", "tables"]
        await installed.execute("SELECT install_service('stools')")
        assert await _schemas_with_keys(installed) == ["chairs", "stools", "tables"]
        await installed.execute("SELECT uninstall_service('stools')")
        assert await _schemas_with_keys(installed) == ["chairs", "tables"]
        runtime = infra.paths.postgres_runtime
        await _keep_one_answer(f"postgresql://malha_chairs:secret@/malha_before?host={runtime}")

        await _undo_the_last(url)
        assert await _schemas_with_keys(installed) == []
        assert await installed.fetchval("SELECT count(*) FROM chairs.outbox") == 1
        await installed.execute("SELECT uninstall_service('tables'), install_service('tables')")
    functions = await installed.fetch(
        "SELECT proname FROM pg_proc WHERE proname ~ '(un)?install_' ORDER BY 1"
    )
    assert [row["proname"] for row in functions] == ["install_service", "uninstall_service"]


async def _keep_one_answer(url: str) -> None:
    """As the service's own role, which sees its tenant's and no other."""
    count = "SELECT count(*) FROM chairs.idempotency_keys"
    service = await asyncpg.connect(url)
    for tenant_id in (new_id(), new_id()):
        await service.execute("SELECT set_config('app.tenant_id', $1, false)", tenant_id)
        assert await service.fetchval(count) == 0
        await service.execute(
            "INSERT INTO chairs.idempotency_keys (digest, request_hash, reply)"
            " VALUES ('a', 'b', 'c')"
        )
        assert await service.fetchval(count) == 1
    await service.close()


async def _undo_the_last(url: str) -> None:
    later = len(list(KIT.glob("*.sql"))) - 2
    for _ in range(later):
        await dbmate(url, Migrations("public", KIT), "down")
