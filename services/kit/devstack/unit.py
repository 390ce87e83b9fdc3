"""What devstack keeps running: a process, what it needs, and how to tell that it is ready."""

from abc import ABC, abstractmethod

from services.kit.devstack.process import Command


class Unit(ABC):
    """One part of the mesh."""

    name: str
    ready_within: float = 30

    @abstractmethod
    async def prepare(self) -> None:
        """Make it startable, also after a crash; runs before every start."""

    @abstractmethod
    def command(self) -> Command:
        """What to run."""

    @abstractmethod
    async def ready(self, pid: int) -> bool:
        """Whether the process with this id does its work now; asked repeatedly."""
