"""One mesh for all journeys, started by the same code as `make up`, on free ports."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.kit.devstack.mesh import Mesh
from tests.outside import Outside, outside


@pytest.fixture(scope="session")
async def mesh() -> AsyncIterator[Mesh]:
    """The whole mesh, with the demo tenant."""
    directory = Path(tempfile.mkdtemp(prefix="malha-e2e-"))
    try:
        async with Mesh(directory, durable=False) as mesh:
            yield mesh
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
async def world(mesh: Mesh) -> AsyncIterator[Outside]:
    """The outside world, in good order before and after."""
    async with outside(mesh.demo) as world:
        yield world
        await world.faults()
