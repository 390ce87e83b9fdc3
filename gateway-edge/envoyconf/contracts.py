"""What the edge reads off the contracts: which RPCs there are, who serves them, who sees them."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import malha
from google.api import annotations_pb2
from google.api.http_pb2 import HttpRule
from google.protobuf.descriptor import FileDescriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from malha.bus.v1 import options_pb2
from malha.crm.v1 import user_pb2

PUBLIC = "public"
"""Scope of an RPC that needs no identity."""
ANY_PERSON = "user"
"""Scope that every signed-in person holds, and no API key."""
INTERNAL_SCOPES = frozenset({"service", "admin"})
"""Scopes that no API key or person of a tenant can hold."""
NOTICE = timedelta(days=180)
"""The least between the announcement that an RPC will stop and the day it does."""


class ContractError(Exception):
    """A contract says something that the edge cannot serve."""


@dataclass(frozen=True, slots=True)
class Deprecation:
    """An RPC that will be switched off."""

    since: date
    sunset: date
    successor: str
    """The path to call instead; empty when there is none."""


@dataclass(frozen=True, slots=True)
class RPC:
    """One RPC and how the edge treats it."""

    service: str
    """Full name, e.g. malha.crm.v1.TenantService."""
    name: str
    cluster: str
    """Who serves it: the service's folder name, e.g. crm."""
    version: str
    """Of its package, e.g. v1."""
    rules: tuple[HttpRule, ...]
    """Its REST bindings; none for an internal RPC."""
    scope: str
    repeatable: bool
    """Whether a second attempt is harmless."""
    deprecation: Deprecation | None = None

    @property
    def path(self) -> str:
        """Its path in gRPC."""
        return f"/{self.service}/{self.name}"


def load_contracts() -> list[FileDescriptor]:
    """Every contract in gen/python, by name. No compiler: the generated code carries them."""
    # A set: the same directory may be on the path twice, as gen/python and in full.
    names = {
        ".".join(path.relative_to(root.parent).with_suffix("").parts)
        for root in map(Path, malha.__path__)
        for path in root.rglob("*_pb2.py")
    }
    return [import_module(name).DESCRIPTOR for name in sorted(names)]


def rpcs_of(files: Iterable[FileDescriptor]) -> list[RPC]:
    """The RPCs that a set of contracts declares."""
    return [rpc_of(method) for service in services_of(files) for method in service.methods]


def services_of(files: Iterable[FileDescriptor]) -> Iterator[ServiceDescriptor]:
    """The gRPC services that a set of contracts declares."""
    for file in files:
        yield from file.services_by_name.values()


def rpc_of(method: MethodDescriptor) -> RPC:
    """What the edge needs to know of an RPC."""
    service = method.containing_service
    _, cluster, *_, version = service.full_name.rpartition(".")[0].split(".")
    rpc = RPC(
        service=service.full_name,
        name=method.name,
        cluster=cluster,
        version=version,
        rules=tuple(http_rules(method)),
        scope=scope_of(method),
        # Not those marked IDEMPOTENT: had the first attempt been carried out, the second would find
        # another etag, or nothing to delete.
        repeatable=options_of(method).idempotency_level == MethodOptions.NO_SIDE_EFFECTS,
        deprecation=deprecation_of(method),
    )
    check(rpc)
    return rpc


def options_of(method: MethodDescriptor) -> MethodOptions:
    """The options an RPC was declared with."""
    return method.GetOptions()


def scope_of(method: MethodDescriptor) -> str:
    """The scope a caller of an RPC needs; empty when the contract forgot to say."""
    # The stubs take an extension for an ordinary field's descriptor.
    scope: str = options_of(method).Extensions[cast(Any, options_pb2.required_scope)]
    return scope


def deprecation_of(method: MethodDescriptor) -> Deprecation | None:
    """When an RPC stops working; None for one that stays. Raises ContractError."""
    options = options_of(method)
    extension = cast(Any, options_pb2.deprecation)
    if not options.HasExtension(extension):
        return None
    said: options_pb2.DeprecationOptions = options.Extensions[extension]
    try:
        since, sunset = date.fromisoformat(said.since), date.fromisoformat(said.sunset)
    except ValueError as error:
        raise ContractError(f"{method.full_name}: deprecation: {error}.") from None
    if sunset - since < NOTICE:
        raise ContractError(
            f"{method.full_name} stops {(sunset - since).days} days after it was announced; "
            f"partners have {NOTICE.days}."
        )
    return Deprecation(since, sunset, said.successor)


def roles_by_scope() -> dict[str, list[str]]:
    """Who holds each scope: the roles that a person of a tenant may have, the mightiest first."""
    holders: dict[str, list[str]] = {}
    for value in user_pb2.Role.DESCRIPTOR.values:
        said = value.GetOptions().Extensions[cast(Any, options_pb2.role)]
        for scope in said.scopes:
            holders.setdefault(scope, []).append(value.name.removeprefix("ROLE_").lower())
    return holders


def http_rules(method: MethodDescriptor) -> Iterator[HttpRule]:
    """An RPC's REST bindings, the first one first."""
    options = options_of(method)
    if options.HasExtension(annotations_pb2.http):
        rule = options.Extensions[annotations_pb2.http]
        yield rule
        yield from rule.additional_bindings


def verb_and_path(rule: HttpRule) -> tuple[str, str]:
    """The HTTP verb in lower case, and the path template."""
    pattern = rule.WhichOneof("pattern")
    if pattern is None or pattern == "custom":
        return rule.custom.kind.lower(), rule.custom.path
    return pattern, getattr(rule, pattern)


def check(rpc: RPC) -> None:
    """Raise ContractError when the edge cannot serve an RPC as declared."""
    if rpc.rules and rpc.scope in INTERNAL_SCOPES:
        raise ContractError(
            f"{rpc.service}.{rpc.name} needs the scope {rpc.scope!r}, which nobody outside can "
            "hold: remove its google.api.http option."
        )
    for rule in rpc.rules:
        path = verb_and_path(rule)[1]
        if not path.startswith(f"/{rpc.version}/"):
            raise ContractError(
                f"{rpc.service}.{rpc.name}: {path} must begin with /{rpc.version}/."
            )
