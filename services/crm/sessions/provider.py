"""What signing in needs, made once a process."""

from __future__ import annotations

from collections.abc import Iterator

from dishka import Provider, Scope, provide

from services.crm.passwords.hashing import Passwords
from services.crm.second_factor.codes import SecondFactors
from services.crm.sessions.guessing import Guessing
from services.crm.sessions.opening import Sessions
from services.crm.settings import CrmSettings
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.settings import KitSettings


class SignInProvider(Provider):
    """Passwords, second factors, sessions, and the count of guesses."""

    scope = Scope.APP
    sessions = provide(Sessions)
    second_factors = provide(SecondFactors)

    @provide
    def passwords(self) -> Iterator[Passwords]:
        passwords = Passwords()
        yield passwords
        passwords.close()

    @provide
    def guessing(
        self, database: Database, clock: Clock, settings: CrmSettings, kit: KitSettings
    ) -> Guessing:
        secret = kit.encryption_keys[0].get_secret_value()
        return Guessing(database, clock, settings, secret.encode())
