"""Who is calling. Every service verifies the caller itself: nothing trusts an identity header.

A caller shows one of three things: an API key (x-api-key), a user token or a service token (both
Authorization: Bearer, EdDSA). A service token is signed by the service's own key and names the
tenant the call is for; a user token is signed by crm and names a session. Whose a key or a session
is, and what it may do now, crm says; the answer is remembered until it changes.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Literal, Protocol

import jwt
from cachetools import TTLCache
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from malha.crm.v1.identity_service_pb2 import Access
from malha.crm.v1.tenant_pb2 import (
    TENANT_STATUS_ACTIVE,
    TENANT_STATUS_DELETED,
    TenantStatus,
)

from services.kit.accesses import Accesses
from services.kit.errors import PermissionDenied, Unauthenticated
from services.kit.limits import UNLIMITED, Limits
from services.kit.networks import EVERYWHERE, Networks

AUDIENCE = "malha"
PUBLIC = "public"
USER = "user"
SERVICE = "service"
ADMIN = "admin"
OPERATOR = "operator"
"""Who signs the tokens of platform operators, and of what they run."""
_NOBODYS = {PUBLIC, USER, SERVICE, ADMIN}
"""What no stored scope opens: it depends on who calls, not on what they may."""
_RESTORE = "tenant:restore"

_TOKEN_SECONDS = 300
_RENEW_SECONDS = 60


class CredentialsMissing(Unauthenticated):
    """Send an API key in x-api-key, or a token in Authorization: Bearer."""


class TokenInvalid(Unauthenticated):
    """The token is not valid: {problem}."""


class ApiKeyInvalid(Unauthenticated):
    """The API key is not valid."""


class SessionEnded(Unauthenticated):
    """The session has ended: sign in again."""


class ScopeMissing(PermissionDenied):
    """This needs the scope {scope}, which the caller does not have."""


class PeopleOnly(Unauthenticated):
    """This is for people who have signed in; an API key cannot do it."""


class AddressNotAllowed(PermissionDenied):
    """The API key may not be used from this address."""


class TenantSuspended(PermissionDenied):
    """This tenant is suspended."""


class TenantDeleted(PermissionDenied):
    """This tenant is being deleted; until that is done, an owner can restore it."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a call, verified."""

    kind: Literal["service", "operator", "api_key", "user", "anonymous"]
    id: str
    tenant_id: str = ""
    workspace_id: str = ""
    scopes: frozenset[str] = frozenset()
    expire_time: float = float("inf")
    session_id: str = ""
    limits: Limits = UNLIMITED
    networks: Networks = EVERYWHERE
    tenant_status: TenantStatus = TENANT_STATUS_ACTIVE

    def require(self, scope: str, address: str = "") -> None:
        """Raise unless the actor may do, from here, what needs this scope."""
        if scope == PUBLIC:
            return
        if self.kind == "service" and scope not in (ADMIN, USER):
            return
        if scope == USER:
            if self.kind != "user":
                raise PeopleOnly
        elif scope not in self.scopes:
            raise ScopeMissing(scope=scope)
        if not self.networks.admit(address):
            raise AddressNotAllowed
        if self.tenant_status != TENANT_STATUS_ACTIVE:
            self._require_served(scope)

    def _require_served(self, scope: str) -> None:
        if self.tenant_status != TENANT_STATUS_DELETED:
            raise TenantSuspended
        if scope not in (_RESTORE, USER):  # Whoever restores it signs in, and out again.
            raise TenantDeleted


ANONYMOUS = Actor("anonymous", "")


class AccessDirectory(Protocol):
    """What a key or a session may do. crm asks its own tables, every other service asks crm."""

    async def of_api_key(self, api_key: str) -> Access:
        """Whose a key is. Raises ApiKeyInvalid."""

    async def of_session(self, session_id: str, tenant_id: str) -> Access:
        """Whose a session is. Raises SessionEnded."""


class Signer:
    """Makes this service's tokens, and keeps each until shortly before it ends."""

    def __init__(self, service: str, private_key: str) -> None:
        self.service = service
        self._key = Ed25519PrivateKey.from_private_bytes(base64.b64decode(private_key))
        self._made: TTLCache[tuple[str, str], str] = TTLCache(
            10_000, ttl=_TOKEN_SECONDS - _RENEW_SECONDS
        )

    def service_token(self, tenant_id: str, workspace_id: str) -> str:
        """A token that says: this service, acting for this tenant ('' for none)."""
        token = self._made.get((tenant_id, workspace_id))
        if token is None:
            token = self.sign(
                {"kind": "service", "sub": self.service, "tid": tenant_id, "wid": workspace_id},
                _TOKEN_SECONDS,
            )
            self._made[(tenant_id, workspace_id)] = token
        return token

    def sign(self, claims: Mapping[str, object], seconds: int) -> str:
        """A signed token with these claims beside the registered ones (RFC 7519)."""
        now = int(time.time())
        return jwt.encode(
            {
                **claims,
                "iss": self.service,
                "aud": AUDIENCE,
                "iat": now,
                "nbf": now - 5,
                "exp": now + seconds,
            },
            self._key,
            algorithm="EdDSA",
            headers={"kid": self.service},
        )


