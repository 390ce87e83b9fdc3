import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import orjson
import pytest

from tests.gateway_edge.edge.parts import PlayedIngestion, RunningEdge, running_edge


@pytest.fixture
def directory() -> Iterator[Path]:
    """A short one: a unix socket's path holds 108 bytes."""
    with tempfile.TemporaryDirectory(prefix="edge-") as path:
        for version in ("v1", "v2"):
            Path(path, f"{version}.json").write_bytes(orjson.dumps({"openapi": "3.1.0"}))
        yield Path(path)


@pytest.fixture
async def ingestion(directory: Path) -> AsyncIterator[PlayedIngestion]:
    played = PlayedIngestion(directory / "ingestion.sock")
    await played.start()
    yield played
    await played.stop()


@pytest.fixture
async def edge(directory: Path, ingestion: PlayedIngestion) -> AsyncIterator[RunningEdge]:
    async with running_edge(directory, ingestion) as running:
        yield running
