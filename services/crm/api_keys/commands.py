"""What changes API keys. Each change is heard by every process: it counts within a second."""

from datetime import datetime

from malha.crm.v1.api_key_pb2 import ApiKey
from malha.crm.v1.api_key_service_pb2 import (
    CreateApiKeyRequest,
    NewApiKey,
    RevokeApiKeyRequest,
    RotateApiKeyRequest,
    UpdateApiKeyRequest,
)
from malha.crm.v1.events_pb2 import AccessChanged

from services.crm.api_keys.keys import new_key
from services.crm.api_keys.model import (
    ApiKeyNotFound,
    ApiKeyRetired,
    api_key_of,
    bounds_for,
    end_at,
    end_of_successor,
    networks_of,
    require_bounds,
    require_held,
    require_known,
    require_own_workspace,
)
from services.crm.api_keys.records import insert_key
from services.crm.mail.outbox import MailOutbox
from services.crm.mail.withdrawal import withdraw
from services.crm.workspaces.model import WorkspaceNotFound
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.db import Transaction
from services.kit.etags import require_etag
from services.kit.limits import keep_within
from services.kit.sql import load_sql

sql = load_sql(__package__, "api_keys.sql")


async def create_api_key(call: Call, request: CreateApiKeyRequest, *, clock: Clock) -> NewApiKey:
    """A key that may do no more than its maker, shown this once."""
    require_known(request.scopes, "scopes")
    require_held(call.actor, request.scopes)
    networks, expire_time = bounds_for(
        call.actor,
        networks_of(request.allowed_networks, "allowed_networks"),
        end_at(request.expire_time, clock.now()) if request.HasField("expire_time") else None,
    )
    require_bounds(call.actor, networks, expire_time)
    workspace_id = request.workspace_id or call.workspace_id
    require_own_workspace(call.actor, workspace_id)
    key = new_key()
    async with call.transaction() as tx:
        await keep_within(tx, "api_keys", call.limits.api_keys, sql.count_api_keys)
        missing = WorkspaceNotFound(id=workspace_id)
        await tx.one(sql.hold_workspace, workspace_id, missing=missing)
        record = await insert_key(
            tx,
            key,
            workspace_id,
            request.name,
            request.scopes,
            creator=call.actor,
            networks=networks,
            expire_time=expire_time,
        )
        tx.emit(AccessChanged(credential_ids=[key.id]))
    return NewApiKey(api_key=record, key=key.text)


async def update_api_key(call: Call, request: UpdateApiKeyRequest, *, clock: Clock) -> ApiKey:
    """The key's record with what is set in the request."""
    name = request.name if request.HasField("name") else None
    scopes, networks, expire_time = _changes(request, clock.now())
    async with call.transaction() as tx:
        before = await _lock_usable(tx, call, request.id)
        require_etag(request, before)
        row = await tx.one(sql.update_api_key, request.id, name, scopes, networks, expire_time)
        if not (scopes is None and networks is None and expire_time is None):
            # Who changes what a key is good for must be good for all of that.
            require_held(call.actor, row["scopes"])
            require_bounds(call.actor, row["allowed_networks"], row["expire_time"])
        tx.emit(AccessChanged(credential_ids=[request.id]))
    return api_key_of(row)


async def rotate_api_key(call: Call, request: RotateApiKeyRequest, *, clock: Clock) -> NewApiKey:
    """A key in place of another, which ends after the overlap.

    The new one has the same scopes and networks, and lasts as long as the old one was made for.
    """
    key = new_key()
    async with call.transaction() as tx:
        old = await _lock_usable(tx, call, request.id)
        require_held(call.actor, old.scopes)
        expire_time = end_of_successor(call.actor, old, clock.now())
        require_bounds(call.actor, old.allowed_networks, expire_time)
        record = await insert_key(
            tx,
            key,
            old.workspace_id,
            old.name,
            old.scopes,
            creator=call.actor,
            networks=old.allowed_networks,
            expire_time=expire_time,
        )
        await tx.run(sql.replace_api_key, old.id, key.id, request.overlap.ToTimedelta())
        tx.emit(AccessChanged(credential_ids=[old.id, key.id]))
    return NewApiKey(api_key=record, key=key.text)


async def revoke_api_key(call: Call, request: RevokeApiKeyRequest, *, mails: MailOutbox) -> ApiKey:
    """The record of the key, which does not work any more; nor do invitations it has made."""
    async with call.transaction() as tx:
        key = await _lock(tx, call, request.id)
        if key.HasField("revoke_time"):
            return key
        revoked = api_key_of(await tx.one(sql.revoke_api_key, request.id))
        await withdraw(tx, mails, await tx.all(sql.delete_invitations, f"api_key:{key.id}"))
        tx.emit(AccessChanged(credential_ids=[request.id]))
    return revoked


def _changes(
    request: UpdateApiKeyRequest, now: datetime
) -> tuple[list[str] | None, list[str] | None, datetime | None]:
    """The new scopes, networks and end; None where nothing is said of them."""
    scopes = networks = expire_time = None
    if request.HasField("scopes"):
        scopes = list(request.scopes.scopes)
        require_known(scopes, "scopes.scopes")
    if request.HasField("allowed_networks"):
        networks = networks_of(request.allowed_networks.networks, "allowed_networks.networks")
    if request.HasField("expire_time"):
        expire_time = end_at(request.expire_time, now)
    return scopes, networks, expire_time


async def _lock(tx: Transaction, call: Call, key_id: str) -> ApiKey:
    """A key that the caller may change, as far as its workspace goes."""
    missing = ApiKeyNotFound(id=key_id)
    key = api_key_of(await tx.one(sql.lock_api_key, key_id, missing=missing))
    require_own_workspace(call.actor, key.workspace_id)
    return key


async def _lock_usable(tx: Transaction, call: Call, key_id: str) -> ApiKey:
    key = await _lock(tx, call, key_id)
    if await tx.value(sql.is_retired, key_id):
        raise ApiKeyRetired
    return key
