"""Where a mesh keeps its things: the state directory and, for sockets, a short one below /tmp."""

import contextlib
import hashlib
import os
import shutil
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from services.kit.devstack.errors import StackError

PROJECT = Path(__file__).resolve().parents[3]
LAYOUT_VERSION = "1"
"""Raised when the content of a state directory changes in a way that older ones cannot follow."""

PYTHON_PATH = (PROJECT, PROJECT / "gen/python", PROJECT / "gateway-edge")


@dataclass(frozen=True, slots=True)
class StatePaths:
    """The places inside one state directory."""

    root: Path
    runtime: Path
    """Sockets, below /tmp: the path of one holds 107 bytes at most, and clones live deep."""
    postgres_runtime: Path
    """PostgreSQL's socket, apart because it runs as another user when we are root."""

    @classmethod
    def at(cls, root: Path | None = None) -> Self:
        """The places of the given directory, of MALHA_STATE_DIR, or of the project's `.malha`."""
        if root is None:
            root = Path(os.environ.get("MALHA_STATE_DIR") or PROJECT / ".malha")
        root = root.resolve()
        tag = hashlib.sha256(f"{os.geteuid()}:{root}".encode()).hexdigest()[:10]
        return cls(root, Path(f"/tmp/malha-{tag}"), Path(f"/tmp/malha-{tag}-pg"))

    @property
    def logs(self) -> Path:
        """One log per process."""
        return self.root / "logs"

    def log(self, name: str) -> Path:
        """The log of one process."""
        return self.logs / f"{name}.log"

    @property
    def secrets(self) -> Path:
        """Passwords and keys, made once."""
        return self.root / "secrets.json"

    @property
    def demo(self) -> Path:
        """How to reach the running mesh."""
        return self.root / "demo.json"

    @property
    def status(self) -> Path:
        """What runs now, written by the supervisor."""
        return self.root / "status.json"

    @property
    def lock(self) -> Path:
        """Held by the one supervisor of this directory."""
        return self.root / "lock"

    @property
    def ports(self) -> Path:
        """The ports chosen, kept across restarts."""
        return self.root / "ports.json"

    @property
    def postgres(self) -> Path:
        """PostgreSQL's data directory and what was derived from it."""
        return self.root / "postgres"

    @property
    def valkey(self) -> Path:
        """Valkey's append-only file."""
        return self.root / "valkey"

    @property
    def nats(self) -> Path:
        """JetStream's store and the server's configuration."""
        return self.root / "nats"

    @property
    def envoy(self) -> Path:
        """The configuration of Envoy."""
        return self.root / "envoy"

    @property
    def sandbox(self) -> Path:
        """What the sandbox remembers."""
        return self.root / "sandbox"

    def socket(self, name: str) -> Path:
        """The unix socket of one process."""
        return self.runtime / f"{name}.sock"

    def create(self) -> None:
        """Make the directories, or say why this one cannot be used."""
        as_root = os.geteuid() == 0
        try:
            # Open for passing through as root, because PostgreSQL's account has to; what lies
            # inside is closed.
            make_directory(self.root, 0o711 if as_root else 0o700)
            make_directory(self.postgres, 0o711 if as_root else 0o700)
            for directory in (self.logs, self.valkey, self.nats, self.envoy, self.sandbox):
                make_directory(directory, 0o700)
            check_layout(self.root)
        except (FileExistsError, NotADirectoryError) as error:
            raise StackError(
                f"{error.filename} is in the way: a directory is needed there."
            ) from error
        except OSError as error:
            raise StackError(
                f"The state directory {self.root} cannot be used: {error.strerror}. "
                "It may belong to another user; MALHA_STATE_DIR names another one."
            ) from error
        make_private(self.runtime)
        with contextlib.suppress(OSError):
            (self.root / "run").unlink(missing_ok=True)
            (self.root / "run").symlink_to(self.runtime)

    def remove_runtime(self) -> None:
        """Remove the sockets and their directories; the next start makes them again."""
        for directory in (self.runtime, self.postgres_runtime):
            shutil.rmtree(directory, ignore_errors=True)

    def remove(self) -> None:
        """Remove the state directory with all data, if it is one: the marker says so."""
        if (self.root / "layout").is_file():
            shutil.rmtree(self.root)
        self.remove_runtime()


def make_directory(path: Path, mode: int) -> None:
    """Make a directory of ours with exactly this mode."""
    path.mkdir(parents=True, exist_ok=True)
    if stat.S_IMODE(path.stat().st_mode) != mode:
        path.chmod(mode)


def make_private(path: Path, uid: int | None = None, gid: int | None = None) -> None:
    """Make a directory that only one account enters; refuse one that somebody else put there."""
    owner = os.geteuid() if uid is None else uid
    try:
        path.mkdir(mode=0o700)
        if uid is not None and gid is not None:
            os.chown(path, uid, gid)
    except FileExistsError:
        status = path.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != owner or status.st_mode & 0o077:
            raise StackError(
                f"{path} exists and is not a private directory of ours: "
                "remove it, or set MALHA_STATE_DIR."
            ) from None
    except OSError as error:
        raise StackError(f"{path} cannot be made: {error.strerror}.") from error


def check_layout(root: Path) -> None:
    """Refuse a state directory that another version left behind."""
    marker = root / "layout"
    if not marker.exists():
        marker.write_text(f"{LAYOUT_VERSION}\n")
    elif (found := marker.read_text().strip()) != LAYOUT_VERSION:
        raise StackError(
            f"{root} was made by another version (layout {found or 'unknown'}, "
            f"this is {LAYOUT_VERSION}): `make clean` removes it."
        )


def write_atomically(path: Path, text: str, *, mode: int = 0o600, sync: bool = False) -> None:
    """Replace a file at once: readers see the old or the new one. `sync` survives a power cut."""
    staging = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(staging, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with open(descriptor, "w") as file:
        file.write(text)
        if sync:
            file.flush()
            os.fsync(file.fileno())
    staging.replace(path)
