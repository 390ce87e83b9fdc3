"""What runs now: told by the supervisor in `status.json`, read by everybody else."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from services.kit.devstack.keeper import Keeper, State
from services.kit.devstack.paths import write_atomically
from services.kit.devstack.process import ProcessId

STARTING, HEALTHY, STOPPING, STOPPED, FAILED = (
    "starting",
    "healthy",
    "stopping",
    "stopped",
    "failed",
)


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process of the mesh."""

    name: str
    state: str
    pid: int
    start_ticks: int
    """With the pid, says for sure which process is meant."""
    restarts: int
    boot_seconds: float | None
    problem: str

    @classmethod
    def of(cls, keeper: Keeper) -> Self:
        """What a keeper knows."""
        pid = keeper.process.pid if keeper.process else 0
        identity = ProcessId.of(pid) if pid else None
        took = (
            round(keeper.ready_at - keeper.started_at, 2)
            if keeper.ready_at and keeper.started_at
            else None
        )
        return cls(
            name=keeper.unit.name,
            state=keeper.state,
            pid=pid,
            start_ticks=identity.start_ticks if identity else 0,
            restarts=keeper.restarts,
            boot_seconds=took,
            problem=keeper.problem,
        )


@dataclass(frozen=True, slots=True)
class Status:
    """One moment of a mesh."""

    phase: str
    supervisor: int
    processes: list[ProcessStatus] = field(default_factory=list)
    report: str = ""
    """Why it failed, with the end of the log."""
    timeline: str = ""
    notices: list[str] = field(default_factory=list)

    @property
    def all_ready(self) -> bool:
        """Whether every process is ready at this moment."""
        return self.phase == HEALTHY and all(it.state == State.READY for it in self.processes)

    def write(self, path: Path) -> None:
        """Tell the others."""
        write_atomically(path, json.dumps(asdict(self), indent=2) + "\n")

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """The last word of the last supervisor; None when there is none."""
        try:
            found: dict[str, Any] = json.loads(path.read_text())
            processes = [ProcessStatus(**entry) for entry in found.pop("processes")]
            return cls(processes=processes, **found)
        except (OSError, ValueError, TypeError, KeyError):
            return None


def snapshot(keepers: Sequence[Keeper]) -> list[ProcessStatus]:
    """The processes of a mesh, in the order they were started."""
    return [ProcessStatus.of(keeper) for keeper in keepers]
