"""The operating system account that PostgreSQL runs as, because it refuses to run as root."""

import os
import pwd
from dataclasses import dataclass
from pathlib import Path

from services.kit.devstack.errors import StackError

CAP_DAC_OVERRIDE = 1
CAP_DAC_READ_SEARCH = 2

UNPRIVILEGED_ACCOUNTS = ("nobody", "daemon", "postgres")


@dataclass(frozen=True, slots=True)
class Account:
    """Who a process becomes, and the one capability it keeps."""

    uid: int
    gid: int
    capability: int | None = None


def unprivileged_account(data: Path, program: Path, library: Path) -> Account | None:
    """Who runs PostgreSQL: None for ourselves, or an account without privileges when we are root.

    A clone or virtual environment below a directory like /root (mode 700) is out of that account's
    reach. The process then keeps the one capability that lets it pass, instead of our opening
    directories or copying programs around.
    """
    if os.geteuid() != 0:
        return None
    uid, gid = owner_of(data) or unprivileged_ids()
    return Account(uid, gid, capability_for(data, program, library))


def owner_of(data: Path) -> tuple[int, int] | None:
    """Whoever ran PostgreSQL on this data before: it accepts nobody else's."""
    try:
        status = data.stat()
    except OSError:
        return None
    return (status.st_uid, status.st_gid) if status.st_uid != 0 else None


def unprivileged_ids() -> tuple[int, int]:
    """The account named nobody, or the next best; initdb insists on one that has a name."""
    for name in UNPRIVILEGED_ACCOUNTS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise StackError(
        "PostgreSQL does not run as root and this system has none of the accounts "
        f"{', '.join(UNPRIVILEGED_ACCOUNTS)}: run this as an ordinary user."
    )


def capability_for(data: Path, program: Path, library: Path) -> int | None:
    """The least capability that gives the account its files, or None when it needs none."""
    runnable = bool(program.stat().st_mode & 0o001)
    reachable = all(
        parent.stat().st_mode & 0o001
        for path in (data, program, library)
        for parent in path.parents
    )
    readable = library.stat().st_mode & 0o005 == 0o005 and program.stat().st_mode & 0o004
    if runnable and reachable and readable:
        return None
    held = held_capabilities()
    wanted = (CAP_DAC_READ_SEARCH, CAP_DAC_OVERRIDE) if runnable else (CAP_DAC_OVERRIDE,)
    for capability in wanted:
        if held >> capability & 1:
            return capability
    raise StackError(
        "PostgreSQL does not run as root, and the account it would use cannot reach "
        f"{program} or {data}: move the clone elsewhere, or run this as an ordinary user."
    )


def held_capabilities() -> int:
    """The capabilities in effect for this process, as a bit mask."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return 0