class Authenticator:
    """Turns what a caller shows into an Actor."""

    def __init__(self, public_keys: Mapping[str, str], directory: AccessDirectory) -> None:
        self._keys = {
            name: Ed25519PublicKey.from_public_bytes(base64.b64decode(raw))
            for name, raw in public_keys.items()
        }
        self._directory = directory
        self._tokens: TTLCache[str, Actor] = TTLCache(10_000, ttl=_TOKEN_SECONDS)
        self.accesses: Accesses[Actor] = Accesses(lambda actor: actor.tenant_id)
        """What crm said of keys and sessions."""

    async def identify(self, headers: Mapping[str, str]) -> Actor:
        """Who shows these headers.

        Raises CredentialsMissing, TokenInvalid, ApiKeyInvalid, SessionEnded, Unavailable.
        """
        if (api_key := headers.get("x-api-key")) is not None:
            if not api_key:
                # Nobody is served as somebody else than they meant to be.
                raise CredentialsMissing
            return await self._known(f"key:{api_key}", lambda: self._of_key(api_key), ApiKeyInvalid)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise CredentialsMissing
        claimed = self._by_token(token)
        if claimed.kind != "user":
            return claimed
        return await self._known(f"token:{token}", lambda: self._of_session(claimed), SessionEnded)

    def forget(self, tenant_id: str, credential_ids: frozenset[str] = frozenset()) -> None:
        """Ask again about a tenant's keys and sessions: about these, or all of them."""
        self.accesses.forget(
            tenant_id,
            lambda actor: (
                not credential_ids
                or actor.id in credential_ids
                or actor.session_id in credential_ids
            ),
        )

    async def _known(
        self, credential: str, ask: Callable[[], Awaitable[Actor]], refusal: type[Unauthenticated]
    ) -> Actor:
        actor = await self.accesses.of(credential, ask, refusal)
        if actor.expire_time <= time.time():
            raise refusal
        return actor

    async def _of_key(self, api_key: str) -> Actor:
        return _actor_of("api_key", await self._directory.of_api_key(api_key))

    async def _of_session(self, claimed: Actor) -> Actor:
        access = await self._directory.of_session(claimed.session_id, claimed.tenant_id)
        return _actor_of("user", access, claimed)

    def _by_token(self, token: str) -> Actor:
        actor = self._tokens.get(token)
        if actor is None:
            actor = self._tokens[token] = self._verify(token)
        if actor.expire_time <= time.time():
            raise TokenInvalid(problem="it has expired")
        return actor

    def _verify(self, token: str) -> Actor:
        try:
            issuer = jwt.get_unverified_header(token).get("kid")
            key = self._keys.get(issuer) if isinstance(issuer, str) else None
            if key is None:
                raise TokenInvalid(problem="its signer is not known")
            claims = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                issuer=issuer,
                # Not "iat": a signer's clock may be a little ahead, and `nbf` has an allowance.
                options={"require": ["exp", "nbf", "iss", "aud", "sub"], "verify_iat": False},
            )
        except jwt.PyJWTError as error:
            raise TokenInvalid(problem=_problem(error)) from None
        return _claimed(str(issuer), claims)


def _claimed(issuer: str, claims: Mapping[str, object]) -> Actor:
    """Who a token says it is. Only crm speaks for people, and a service only for itself."""
    kind, subject = claims.get("kind"), str(claims["sub"])
    tenant_id, workspace_id = str(claims.get("tid", "")), str(claims.get("wid", ""))
    ends = float(str(claims["exp"]))
    if kind == "service" and subject == issuer:
        scopes = frozenset({SERVICE, ADMIN} if issuer == OPERATOR else {SERVICE})
        return Actor("service", subject, tenant_id, workspace_id, scopes, ends)
    if kind == "operator" and issuer == OPERATOR:
        return Actor("operator", subject, scopes=frozenset({ADMIN}), expire_time=ends)
    session_id = str(claims.get("sid", ""))
    if kind == "user" and issuer == "crm" and session_id:
        return Actor(
            "user", subject, tenant_id, workspace_id, expire_time=ends, session_id=session_id
        )
    raise TokenInvalid(problem="its signer may not make such a token")


def _actor_of(
    kind: Literal["api_key", "user"], access: Access, claimed: Actor = ANONYMOUS
) -> Actor:
    ends = access.expire_time.ToNanoseconds() / 1e9 if access.HasField("expire_time") else None
    return Actor(
        kind,
        access.id,
        access.tenant_id,
        # A session's token says which workspace it is for: the session may have moved on since.
        claimed.workspace_id or access.workspace_id,
        frozenset(access.scopes) - _NOBODYS,
        min(ends or float("inf"), claimed.expire_time),
        claimed.session_id,
        Limits.of(access.limits),
        Networks.of(tuple(access.allowed_networks)),
        access.tenant_status,
    )


def _problem(error: jwt.PyJWTError) -> str:
    match error:
        case jwt.ExpiredSignatureError():
            return "it has expired"
        case jwt.InvalidAudienceError():
            return "it is for another audience"
        case jwt.InvalidSignatureError():
            return "its signature is wrong"
        case _:
            return "it is malformed"
