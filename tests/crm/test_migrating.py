"""Tenants that are there already go through the migrations, up and down, with all they had."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from services.kit.devstack.infra import Infra
from services.kit.ids import new_id
from services.kit.migrate import KIT, Migrations, dbmate, migrate
from services.registry import migrations

DATABASE = "malha_before"


@pytest.fixture
async def url(infra: Infra) -> AsyncIterator[str]:
    """A database of its own, as its owner: no superuser, so policies that are forced bind it."""
    admin = await asyncpg.connect(infra.postgres.url("postgres"))
    await admin.execute(f"CREATE DATABASE {DATABASE} OWNER malha_owner")
    yield infra.postgres.url("malha_owner", DATABASE)
    await admin.execute(f"DROP DATABASE {DATABASE} WITH (FORCE)")
    await admin.close()


async def test_tenants_keep_who_did_what_to_them(url: str, infra: Infra, tmp_path: Path) -> None:
    (crm,) = [one for one in migrations() if one.schema == "crm"]
    shutil.copy(crm.folder / "0001_tenants.sql", tmp_path)
    await migrate(url, [Migrations("public", KIT), Migrations("crm", tmp_path)], {})
    tenants = [new_id() for _ in range(2)]
    # As a superuser: the policies let nobody else write for two tenants.
    writer = await asyncpg.connect(infra.postgres.url("postgres", DATABASE))
    for status, tenant in enumerate(tenants, start=1):
        await writer.execute(
            "INSERT INTO crm.tenants (tenant_id, name, plan, status, webhooks_per_minute)"
            " VALUES ($1, 'A', 'pro', $2, 7)",
            *(tenant, status),
        )
        await writer.execute(
            "INSERT INTO crm.tenant_status_changes (tenant_id, id, status, reason, actor)"
            " VALUES ($1, $2, $3, 'unpaid', 'operator')",
            *(tenant, new_id(), status),
        )

    await migrate(url, [crm], {})
    changes = await writer.fetch(
        "SELECT tenant_id::text, action, value, reason, actor FROM crm.tenant_changes ORDER BY id"
    )
    assert [tuple(row) for row in changes] == [
        (tenants[0], "status", "active", "unpaid", "service:operator"),
        (tenants[1], "status", "suspended", "unpaid", "service:operator"),
    ]
    routes = await writer.fetch("SELECT tenant_id::text AS id FROM crm.tenant_routes ORDER BY 1")
    assert [row["id"] for row in routes] == tenants

    await writer.execute(
        "UPDATE crm.tenants SET status = 3, prior_status = 1, delete_time = now(),"
        " purge_time = now() WHERE tenant_id = $1",
        tenants[0],
    )
    await writer.execute(
        "INSERT INTO crm.mails (tenant_id, id, kind, language, recipient_hash, state, expire_time)"
        " VALUES ($1, $2, 'invitation', 'pt-BR', '', 'withdrawn', now())",
        *(tenants[0], new_id()),
    )
    for _ in range(len(list(crm.folder.glob("*.sql"))) - 1):
        await dbmate(url, crm, "down")
    statuses = await writer.fetch("SELECT status FROM crm.tenants ORDER BY tenant_id")
    assert [row["status"] for row in statuses] == [2, 2]
    back = await writer.fetch("SELECT status, actor FROM crm.tenant_status_changes ORDER BY id")
    assert [tuple(row) for row in back] == [(1, "operator"), (2, "operator")]
    forced = await writer.fetchval(
        "SELECT bool_and(relforcerowsecurity) FROM pg_class"
        " WHERE oid IN ('crm.tenants'::regclass, 'crm.tenant_status_changes'::regclass)"
    )
    await writer.close()
    assert forced
