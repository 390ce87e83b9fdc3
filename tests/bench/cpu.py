"""What each part of a mesh costs: the processor time that it and its children have taken."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from services.kit.devstack.mesh import Mesh

_TICK = os.sysconf("SC_CLK_TCK")


def cpu_seconds(mesh: Mesh) -> dict[str, float]:
    """Seconds since the start of each process."""
    children: dict[int, list[int]] = {}
    ticks: dict[int, int] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            fields = (entry / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(entry.name)
        ticks[pid] = int(fields[11]) + int(fields[12])
        children.setdefault(int(fields[1]), []).append(pid)

    def of(pid: int) -> int:
        return ticks.get(pid, 0) + sum(of(child) for child in children.get(pid, ()))

    return {
        keeper.unit.name: of(keeper.process.pid) / _TICK
        for keeper in mesh.keepers
        if keeper.process is not None
    }


def costs(before: Mapping[str, float], after: Mapping[str, float], count: int) -> str:
    """Milliseconds that each part took for one of `count`, the dearest first."""
    spent = {name: after[name] - before.get(name, 0.0) for name in after}
    shown = [
        f"{name} {seconds * 1000 / count:.2f}"
        for name, seconds in sorted(spent.items(), key=lambda item: -item[1])
        if seconds * 1000 / count >= 0.01
    ]
    return f"{sum(spent.values()) * 1000 / count:.2f} ms of CPU each: {', '.join(shown)}"
