"""A process that lacks a setting ends at once, with one line that names it."""

from __future__ import annotations

import asyncio

import pytest

from services.kit.devstack.environment import python_command
from services.kit.devstack.infra import Infra
from services.kit.devstack.paths import PROJECT
from services.kit.settings import EX_CONFIG


@pytest.mark.parametrize(
    "name",
    ["MALHA_DATABASE_URL", "MALHA_REDIS_URL", "MALHA_NATS_URL", "MALHA_ENCRYPTION_KEYS"],
)
async def test_a_missing_setting_is_named_and_nothing_else_is_said(infra: Infra, name: str) -> None:
    environment = infra.environment("assistants")
    del environment[name]
    process = await asyncio.create_subprocess_exec(
        *python_command("-m", "services.assistants"),
        env=environment,
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == EX_CONFIG
    assert (out, err) == (b"", f"setting {name}: expected a value\n".encode())
