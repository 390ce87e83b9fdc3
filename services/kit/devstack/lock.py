"""One supervisor for each state directory, and nothing left of the one before."""

import fcntl
import json
import os
import signal
from contextlib import suppress
from pathlib import Path

from services.kit.devstack.errors import StackError
from services.kit.devstack.process import ProcessId

LEFTOVER_GRACE = 6.0


class StateLock:
    """Held by an open file: the kernel lets go of it when its holder dies, however that happens."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def take(self) -> None:
        """Take the lock, or say who has it."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(descriptor)
            holder = self.holder()
            raise StackError(
                f"A mesh is running on {self._path.parent} already"
                f"{f' (pid {holder})' if holder else ''}: `make down` stops it."
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Let go of it."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def holder(self) -> int | None:
        """The process that holds the lock; None when it is free."""
        try:
            descriptor = os.open(self._path, os.O_RDWR)
        except OSError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except OSError:
            with suppress(OSError, ValueError):
                return int(self._path.read_text())
            return None
        finally:
            os.close(descriptor)
        return None


async def end_leftovers(status: Path) -> None:
    """Wait for the processes of a supervisor that was killed; the kernel is ending them already."""
    for leftover in recorded_processes(status):
        if not await leftover.gone(within=LEFTOVER_GRACE):
            leftover.send(signal.SIGKILL)
            await leftover.gone(within=1)


def recorded_processes(status: Path) -> list[ProcessId]:
    """The processes that the last supervisor wrote down."""
    try:
        recorded = json.loads(status.read_text())["processes"]
        return [ProcessId(int(entry["pid"]), int(entry["start_ticks"])) for entry in recorded]
    except (OSError, ValueError, KeyError, TypeError):
        return []
