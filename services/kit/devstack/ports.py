"""Loopback ports: chosen once per state directory, free when chosen, the same after a restart."""

import hashlib
import json
import os
import socket
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from services.kit.devstack.errors import StackError
from services.kit.devstack.paths import write_atomically

# Below the range the kernel gives to outgoing connections: a port from there could be taken between
# the crash of a process and its restart.
FIRST_PORT, LAST_PORT = 20000, 32000

LISTENING = "0A"
"""The state of a listening socket in /proc/net/tcp."""


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As servers do: connections that linger after a stop do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def require_free(port: int, setting: str) -> None:
    """Refuse a port that somebody else listens on, with a way out."""
    if is_free(port) and is_free(port, "0.0.0.0"):
        return
    raise StackError(
        f"Port {port} is in use{holder_of(port)}: "
        f"stop that process or set {setting} to a free port."
    )


def holder_of(port: int) -> str:
    """Who listens on a port, as far as the system tells us."""
    sockets = set(listening_sockets(port))
    for descriptor in Path("/proc").glob("[0-9]*/fd/*") if sockets else ():
        with suppress(OSError):
            if os.readlink(descriptor) in sockets:
                process = descriptor.parents[1]
                name = (process / "comm").read_text().strip()
                return f" by {name} (pid {process.name})"
    return ""


def listening_sockets(port: int) -> Iterator[str]:
    """The sockets that listen on a port, named as the links in /proc/<pid>/fd name them."""
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                    yield f"socket:[{fields[9]}]"


def choose_ports(names: Iterable[str], remembered: Path) -> dict[str, int]:
    """A free loopback port for each name: the one it had before where that is still free."""
    before = recall(remembered)
    # Each state directory starts to look somewhere else, so meshes that start together do not race
    # for one port.
    digest = hashlib.sha256(str(remembered).encode()).digest()
    candidate = FIRST_PORT + int.from_bytes(digest[:4]) % (LAST_PORT - FIRST_PORT)
    chosen: dict[str, int] = {}
    for name in names:
        port = before.get(name)
        while port is None or port in chosen.values() or not is_free(port):
            port = candidate
            candidate = FIRST_PORT + (candidate + 1 - FIRST_PORT) % (LAST_PORT - FIRST_PORT)
        chosen[name] = port
    if chosen != before:
        write_atomically(remembered, json.dumps(chosen, indent=2) + "\n")
    return chosen


def recall(remembered: Path) -> dict[str, int]:
    """The ports of the last start; none when the file is damaged, for it holds nothing precious."""
    try:
        found = json.loads(remembered.read_text())
        return {str(name): int(port) for name, port in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        return {}
