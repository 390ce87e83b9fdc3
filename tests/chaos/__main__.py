"""make chaos: kill -9 of each process in turn, under a steady stream of webhooks.

Two businesses with a number each get bursts of one to five messages, each burst from a customer of
its own. Some deliveries are repeated, and whatever is not answered with 200 is delivered again.
The last line of standard output is the verdict; the exit code is 1 when something was lost,
doubled or crossed, or when the mesh did not come back.
"""

from __future__ import annotations

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import aiohttp

from services.kit.devstack.errors import StackError
from services.kit.devstack.fingerprint import Code
from services.kit.devstack.mesh import Mesh
from tests.bench.business import TOPICS, open_business
from tests.bench.figure import note
from tests.chaos.faults import PROCESSES, Fault, Tormentor, kill
from tests.chaos.records import gather, settled
from tests.chaos.stream import Stream
from tests.chaos.verdict import Verdict, judge

QUIET = timedelta(seconds=1)
CALM = 4.0
"""Seconds of undisturbed stream before each fault."""
ACKNOWLEDGED_WITHIN = 60
SETTLED_WITHIN = 150
MOST_SHOWN = 10

QUICK = tuple(kill(name) for name in ("ingestion", "processing", "nats"))
SPECIAL: dict[str, Fault] = {
    "flush": Tormentor.flush,
    "unknown-outcomes": Tormentor.kill_with_unknown_outcomes,
    "during-sends": Tormentor.kill_during_sends,
}
ALL = (*map(kill, PROCESSES), *SPECIAL.values())


def main() -> int:
    """Torment a mesh of our own and judge it."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="only ingestion, processing and nats, for less time"
    )
    parser.add_argument("--only", action="append", choices=(*PROCESSES, *SPECIAL), help="only this")
    parser.add_argument("--bursts", type=float, default=4.0, help="bursts per second (default: 4)")
    parser.add_argument("--seed", type=int, default=int(time.time()), help="repeats the stream")
    parser.add_argument("--keep", action="store_true", help="keep the state directory, to look at")
    options = parser.parse_args()
    faults: Sequence[Fault] = QUICK if options.quick else ALL
    if options.only:
        faults = [SPECIAL.get(name) or kill(name) for name in options.only]
    directory = Path(tempfile.mkdtemp(prefix="malha-chaos-"))
    note(f"seed {options.seed}, state in {directory}")
    try:
        verdict = asyncio.run(chaos(directory, faults, options.bursts, options.seed))
    except (StackError, TimeoutError) as error:
        note(error.report() if isinstance(error, StackError) else str(error))
        return 1
    finally:
        if not options.keep:
            shutil.rmtree(directory, ignore_errors=True)
    show(verdict)
    return 0 if verdict.clean else 1


async def chaos(
    directory: Path, faults: Sequence[Fault], bursts_per_second: float, seed: int
) -> Verdict:
    """Let the stream run through all faults, wait until all is answered, and judge."""
    async with (
        Mesh(directory) as mesh,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session,
    ):
        businesses = [
            await open_business(
                mesh,
                session,
                name,
                topics=TOPICS,
                quiet_seconds=QUIET.total_seconds(),
            )
            for name in ("Livraria Boreal", "Padaria Austral")
        ]
        stream = Stream(session, businesses, seed)
        tormentor = Tormentor(mesh, session, businesses, stream)
        flow = asyncio.create_task(stream.run(bursts_per_second))
        try:
            for fault in faults:
                await asyncio.sleep(CALM)
                await fault(tormentor)
            await asyncio.sleep(CALM)
        finally:
            flow.cancel()
            await asyncio.gather(flow, return_exceptions=True)
        try:
            await stream.acknowledged(ACKNOWLEDGED_WITHIN)
        finally:
            await stream.close()
            note(f"  {stream.written} messages in {stream.bursts} bursts: {stream.deliveries}")
        began = time.monotonic()
        left = await settled(mesh, businesses, SETTLED_WITHIN)
        note(f"  settled after {time.monotonic() - began:.0f} s; left: {left or 'nothing'}")
        evidence = await gather(
            mesh,
            session,
            businesses,
            stream.offered,
            quiet=QUIET,
            sender_killed=tormentor.sender_killed,
        )
        if Code.now() != mesh.infra.code:
            note("  the code was changed meanwhile: what was restarted is not what was migrated")
    return judge(evidence)


def show(verdict: Verdict) -> None:
    """The findings for people, and the verdict for programs."""
    for kind, findings in verdict.findings.items():
        for finding in findings[:MOST_SHOWN]:
            note(f"  {kind}: {finding}")
        if len(findings) > MOST_SHOWN:
            note(f"  {kind}: and {len(findings) - MOST_SHOWN} more")
    note(f"  {verdict.torn_apart} bursts were torn apart and answered in parts")
    if verdict.unsettled:
        note(
            f"  {verdict.unsettled} answers were being sent when their sender was killed, and the"
            " provider does not know them: they are parked as unknown, and never sent blindly again"
        )
    print(verdict.line(), flush=True)


if __name__ == "__main__":
    sys.exit(main())
