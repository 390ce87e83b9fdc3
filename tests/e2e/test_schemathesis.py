"""The live API keeps what its OpenAPI documents say, for whatever Schemathesis thinks of.

Every operation is called by who may call it: an owner's key for most, the owner in person for what
no key may do or would end the key. The ids in paths are of things that exist.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import aiohttp
import asyncpg
import pytest
from openapi_spec_validator import validate

from services.crm.api_keys.model import KEY_SCOPES
from services.kit.devstack.mesh import Mesh
from tests.e2e.isolation.businesses import Business, found, furnish

SEED = 20261122
EXAMPLES = 8
"""For each operation, on top of the cases that its schema's bounds call for."""
CONFIGURATION = Path(__file__).parents[2] / "schemathesis.toml"

# What stands in a path, by the path's beginning: the name of the id, and whose it is.
_IDS = (
    ("/v1/api-keys/", "id", "other_api_key"),
    ("/v1/assistants/", "id", "assistant"),
    ("/v1/connections/", "id", "connection"),
    ("/v1/conversations/{id}", "id", "conversation"),
    ("/v1/conversations/{conversationId}/", "conversationId", "conversation"),
    ("/v1/conversations/{conversationId}/messages/", "id", "message"),
    ("/v1/documents/", "id", "document"),
    ("/v1/invitations/", "id", "invitation"),
    ("/v1/timelines/", "correlationId", "correlation"),
    ("/v1/users/{id}", "id", "user"),
    ("/v1/webhook-events/", "id", "webhook_event"),
    ("/v1/workspaces/", "id", "empty_workspace"),
    ("/v2/assistants/", "id", "assistant"),
    ("/v2/conversations/{id}", "id", "conversation"),
    ("/v2/conversations/{conversationId}/", "conversationId", "conversation"),
    ("/v2/conversations/{conversationId}/messages/", "id", "message"),
)
# Not /v1/sessions/{id} and /v1/sessions:signOutEverywhere: they would end the run's own session.
IN_PERSON = (
    "/v1/api-keys",
    "/v1/api-keys/{id}",
    "/v1/api-keys/{id}:revoke",
    "/v1/api-keys/{id}:rotate",
    "/v1/passwords:change",
    "/v1/second-factor:begin",
    "/v1/second-factor:confirm",
    "/v1/second-factor:remove",
    "/v1/sessions",
    "/v1/tenant:delete",
    "/v1/tenant:restore",
    "/v1/users/me",
)


@pytest.fixture(scope="module")
async def business(mesh: Mesh) -> AsyncIterator[Business]:
    """Has one of everything, and a key that can do all but make and end keys."""
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        business = await found(mesh, session, "Provada")
        await furnish(business)
        yield business
    # The wrong passwords came from the address of every other test, which would have to wait.
    owner = await asyncpg.connect(mesh.infra.owner_url)
    await owner.execute("DELETE FROM crm.sign_in_attempts")
    await owner.close()


@pytest.fixture(scope="module")
async def api_key(business: Business) -> str:
    """A key of the business that cannot revoke itself."""
    scopes = [scope for scope in KEY_SCOPES if scope != "api_keys:write"]
    made = await business.world.rest("POST", "/v1/api-keys", {"name": "st", "scopes": scopes})
    assert made.status == 200, made
    key: str = made.body["key"]
    return key


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_what_is_served_is_a_valid_document(business: Business, version: str) -> None:
    validate(await business.world.get(f"/openapi/{version}.json"))


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_a_partner_finds_what_the_document_says(
    business: Business, api_key: str, version: str, tmp_path: Path
) -> None:
    code, said = await _run(business, version, {"x-api-key": api_key}, tmp_path)
    assert code == 0, said


async def test_an_owner_finds_what_the_document_says(business: Business, tmp_path: Path) -> None:
    only = [part for path in IN_PERSON for part in ("--include-path", path)]
    # Spelt as the document does: Schemathesis does not know it otherwise.
    shown = {"Authorization": f"Bearer {business.token}"}
    code, said = await _run(business, "v1", shown, tmp_path, only)
    assert code == 0, said


async def _run(
    business: Business,
    version: str,
    credentials: Mapping[str, str],
    directory: Path,
    only: Sequence[str] = (),
) -> tuple[int | None, str]:
    """Its exit code, and what it found."""
    document = await business.world.get(f"/openapi/{version}.json")
    configuration = directory / "schemathesis.toml"
    configuration.write_text(
        CONFIGURATION.read_text() + _things_that_exist(business, list(document["paths"]))
    )
    schemathesis = await asyncio.create_subprocess_exec(
        *(Path(sys.executable).with_name("schemathesis"), "--config-file", configuration, "run"),
        f"{business.world.demo['api_url']}/openapi/{version}.json",
        *("--checks", "all", "--seed", str(SEED), "--max-examples", str(EXAMPLES), "--no-color"),
        *(part for name, value in credentials.items() for part in ("-H", f"{name}: {value}")),
        *only,
        cwd=directory,  # It keeps its examples where it is started.
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        output, _ = await schemathesis.communicate()
    finally:
        if schemathesis.returncode is None:
            schemathesis.kill()
    return schemathesis.returncode, _findings(output.decode(errors="replace"))


def _things_that_exist(business: Business, paths: Sequence[str]) -> str:
    """Real ids for the paths' variables, as Schemathesis' configuration says it."""
    lines = []
    for path in paths:
        known = {name: business.ids[thing] for start, name, thing in _IDS if path.startswith(start)}
        assert set(known) >= set(re.findall(r"\{(\w+)\}", path)) - _unknown(path), path
        if known:
            lines += ["[[operations]]", f"include-path = {json.dumps(path)}"]
            values = ", ".join(f'"path.{name}" = "{value}"' for name, value in known.items())
            lines.append(f"parameters = {{ {values} }}")
    return "\n" + "\n".join(lines) + "\n"


def _unknown(path: str) -> set[str]:
    return {"id"} if path == "/v1/sessions/{id}" else set()


def _findings(output: str) -> str:
    """The failures and the summary, without lines of 100 KB."""
    _, failures, rest = output.partition("= FAILURES =")
    found = failures + rest if failures else output
    return "\n".join(line[:400] for line in found.splitlines())
