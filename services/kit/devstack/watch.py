"""`make dev` restarts what the changed code belongs to."""

from collections.abc import AsyncIterator, Iterable
from pathlib import Path

from services.kit.devstack.paths import PROJECT
from services.kit.devstack.secrets import SERVICES

# Not gateway-edge as a whole: web dependencies are tens of thousands of files.
WATCHED = (
    "services",
    "gateway-edge/edge",
    "gateway-edge/envoyconf",
    "gateway-edge/sandbox",
    "gen/python",
)
CODE = frozenset({".py", ".sql", ".json", ".html", ".css", ".js"})
EVERY_PROCESS = frozenset({*SERVICES, "edge", "sandbox"})


def affected(path: Path) -> frozenset[str]:
    """The parts of the mesh that run the code in a file."""
    match path.relative_to(PROJECT).parts:
        case ("services", "kit", "devstack", *_):
            return frozenset()
        case ("services", service, *_) if service in SERVICES:
            return frozenset({service})
        case ("services", "kit", *_) | ("gen", *_):
            return EVERY_PROCESS
        case ("gateway-edge", "envoyconf", *_):
            return frozenset({"envoy"})
        case ("gateway-edge", "edge" | "sandbox" as name, *_):
            return frozenset({name})
    return frozenset()


def affected_by(paths: Iterable[Path]) -> frozenset[str]:
    """The parts that any of the files belongs to."""
    return frozenset().union(*(affected(path) for path in paths))


async def changes() -> AsyncIterator[frozenset[str]]:
    """The parts to restart, each time somebody saved something."""
    # Imported here: only `make dev` watches.
    from watchfiles import Change, awatch

    def is_code(_: Change, path: str) -> bool:
        return Path(path).suffix in CODE

    roots = [PROJECT / root for root in WATCHED if (PROJECT / root).is_dir()]
    async for changed in awatch(*roots, watch_filter=is_code, step=100):
        parts = affected_by(Path(path) for _, path in changed)
        if parts:
            yield parts
