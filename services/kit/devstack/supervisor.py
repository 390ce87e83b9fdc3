"""Runs a mesh until told to stop, and tells others how it is."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable

from services.kit.devstack.errors import StackError
from services.kit.devstack.mesh import Mesh
from services.kit.devstack.status import (
    FAILED,
    HEALTHY,
    STARTING,
    STOPPED,
    STOPPING,
    Status,
    snapshot,
)
from services.kit.devstack.watch import changes

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

MakeMesh = Callable[[Callable[[], None]], Mesh]
"""Makes the mesh, given what it shall call whenever something about it changed."""
Work = Callable[[Mesh], Awaitable[int]]
"""What is done with a healthy mesh; gives an exit code."""


class Supervisor:
    """One mesh, its status file, and whoever watches the terminal."""

    def __init__(
        self, make_mesh: MakeMesh, show: Callable[[Status], None] = lambda _: None
    ) -> None:
        self.mesh = make_mesh(self._tell)
        self._show = show
        self._phase = STARTING
        self._report = ""
        self._notices: list[str] = []

    @property
    def status(self) -> Status:
        """How the mesh is now."""
        return Status(
            phase=self._phase,
            supervisor=os.getpid(),
            processes=snapshot(self.mesh.keepers),
            report=self._report,
            timeline=str(self.mesh.timeline),
            notices=self._notices,
        )

    async def run(self, work: Work) -> int:
        """Start the mesh, do the work until it ends or a signal comes, stop the mesh."""
        await self.mesh.open()
        try:
            self._enter(STARTING)
            return await self._work_until_signal(work)
        except StackError as error:
            self._report = error.report()
            raise
        finally:
            self._enter(STOPPING)
            await self.mesh.stop()
            self._enter(FAILED if self._report else STOPPED)
            # Only now: whoever takes the lock next writes the status file.
            self.mesh.close()

    async def stay(self, _: Mesh) -> int:
        """Work that never ends."""
        await asyncio.Event().wait()
        return 0

    async def follow_code(self, mesh: Mesh) -> int:
        """Work that restarts whatever changed code belongs to."""
        pending: set[str] = set()
        async for parts in changes():
            pending |= parts
            try:
                await mesh.infra.follow_code()
                await mesh.restart(pending)
                pending.clear()
                self._notices = mesh.notices
            except StackError as error:
                # Half-written code is normal here: say it, and wait for the next change.
                self._notices = [error.report()]
            self._tell()
        return 0

    async def _work_until_signal(self, work: Work) -> int:
        asked = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in STOP_SIGNALS:
            loop.add_signal_handler(number, asked.set)
        job = asyncio.ensure_future(self._boot_and_work(work))
        stop = asyncio.ensure_future(asked.wait())
        try:
            await asyncio.wait({job, stop}, return_when=asyncio.FIRST_COMPLETED)
            return job.result() if job.done() else 0
        finally:
            # The handlers stay: a second signal must not interrupt the stopping half-way.
            for task in (job, stop):
                task.cancel()
            await asyncio.gather(job, stop, return_exceptions=True)

    async def _boot_and_work(self, work: Work) -> int:
        await self.mesh.boot()
        self._notices = self.mesh.notices
        self._enter(HEALTHY)
        return await work(self.mesh)

    def _enter(self, phase: str) -> None:
        self._phase = phase
        self._tell()

    def _tell(self) -> None:
        status = self.status
        status.write(self.mesh.paths.status)
        self._show(status)
