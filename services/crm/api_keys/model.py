"""What a key may be given: never more than whoever makes it has."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isinf
from typing import Any, TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp
from malha.crm.v1.api_key_pb2 import ApiKey

from services.crm.identity.model import SCOPES
from services.kit.auth import Actor
from services.kit.errors import FailedPrecondition, InvalidRequest, NotFound, PermissionDenied
from services.kit.etags import with_etag
from services.kit.networks import Networks
from services.kit.rows import from_row
from services.kit.times import timestamp_of

_Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

# The end of a business is for people to decide.
_PEOPLES = {"tenant:delete", "tenant:restore"}
KEY_SCOPES = tuple(scope for scope in SCOPES["owner"] if scope not in _PEOPLES)
"""Every scope that a key may have."""

_LONGEST = timedelta(days=365_000)  # Calendars end with the year 9999.
_NETWORK = "must be a network, e.g. 203.0.113.0/24, or a single address"


class ApiKeyNotFound(NotFound):
    """No API key has the id {id}."""


class ApiKeyRetired(FailedPrecondition):
    """The API key was revoked, or another one took its place."""


class BoundsExceeded(PermissionDenied):
    """An API key gives no key more than it has: not other networks, and not a later end."""


class ExpireTimePassed(FailedPrecondition):
    """The time at which the key would stop working has passed."""

    def violations(self) -> Iterable[tuple[str, str]]:
        return (("expire_time", "must be in the future"),)


class KeyOfAnotherWorkspace(PermissionDenied):
    """An API key makes and changes keys of its own workspace only."""


class ScopeNotHeld(PermissionDenied):
    """The caller does not have the scope {scope}, and so cannot give it."""


def api_key_of(row: Mapping[str, Any]) -> ApiKey:
    """A key's record as everybody sees it. Using a key is no change of it: its etag stays."""
    key = with_etag(from_row(ApiKey, row, last_use_time=None))
    key.MergeFrom(ApiKey(last_use_time=timestamp_of(row["last_use_time"])))
    return key


def require_known(scopes: Sequence[str], field: str) -> None:
    """Raise InvalidRequest, which names each one, unless a key may have all of these scopes."""
    unknown = [number for number, scope in enumerate(scopes) if scope not in KEY_SCOPES]
    if unknown:
        text = f"must be one of {', '.join(KEY_SCOPES)}"
        raise InvalidRequest([(f"{field}[{number}]", text) for number in unknown])


def require_held(actor: Actor, scopes: Iterable[str]) -> None:
    """Raise ScopeNotHeld unless the caller may do itself what it gives."""
    if actor.kind == "service":
        return
    for scope in scopes:
        if scope not in actor.scopes:
            raise ScopeNotHeld(scope=scope)


def require_own_workspace(actor: Actor, workspace_id: str) -> None:
    """Raise KeyOfAnotherWorkspace when a key has to do with another workspace's keys."""
    if actor.kind == "api_key" and workspace_id != actor.workspace_id:
        raise KeyOfAnotherWorkspace


def bounds_for(
    actor: Actor, networks: Sequence[str], expire_time: datetime | None
) -> tuple[Sequence[str], datetime | None]:
    """A new key's networks and end: where nothing is said, those of the key that makes it."""
    if actor.kind != "api_key":
        return networks, expire_time
    return (
        networks or [str(network) for network in actor.networks.allowed],
        expire_time or _end_of(actor),
    )


def require_bounds(actor: Actor, networks: Sequence[str], expire_time: datetime | None) -> None:
    """Raise BoundsExceeded when a key would make another one good for more than itself."""
    if actor.kind != "api_key":
        return
    ends = _end_of(actor)
    lasts_longer = ends is not None and (expire_time is None or expire_time > ends)
    if lasts_longer or not _inside(networks, actor.networks):
        raise BoundsExceeded


def end_of_successor(actor: Actor, old: ApiKey, now: datetime) -> datetime | None:
    """When a key made in place of another ends: it lasts as long as the old one was made for."""
    own = _end_of(actor) if actor.kind == "api_key" else None
    if not old.HasField("expire_time"):
        return own
    lasts = old.expire_time.ToDatetime() - old.create_time.ToDatetime()
    ends = now + min(lasts, _LONGEST)
    return min(ends, own) if own else ends


def networks_of(texts: Sequence[str], field: str) -> list[str]:
    """Networks as they are stored. Raises InvalidRequest, which names each that is none."""
    read = [_network(text) for text in texts]
    wrong = [number for number, network in enumerate(read) if network is None]
    if wrong:
        raise InvalidRequest([(f"{field}[{number}]", _NETWORK) for number in wrong])
    return list(dict.fromkeys(filter(None, read)))


def end_at(expire_time: Timestamp, now: datetime) -> datetime:
    """When a key is to end. Raises ExpireTimePassed; InvalidRequest when no calendar has it."""
    try:
        end = expire_time.ToDatetime(UTC)
    except (ValueError, OverflowError):
        wrong = [("expire_time", "must be a time before the year 10000")]
        raise InvalidRequest(wrong) from None
    if end <= now:
        raise ExpireTimePassed
    return end


def _network(text: str) -> str | None:
    try:
        # What stands behind the prefix is cut off.
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None
    # Callers' addresses name no interface, and those within IPv6 are compared as IPv4.
    if isinstance(network, ipaddress.IPv6Network) and (
        "%" in text or network.network_address.ipv4_mapped
    ):
        return None
    return str(network)


def _end_of(actor: Actor) -> datetime | None:
    return None if isinf(actor.expire_time) else datetime.fromtimestamp(actor.expire_time, UTC)


def _inside(networks: Sequence[str], outer: Networks) -> bool:
    if not outer.allowed:
        return True
    return bool(networks) and all(
        any(_contains(allowed, ipaddress.ip_network(text)) for allowed in outer.allowed)
        for text in networks
    )


def _contains(outer: _Network, inner: _Network) -> bool:
    if isinstance(outer, ipaddress.IPv4Network):
        return isinstance(inner, ipaddress.IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, ipaddress.IPv6Network) and inner.subnet_of(outer)
