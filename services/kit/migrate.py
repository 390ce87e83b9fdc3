"""Migrations by dbmate: the kit's first, then each service's, each with its own record.

Run by the owner role, which the services are not. Concurrent runs wait for each other.
"""

from __future__ import annotations

import asyncio
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import asyncpg

KIT = Path(__file__).parent / "migrations"
# Any constant: it only has to be the same in every run.
_LOCK = 0x6D616C6861


class MigrationFailed(Exception):
    """dbmate refused a migration; its own words follow."""


@dataclass(frozen=True, slots=True)
class Migrations:
    """One folder of migrations and the schema that keeps the record of them."""

    schema: str
    folder: Path


def all_migrations(services_root: Path, services: Sequence[str]) -> list[Migrations]:
    """The kit's migrations and each service's, in the order they apply."""
    return [
        Migrations("public", KIT),
        *(Migrations(name, services_root / name / "migrations") for name in services),
    ]


async def migrate(url: str, migrations: Sequence[Migrations], passwords: Mapping[str, str]) -> None:
    """Create the services' roles and apply what is missing. Raises MigrationFailed."""
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("SELECT pg_advisory_lock($1)", _LOCK)
        await _create_roles(connection, passwords)
        for one in migrations:
            await dbmate(url, one, "up")
    finally:
        await connection.close()


async def roll_back(url: str, migrations: Sequence[Migrations]) -> None:
    """Undo every migration, the last one first. Raises MigrationFailed."""
    for one in reversed(migrations):
        for _ in sorted(one.folder.glob("*.sql")):
            await dbmate(url, one, "down")


async def dbmate(url: str, migrations: Migrations, command: str) -> None:
    """Run dbmate on one folder. Raises MigrationFailed."""
    process = await asyncio.create_subprocess_exec(
        _dbmate_path(),
        "--migrations-dir",
        str(migrations.folder),
        "--migrations-table",
        f"{migrations.schema}.schema_migrations",
        "--no-dump-schema",
        command,
        # Not an argument: those of every process are everybody's to read, and this has a password.
        env={"DATABASE_URL": _dbmate_url(url)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise MigrationFailed(f"{migrations.folder}: {output.decode().strip()}")


async def _create_roles(connection: asyncpg.Connection, passwords: Mapping[str, str]) -> None:
    database = await connection.fetchval("SELECT quote_ident(current_database())")
    existing = {row["rolname"] for row in await connection.fetch("SELECT rolname FROM pg_roles")}
    for role, password in passwords.items():
        name = await connection.fetchval("SELECT quote_ident($1)", role)
        secret = await connection.fetchval("SELECT quote_literal($1)", password)
        verb = "ALTER" if role in existing else "CREATE"
        await connection.execute(f"{verb} ROLE {name} LOGIN PASSWORD {secret}")
        await connection.execute(f"GRANT CONNECT ON DATABASE {database} TO {name}")


def _dbmate_path() -> str:
    beside = Path(sys.executable).parent / "dbmate"
    found = str(beside) if beside.exists() else shutil.which("dbmate")
    if not found:
        raise MigrationFailed("dbmate is not installed; it comes with requirements.lock")
    return found


def _dbmate_url(url: str) -> str:
    # dbmate's driver wants a scheme of its own for sockets and no TLS there.
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    host = query.get("host", "")
    if host.startswith("/"):
        query = {"socket": host, **{k: v for k, v in query.items() if k != "host"}}
        query.setdefault("sslmode", "disable")
    return urlunsplit(("postgres", parts.netloc, parts.path, urlencode(query), ""))
