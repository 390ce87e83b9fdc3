"""Sessions: opened, and gone on with, in the transaction of whoever let the person in."""

from __future__ import annotations

from datetime import datetime

from malha.crm.v1.events_pb2 import AccessChanged
from malha.crm.v1.session_pb2 import Session

from services.crm.identity.model import SCOPES
from services.crm.sessions.model import (
    RefreshTokenInvalid,
    Showing,
    require_served,
    session_end,
    showing,
)
from services.crm.sessions.tokens import REFRESH, Token, new_token
from services.crm.settings import CrmSettings
from services.crm.workspaces.model import WorkspaceNotFound
from services.kit.auth import Signer
from services.kit.clock import Clock
from services.kit.crypto import Sealer
from services.kit.db import Record, Transaction
from services.kit.ids import new_id
from services.kit.sql import load_sql

sql = load_sql(__package__, "sessions.sql")


class Sessions:
    """Opens sessions, and trades their tokens."""

    def __init__(self, signer: Signer, sealer: Sealer, settings: CrmSettings, clock: Clock) -> None:
        self._signer = signer
        self._sealer = sealer
        self._settings = settings
        self._clock = clock

    async def open(
        self, tx: Transaction, *, user_id: str, workspace_id: str = "", user_agent: str
    ) -> Session:
        """A session for a person who has just proved who they are.

        Raises TenantSuspended, TenantDeleted, WorkspaceNotFound.
        """
        settings, now = self._settings, self._clock.now()
        session_id = new_id()
        await tx.run(sql.delete_over, user_id, now)
        end = session_end(now, now, settings.refresh_token_time, settings.session_time)
        row = await tx.one(
            sql.open_session, session_id, user_id, workspace_id or None, user_agent, now, end
        )
        require_served(row["tenant_status"], row["role"])
        if row["workspace_id"] is None:
            raise WorkspaceNotFound(id=workspace_id)
        token = new_token(REFRESH, row["tenant_id"])
        await tx.run(sql.insert_token, token.hash, session_id, now)
        surplus = await tx.all(sql.end_surplus, user_id, settings.sessions_per_user, now)
        if surplus:
            tx.emit(AccessChanged(credential_ids=[ended["id"] for ended in surplus]))
        return self._answer(row, session_id, token, now, end)

    async def trade(self, tx: Transaction, token_hash: bytes, workspace_id: str) -> Session | None:
        """A new pair for the session's last one; None when the session was ended instead.

        Raises RefreshTokenInvalid, WorkspaceNotFound, TenantSuspended, TenantDeleted.
        """
        now = self._clock.now()
        row = await tx.one(
            sql.lock_token, token_hash, workspace_id or None, now, missing=RefreshTokenInvalid()
        )
        meaning = showing(
            now=now,
            session_over=row["over"],
            use_time=row["use_time"],
            answer_kept=row["answer"] is not None,
            retry_time=self._settings.refresh_retry_time,
        )
        if meaning is Showing.OVER:
            raise RefreshTokenInvalid
        if meaning is Showing.REUSED:
            await tx.run(sql.end_session, row["session_id"], row["user_id"], now)
            tx.emit(AccessChanged(credential_ids=[row["session_id"]]))
            return None
        require_served(row["tenant_status"], row["role"])
        if meaning is Showing.REPEATED:
            return Session.FromString(
                self._sealer.open(row["answer"], _sealed_for(row["tenant_id"], token_hash))
            )
        if row["workspace_id"] is None:
            raise WorkspaceNotFound(id=workspace_id)
        return await self._rotate(tx, row, token_hash, now)

    async def _rotate(
        self, tx: Transaction, row: Record, token_hash: bytes, now: datetime
    ) -> Session:
        settings, session_id = self._settings, row["session_id"]
        end = session_end(
            row["create_time"], now, settings.refresh_token_time, settings.session_time
        )
        await tx.one(
            sql.prolong_session,
            session_id,
            row["workspace_id"],
            now,
            end,
            missing=RefreshTokenInvalid(),
        )
        token = new_token(REFRESH, row["tenant_id"])
        session = self._answer(row, session_id, token, now, end)
        sealed = self._sealer.seal(
            session.SerializeToString(), _sealed_for(row["tenant_id"], token_hash)
        )
        await tx.run(
            sql.rotate_token,
            token_hash,
            session_id,
            token.hash,
            now,
            sealed,
            now - settings.refresh_token_time,
        )
        return session

    def _answer(
        self, row: Record, session_id: str, token: Token, now: datetime, end: datetime
    ) -> Session:
        access_end = now.replace(microsecond=0) + self._settings.access_token_time
        access_token = self._signer.sign(
            {
                "kind": "user",
                "sub": row["user_id"],
                "sid": session_id,
                "tid": row["tenant_id"],
                "wid": row["workspace_id"],
                "role": row["role"],
                "scope": " ".join(SCOPES[row["role"]]),
            },
            int(self._settings.access_token_time.total_seconds()),
        )
        return Session(
            access_token=access_token,
            expire_time=access_end,
            user_id=row["user_id"],
            tenant_id=row["tenant_id"],
            workspace_id=row["workspace_id"],
            refresh_token=token.text,
            refresh_expire_time=end,
            session_id=session_id,
        )


def _sealed_for(tenant_id: str, token_hash: bytes) -> str:
    """What an answer is sealed for: beside another token it does not open."""
    return f"crm:refresh:{tenant_id}:{token_hash.hex()}"
