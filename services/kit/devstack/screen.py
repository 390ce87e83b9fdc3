"""What the person at the terminal sees."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from services.kit.devstack.keeper import State
from services.kit.devstack.paths import StatePaths
from services.kit.devstack.status import HEALTHY, Status

STYLES = {
    State.READY: "green",
    State.STARTING: "cyan",
    State.RESTARTING: "yellow",
    State.FAILED: "bold red",
}


class Screen:
    """A live table on a terminal; one line for each change anywhere else."""

    def __init__(self, paths: StatePaths) -> None:
        self._paths = paths
        self._console = Console(stderr=True)
        self._live: Live | None = None
        self._said: dict[str, tuple[str, int]] = {}

    @contextmanager
    def open(self, *, keep: bool = True) -> Iterator[None]:
        """Show what `show` is told until the block ends; `keep` leaves the last table there."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, transient=not keep, auto_refresh=False) as live:
            self._live = live
            try:
                yield
            finally:
                self._live = None

    def show(self, status: Status) -> None:
        """Take in a new status."""
        if self._live is not None:
            self._live.update(render(status), refresh=True)
            return
        if self._console.is_terminal:
            return
        for process in status.processes:
            now = (process.state, process.restarts)
            if self._said.get(process.name) == now:
                continue
            self._said[process.name] = now
            if process.state in (State.READY, State.RESTARTING, State.FAILED):
                took = f" in {process.boot_seconds:.2f} s" if process.state == State.READY else ""
                problem = f": {process.problem}" if process.state != State.READY else ""
                self.say(f"{process.name} {process.state}{took}{problem}")

    def say(self, text: str) -> None:
        """Print a line or several above the table."""
        self._console.print(Text(text), soft_wrap=True)

    def welcome(self, status: Status, demo: dict[str, Any], seconds: float | None) -> None:
        """Where everything is, how to get in, and what the start took if this was one."""
        took = f" after {seconds:.1f} s" if seconds is not None else ""
        self.say(f"\nMalha is up{took}. Logs: {self._paths.logs}")
        for notice in status.notices:
            self.say(notice)
        if seconds is not None:
            self.say(f"\n{status.timeline}\n")
        if self._live is None:
            print(addresses(demo), flush=True)
        else:
            self.say(addresses(demo))


def addresses(demo: dict[str, Any]) -> str:
    """The addresses and the login, one to a line."""
    user = demo.get("user") or {}
    lines = {
        "REST and web": demo.get("api_url"),
        "Start page": demo.get("console_url"),
        "gRPC": demo.get("grpc_url"),
        "Sandbox": demo.get("sandbox_url"),
        "Login": f"{user['email']} / {user['password']}" if user else None,
        "API key": demo.get("api_key"),
    }
    return "\n".join(f"  {name:<13}{value}" for name, value in lines.items() if value)


def render(status: Status) -> Group:
    """The table of all processes, and what needs attention below it."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    for heading in ("part", "state", "pid", "boot", "restarts", ""):
        table.add_column(heading, overflow="fold" if heading == "" else "ellipsis")
    for process in status.processes:
        table.add_row(
            process.name,
            Text(process.state, style=STYLES.get(State(process.state), "")),
            str(process.pid or ""),
            f"{process.boot_seconds:.2f} s" if process.boot_seconds is not None else "",
            str(process.restarts or ""),
            Text(process.problem, style="dim"),
        )
    phase = Text(f"mesh {status.phase}", style="green" if status.phase == HEALTHY else "cyan")
    return Group(table, phase, *(Text(notice, style="yellow") for notice in status.notices))
