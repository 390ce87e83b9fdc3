"""crm's table of contents."""

from __future__ import annotations

from dishka import Provider, Scope, provide

from services.crm import identity, tenants
from services.crm.identity.passwords import Passwords
from services.crm.identity.queries import StoredKeys
from services.crm.settings import CrmSettings
from services.kit.auth import KeyDirectory
from services.kit.db import Database
from services.kit.service import Service


class CrmProvider(Provider):
    """What crm's functions ask for beyond the kit."""

    scope = Scope.APP
    passwords = provide(Passwords)

    @provide
    def directory(self, database: Database) -> KeyDirectory:
        return StoredKeys(database)


SERVICE = Service("crm", CrmSettings, [CrmProvider()], [tenants.CONTEXT, identity.CONTEXT])
