"""Codes, checked and used up in the transaction that lets the person in."""

from __future__ import annotations

from services.crm.second_factor.model import recovery_hash, step_of
from services.crm.sessions.model import CredentialsInvalid, SecondFactorRequired
from services.kit.clock import Clock
from services.kit.crypto import Sealer
from services.kit.db import Transaction
from services.kit.sql import load_sql

sql = load_sql(__package__, "second_factor.sql")


class SecondFactors:
    """Keeps the secrets of authenticators sealed, and checks codes against them."""

    def __init__(self, sealer: Sealer, clock: Clock) -> None:
        self._sealer = sealer
        self._clock = clock

    async def check(self, tx: Transaction, tenant_id: str, user_id: str, code: str) -> None:
        """Use up a person's code, if their second factor is on.

        Raises SecondFactorRequired without a code, CredentialsInvalid with a wrong one.
        """
        factor = await tx.maybe(sql.lock_factor, user_id)
        if factor is None or factor["confirm_time"] is None:
            return
        if not code.strip():
            raise SecondFactorRequired
        secret = self.open(factor["secret"], tenant_id, user_id)
        step = step_of(secret, code, self._clock.now(), factor["last_step"])
        if step is not None:
            await tx.run(sql.use_step, user_id, step)
        else:
            await tx.one(
                sql.use_recovery_code, user_id, recovery_hash(code), missing=CredentialsInvalid()
            )

    def seal(self, secret: str, tenant_id: str, user_id: str) -> bytes:
        """A secret as it is stored."""
        return self._sealer.seal(secret.encode(), _sealed_for(tenant_id, user_id))

    def open(self, sealed: bytes, tenant_id: str, user_id: str) -> str:
        """A stored secret."""
        return self._sealer.open(sealed, _sealed_for(tenant_id, user_id)).decode()


def _sealed_for(tenant_id: str, user_id: str) -> str:
    """What a secret is sealed for: beside another person it does not open."""
    return f"crm:second_factor:{tenant_id}:{user_id}"
