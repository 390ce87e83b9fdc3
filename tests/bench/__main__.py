"""make bench: every figure of design.md section 7, or some of them.

One JSON line per figure on standard output. A budget that is not met is a figure like any other;
only what is broken makes the exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

from services.kit.devstack.errors import StackError
from tests.bench import boot, knowledge, latency, reads, throughput, webhooks
from tests.bench.figure import Figure, note
from tests.bench.laboratory import Laboratory, laboratory

# What leaves a backlog behind comes last.
MEASUREMENTS: dict[str, Callable[[Laboratory], AsyncIterator[Figure]]] = {
    "reads": reads.measure,
    "knowledge": knowledge.measure,
    "webhooks": webhooks.measure,
    "latency": latency.measure,
    "throughput": throughput.measure,
}
BOOT = "boot"


def main() -> int:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--only",
        action="append",
        choices=[BOOT, *MEASUREMENTS],
        help="measure this, and nothing else that is not named as well",
    )
    parser.add_argument(
        "--seconds", type=float, default=5.0, help="how long each load lasts (default: 5)"
    )
    options = parser.parse_args()
    return asyncio.run(bench(options.only or [BOOT, *MEASUREMENTS], options.seconds))


async def bench(names: list[str], seconds: float) -> int:
    """Measure side by side with nothing; gives the exit code."""
    note(f"{os.cpu_count()} cores; the machine's load before: {os.getloadavg()[0]:.1f}")
    sound = True
    if BOOT in names:
        sound &= await report(BOOT, boot.measure())
    wanted = [name for name in MEASUREMENTS if name in names]
    if wanted:
        try:
            async with laboratory(seconds) as lab:
                for name in wanted:
                    await lab.calm()
                    sound &= await report(name, MEASUREMENTS[name](lab), logs=lab.mesh.paths.logs)
        except StackError as error:
            note(error.report())
            return 1
    return 0 if sound else 1


async def report(name: str, figures: AsyncIterator[Figure], logs: Path | None = None) -> bool:
    """Print figures as they come; whatever breaks one measurement leaves the others alone."""
    note(f"{name}:")
    began = time.monotonic()
    try:
        async for figure in figures:
            print(figure.line(), flush=True)
    except Exception as error:
        note(f"  {name} is broken: {type(error).__name__}: {error}")
        for log in sorted(logs.glob("*.log")) if logs else ():
            if trouble := [line for line in log.read_text().splitlines() if '"error"' in line]:
                note(f"    {log.stem}: {len(trouble)} errors in its log; the last: {trouble[-1]}")
        return False
    note(f"  took {time.monotonic() - began:.0f} s")
    return True


if __name__ == "__main__":
    sys.exit(main())
