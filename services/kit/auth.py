"""Who is calling. Every service verifies the caller itself: nothing trusts an identity header.

A caller shows one of three things: an API key (x-api-key), a user token or a service token (both
Authorization: Bearer, EdDSA). A service token is signed by the service's own key and names the
tenant the call is for; a user token is signed by crm.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

import jwt
from cachetools import TTLCache
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.kit.errors import PermissionDenied, Unauthenticated

AUDIENCE = "malha"
PUBLIC = "public"
SERVICE = "service"
OPERATOR = "operator"

_TOKEN_SECONDS = 300
_RENEW_SECONDS = 60
_KEY_CACHE_SECONDS = 30
_BAD_KEY_CACHE_SECONDS = 5


class CredentialsMissing(Unauthenticated):
    """Send an API key in x-api-key, or a token in Authorization: Bearer."""


class TokenInvalid(Unauthenticated):
    """The token is not valid: {problem}."""


class ApiKeyInvalid(Unauthenticated):
    """The API key is not valid."""


class ScopeMissing(PermissionDenied):
    """This needs the scope {scope}, which the caller does not have."""


class TenantSuspended(PermissionDenied):
    """This tenant is suspended."""


@dataclass(frozen=True, slots=True)
class Actor:
    """Who makes a call, verified."""

    kind: Literal["service", "api_key", "user", "anonymous"]
    id: str
    tenant_id: str = ""
    workspace_id: str = ""
    scopes: frozenset[str] = frozenset()
    expire_time: float = float("inf")

    def require(self, scope: str) -> None:
        """Raise ScopeMissing unless the actor may do what needs this scope."""
        if scope == PUBLIC or scope in self.scopes:
            return
        if self.kind == "service" and scope != OPERATOR:
            return
        raise ScopeMissing(scope=scope)


ANONYMOUS = Actor("anonymous", "")


class KeyDirectory(Protocol):
    """Whose an API key is. crm asks its own tables, every other service asks crm."""

    async def owner_of(self, api_key: str) -> Actor:
        """The actor behind a key. Raises ApiKeyInvalid, TenantSuspended."""


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
    """Turns what a caller shows into an Actor, and remembers it for a short while."""

    def __init__(self, public_keys: Mapping[str, str], directory: KeyDirectory) -> None:
        self._keys = {
            name: Ed25519PublicKey.from_public_bytes(base64.b64decode(raw))
            for name, raw in public_keys.items()
        }
        self._directory = directory
        self._tokens: TTLCache[str, Actor] = TTLCache(10_000, ttl=_TOKEN_SECONDS)
        self._api_keys: TTLCache[bytes, Actor] = TTLCache(10_000, ttl=_KEY_CACHE_SECONDS)
        self._bad_keys: TTLCache[bytes, bool] = TTLCache(1_000, ttl=_BAD_KEY_CACHE_SECONDS)

    async def identify(self, headers: Mapping[str, str]) -> Actor:
        """Who shows these headers. Raises CredentialsMissing, TokenInvalid, ApiKeyInvalid."""
        if api_key := headers.get("x-api-key"):
            return await self._by_api_key(api_key)
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise CredentialsMissing
        return self._by_token(token)

    def forget_tenant(self, tenant_id: str) -> None:
        """Ask again about the keys of a tenant that changed."""
        for digest, actor in list(self._api_keys.items()):
            if actor.tenant_id == tenant_id:
                self._api_keys.pop(digest, None)

    async def _by_api_key(self, api_key: str) -> Actor:
        digest = hashlib.sha256(api_key.encode()).digest()
        actor = self._api_keys.get(digest)
        if actor is None:
            if digest in self._bad_keys:
                raise ApiKeyInvalid
            try:
                actor = await self._directory.owner_of(api_key)
            except ApiKeyInvalid:
                self._bad_keys[digest] = True
                raise
            self._api_keys[digest] = actor
        if actor.expire_time <= time.time():
            raise ApiKeyInvalid
        return actor

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
            key = self._keys.get(issuer or "")
            if key is None:
                raise TokenInvalid(problem="its signer is not known")
            claims = jwt.decode(
                token,
                key,
                algorithms=["EdDSA"],
                audience=AUDIENCE,
                issuer=issuer,
                options={"require": ["exp", "nbf", "iss", "aud", "sub"]},
            )
        except jwt.PyJWTError as error:
            raise TokenInvalid(problem=_problem(error)) from None
        return _actor(str(issuer), claims)


def _actor(issuer: str, claims: Mapping[str, object]) -> Actor:
    kind = claims.get("kind")
    # Only crm speaks for people, and a service only for itself.
    if kind == "service" and claims["sub"] == issuer:
        scopes = frozenset({SERVICE, OPERATOR} if issuer == OPERATOR else {SERVICE})
    elif kind == "user" and issuer == "crm":
        scopes = frozenset(str(claims.get("scope", "")).split())
    else:
        raise TokenInvalid(problem="its signer may not make such a token")
    return Actor(
        "service" if kind == "service" else "user",
        str(claims["sub"]),
        str(claims.get("tid", "")),
        str(claims.get("wid", "")),
        scopes,
        float(str(claims["exp"])),
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


def actor_of_key(
    key_id: str, tenant_id: str, workspace_id: str, scopes: list[str], expire: datetime | None
) -> Actor:
    """The actor behind an API key's record."""
    ends = expire.timestamp() if expire else float("inf")
    return Actor("api_key", key_id, tenant_id, workspace_id, frozenset(scopes), ends)
