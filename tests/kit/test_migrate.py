"""Migrations by hand: roles, and a failure that names its file and shows no password."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest

from services.kit.devstack.infra import Infra
from services.kit.migrate import MigrationFailed, Migrations, migrate


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
