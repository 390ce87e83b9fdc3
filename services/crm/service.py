"""crm's table of contents."""

from __future__ import annotations

from dishka import Provider, Scope, provide
from malha.crm.v1.commands_pb2 import SendMail

from services.crm import (
    admin,
    api_keys,
    identity,
    invitations,
    mail,
    passwords,
    second_factor,
    sessions,
    tenants,
    users,
    workspaces,
)
from services.crm.identity.directory import StoredAccess
from services.crm.mail.outbox import MailOutbox
from services.crm.mail.sending import MailSender
from services.crm.mail.settings import MailSettings
from services.crm.sessions.provider import SignInProvider
from services.crm.settings import CrmSettings
from services.kit.auth import AccessDirectory
from services.kit.db import Database
from services.kit.service import Service
from services.kit.settings import read_settings


class CrmProvider(Provider):
    """What crm's functions ask for beyond the kit."""

    scope = Scope.APP
    mails = provide(MailOutbox)
    mail_sender = provide(MailSender)

    @provide
    def directory(self, database: Database) -> AccessDirectory:
        return StoredAccess(database)

    @provide
    def mail_settings(self) -> MailSettings:
        return read_settings(MailSettings)


SERVICE = Service(
    "crm",
    CrmSettings,
    [CrmProvider(), SignInProvider()],
    [
        tenants.CONTEXT,
        workspaces.CONTEXT,
        admin.CONTEXT,
        api_keys.CONTEXT,
        identity.CONTEXT,
        sessions.CONTEXT,
        passwords.CONTEXT,
        second_factor.CONTEXT,
        users.CONTEXT,
        invitations.CONTEXT,
        mail.CONTEXT,
    ],
    sends=(SendMail,),
)
