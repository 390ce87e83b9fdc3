"""One operating system process: started with its log, bound to us, stopped in order."""

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from services.kit.devstack.account import Account
from services.kit.devstack.errors import START_MARK, StackError

LAUNCHER = Path(__file__).with_name("launch.py")
LOG_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Command:
    """What to run, and how it wants to be stopped."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    directory: Path = Path("/")
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within: float = 10
    death_signal: signal.Signals = signal.SIGKILL
    """Sent by the kernel when the supervisor is gone, however it went."""

    def launch_argv(self) -> list[str]:
        """The command line that starts it bound to this process."""
        options = {
            "parent": os.getpid(),
            "death_signal": self.death_signal,
            "uid": self.account.uid if self.account else None,
            "gid": self.account.gid if self.account else None,
            "capability": self.account.capability if self.account else None,
        }
        return [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(options), *self.argv]


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process for sure: process ids come back, a pid with its start time does not."""

    pid: int
    start_ticks: int

    @classmethod
    def of(cls, pid: int) -> Self | None:
        """The process that has this id now; None when there is none, or only its exit status."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            return None
        fields = stat.rpartition(")")[2].split()
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    def alive(self) -> bool:
        """Whether this very process still runs."""
        return ProcessId.of(self.pid) == self

    def send(self, number: signal.Signals) -> None:
        """Signal it, unless it is gone."""
        if self.alive():
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def gone(self, within: float) -> bool:
        """Wait for its end; False when it outlives the wait."""
        deadline = time.monotonic() + within
        while self.alive():
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.02)
        return True


class Process:
    """A running child. Start it from the main thread: the kernel binds it to the forking thread."""

    def __init__(self, command: Command, log: Path) -> None:
        self.command = command
        self.log = log
        self._popen = spawn(command, log)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended, as in subprocess; None while it runs."""
        return self._popen.poll()

    async def wait(self) -> int:
        """Wait for its end. It may be started in one event loop and awaited in another."""
        while (code := self._popen.poll()) is None:
            await ended(self.pid)
        return code

    async def stop(self) -> None:
        """Ask it to end, and insist once its time is up."""
        if self.exit_code is not None:
            return
        self.signal(self.command.stop_signal)
        try:
            await asyncio.wait_for(self.wait(), self.command.stop_within)
        except TimeoutError:
            with self.log.open("a") as file:
                file.write(f"--- killed: did not stop within {self.command.stop_within:g} s\n")
            self.kill()
            await self.wait()

    def signal(self, number: signal.Signals) -> None:
        """Signal the process itself, not what it started."""
        if self.exit_code is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it and everything it started, at once."""
        if self.exit_code is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, signal.SIGKILL)


async def ended(pid: int) -> None:
    """Return when a child has ended, or perhaps a little earlier: look, and call again."""
    try:
        handle = os.pidfd_open(pid)
    except OSError:
        await asyncio.sleep(0.05)  # Some sandboxes lack pidfd_open.
        return
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(handle, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(handle)
        os.close(handle)


async def run_to_end(command: Command, log: Path, *, stdin: str = "", within: float = 60) -> str:
    """Run a program that ends by itself and give its output; its errors go to the log."""
    popen = spawn(command, log, talk=True)
    try:
        # A thread does the reading, but not the fork: see Process.
        output, _ = await asyncio.wait_for(
            asyncio.to_thread(popen.communicate, stdin.encode()), within
        )
    except TimeoutError as error:
        raise StackError(f"{command.name} did not finish within {within:g} s.", log) from error
    finally:
        if popen.poll() is None:
            os.killpg(popen.pid, signal.SIGKILL)
    if popen.returncode != 0:
        with log.open("ab") as file:
            file.write(output)
        raise StackError(f"{command.name} {describe_exit(popen.returncode)}.", log)
    text: str = output.decode()
    return text


def spawn(command: Command, log: Path, *, talk: bool = False) -> subprocess.Popen[bytes]:
    """Start a command with its log; `talk` keeps its standard input and output for us."""
    rotate(log)
    try:
        with log.open("ab") as output:
            output.write(f"{start_mark(command.name)}\n".encode())
            output.flush()
            return subprocess.Popen(
                command.launch_argv(),
                env=dict(command.environment),
                cwd=command.directory,
                stdin=subprocess.PIPE if talk else subprocess.DEVNULL,
                stdout=subprocess.PIPE if talk else output,
                stderr=output,
                start_new_session=True,
            )
    except OSError as error:
        raise StackError(f"{command.name} could not be started: {error}.") from error


def describe_exit(code: int) -> str:
    """How a process ended, in words."""
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


def start_mark(name: str) -> str:
    """The line in a log where one run begins."""
    return f"{START_MARK} {name}, {datetime.now(UTC).isoformat(timespec='milliseconds')}"


def rotate(log: Path) -> None:
    """Put a log that grew large aside, keeping one older generation."""
    with contextlib.suppress(FileNotFoundError):
        if log.stat().st_size > LOG_LIMIT:
            log.replace(log.with_suffix(".log.1"))
