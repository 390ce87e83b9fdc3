"""What an operator does to tenants from the command line, with a token that says who it is."""

from __future__ import annotations

import argparse
import getpass
import json
import re
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import grpc
from google.protobuf.json_format import MessageToDict
from malha.crm.v1.admin_service_pb2 import (
    ListTenantsRequest,
    SetTenantPlanRequest,
    SetTenantStatusRequest,
)
from malha.crm.v1.admin_service_pb2_grpc import AdminServiceStub
from malha.crm.v1.tenant_pb2 import (
    TENANT_STATUS_ACTIVE,
    TENANT_STATUS_SUSPENDED,
    Tenant,
    TenantStatus,
)
from pydantic import SecretStr

from services.kit.auth import OPERATOR, Signer
from services.kit.errors import InvalidArgument, from_rpc_error
from services.kit.peers import CHANNEL_OPTIONS, PeerUnknown
from services.kit.settings import KitSettings, read_settings

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_CALL_MINUTES = 1
_CALL_SECONDS = 10.0
_PAGE = 200

_Command: TypeAlias = "Callable[[_Admin, argparse.Namespace], Awaitable[None]]"


class NoSuchName(InvalidArgument):
    """An operator's name has lower-case letters, digits, dots, dashes and underscores."""


def add_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the operators' commands."""
    token = commands.add_parser("operator-token")
    token.add_argument("--name", required=True)
    token.add_argument("--minutes", type=int, choices=range(1, 61), default=15, metavar="1..60")
    token.set_defaults(run=_print_token)
    _add(commands, "tenants", _print_tenants)
    for name, status in (
        ("suspend-tenant", TENANT_STATUS_SUSPENDED),
        ("reactivate-tenant", TENANT_STATUS_ACTIVE),
    ):
        parser = _add(commands, name, _set_status)
        parser.set_defaults(status=status)
        parser.add_argument("tenant_id", metavar="ID")
        parser.add_argument("--reason", required=True)
    plan = _add(commands, "set-plan", _set_plan)
    plan.add_argument("tenant_id", metavar="ID")
    plan.add_argument("plan", metavar="PLAN")
    plan.add_argument("--reason", required=True)


async def run(options: argparse.Namespace) -> None:
    """Run the command that was chosen. Raises AppError."""
    settings = read_settings(KitSettings)
    await options.run(settings, options)


def operator_token(key: SecretStr, name: str, *, minutes: int) -> str:
    """A token that lets a person act as an operator. Raises NoSuchName."""
    if not _NAME.fullmatch(name):
        raise NoSuchName
    return Signer(OPERATOR, key.get_secret_value()).sign(
        {"kind": "operator", "sub": name}, minutes * 60
    )


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    ask: _Command,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name)
    parser.add_argument("--name", help="who does it; your login name, unless it is given")
    parser.set_defaults(run=lambda settings, options: _ask(ask, settings, options))
    return parser


async def _print_token(settings: KitSettings, options: argparse.Namespace) -> None:
    print(operator_token(settings.service_key, options.name, minutes=options.minutes))


class _Admin:
    """crm's AdminService, asked with an operator's own token."""

    def __init__(self, channel: grpc.aio.Channel, token: str) -> None:
        self._stub: Any = AdminServiceStub(channel)
        self._metadata = (("authorization", f"Bearer {token}"),)

    async def ask(self, method: str, request: Any) -> Any:
        try:
            return await getattr(self._stub, method)(
                request, metadata=self._metadata, timeout=_CALL_SECONDS
            )
        except grpc.aio.AioRpcError as error:
            raise from_rpc_error(error) from None


async def _ask(ask: _Command, settings: KitSettings, options: argparse.Namespace) -> None:
    if "crm" not in settings.peers:
        raise PeerUnknown(peer="crm")
    name = options.name or getpass.getuser()
    token = operator_token(settings.service_key, name, minutes=_CALL_MINUTES)
    async with grpc.aio.insecure_channel(settings.peers["crm"], options=CHANNEL_OPTIONS) as channel:
        await ask(_Admin(channel, token), options)


async def _print_tenants(admin: _Admin, _options: argparse.Namespace) -> None:
    request = ListTenantsRequest(page_size=_PAGE)
    while True:
        page = await admin.ask("ListTenants", request)
        for tenant in page.tenants:
            _print(tenant)
        if not page.next_page_token:
            return
        request.page_token = page.next_page_token


async def _set_status(admin: _Admin, options: argparse.Namespace) -> None:
    status: TenantStatus = options.status
    request = SetTenantStatusRequest(
        tenant_id=options.tenant_id, status=status, reason=options.reason
    )
    _print(await admin.ask("SetTenantStatus", request))


async def _set_plan(admin: _Admin, options: argparse.Namespace) -> None:
    request = SetTenantPlanRequest(
        tenant_id=options.tenant_id, plan=options.plan, reason=options.reason
    )
    _print(await admin.ask("SetTenantPlan", request))


def _print(tenant: Tenant) -> None:
    print(json.dumps(MessageToDict(tenant), ensure_ascii=False))
