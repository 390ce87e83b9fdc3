"""What every process needs to know, read once from the environment at the start.

A wrong or missing setting stops the start with its name and what was expected.
"""

from __future__ import annotations

import base64
import sys
from typing import Annotated, NoReturn, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict
from pydantic_settings.exceptions import SettingsError

T = TypeVar("T")
S = TypeVar("S", bound=BaseSettings)

EX_CONFIG = 78
"""The exit code of a process whose settings are wrong (sysexits.h)."""


class KitSettings(BaseSettings):
    """Settings that every process shares. Environment names begin with MALHA_."""

    model_config = SettingsConfigDict(
        env_prefix="MALHA_", extra="ignore", use_attribute_docstrings=True
    )

    service_name: str
    """Which service this process is, e.g. ingestion."""
    database_url: SecretStr | None = None
    """PostgreSQL, as this service's own role."""
    database_pool: int = Field(default=16, ge=2, le=200)
    """Connections to PostgreSQL at the most; single reads take up to half as many beside."""
    public_requests_per_minute: int = Field(default=300, ge=0)
    """Calls a minute from one address without an identity, such as signing in; 0 for any number."""
    redis_url: str | None = None
    """Valkey or Redis: unix:///path or redis://host:port/0."""
    nats_url: str | None = None
    """NATS, e.g. nats://127.0.0.1:4222."""
    nats_seed: SecretStr | None = None
    """This service's own NATS nkey seed."""
    rpc_listen: str = "0.0.0.0:50051"
    """Where gRPC is served: host:port or unix:/path."""
    probe_listen: str = "0.0.0.0:9090"
    """Where /livez, /readyz and /metrics are served: host:port."""
    peers: dict[str, str] = Field(default_factory=dict)
    """Where the other services' gRPC is: JSON, name to target."""
    service_key: SecretStr
    """Ed25519 private key that signs this service's tokens: 32 bytes in base64."""
    service_public_keys: dict[str, str]
    """Ed25519 public keys of every service: JSON, name to 32 bytes in base64."""
    encryption_keys: Annotated[tuple[SecretStr, ...], NoDecode] = ()
    """Keys for secrets at rest: 32 bytes each in base64, comma separated, the current one first."""
    roles: Annotated[frozenset[str], NoDecode] = frozenset({"rpc", "worker"})
    """What this process does: rpc, worker, or both."""
    public_url: str = "http://127.0.0.1:8080"
    """Where the outside reaches Malha."""
    log_level: str = "INFO"
    """DEBUG, INFO, WARNING or ERROR."""
    drain_seconds: float = Field(default=10.0, ge=0, le=120)
    """How long a stopping process may finish what it has begun."""

    @field_validator("encryption_keys", mode="before")
    @classmethod
    def _split_keys(cls, value: object) -> object:
        return [part for part in value.split(",") if part] if isinstance(value, str) else value

    @field_validator("encryption_keys")
    @classmethod
    def _check_keys(cls, keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
        for key in keys:
            _check_32_bytes(key.get_secret_value())
        return keys

    @field_validator("service_key")
    @classmethod
    def _check_key(cls, key: SecretStr) -> SecretStr:
        _check_32_bytes(key.get_secret_value())
        return key

    @field_validator("service_public_keys")
    @classmethod
    def _check_public_keys(cls, keys: dict[str, str]) -> dict[str, str]:
        for key in keys.values():
            _check_32_bytes(key)
        return keys

    @field_validator("probe_listen")
    @classmethod
    def _check_address(cls, address: str) -> str:
        host, _, port = address.rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError("expected host:port")
        return address

    @field_validator("roles", mode="before")
    @classmethod
    def _split_roles(cls, value: object) -> object:
        return frozenset(value.split(",")) if isinstance(value, str) else value

    @field_validator("roles")
    @classmethod
    def _check_roles(cls, roles: frozenset[str]) -> frozenset[str]:
        if not roles or not roles <= {"rpc", "worker"}:
            raise ValueError("expected rpc, worker, or rpc,worker")
        return roles

    @field_validator("log_level")
    @classmethod
    def _check_level(cls, level: str) -> str:
        if level.upper() not in {"DEBUG", "INFO", "WARNING", "ERROR"}:
            raise ValueError("expected DEBUG, INFO, WARNING or ERROR")
        return level.upper()


def read_settings(kind: type[S]) -> S:
    """The settings, or an end of the process with one line for each that is wrong."""
    try:
        return kind()
    except ValidationError as error:
        stop(kind, error)
    except SettingsError as error:
        # Its text names the field; the value that is no JSON stays in its cause.
        field = next((name for name in kind.model_fields if f'"{name}"' in str(error)), "")
        print(f"setting {_environment_name(kind, field)}: expected JSON", file=sys.stderr)
        raise SystemExit(EX_CONFIG) from None


def stop(kind: type[BaseSettings], error: ValidationError) -> NoReturn:
    """Say which settings are wrong and what was expected, then end the process."""
    for problem in error.errors():
        field, *inside = (str(part) for part in problem["loc"])
        name = "_".join([_environment_name(kind, field), *inside])
        print(f"setting {name}: {problem['msg']}", file=sys.stderr)
    raise SystemExit(EX_CONFIG)


def require_complete(settings: KitSettings) -> None:
    """End the process unless everything that each service opens is set."""
    required(settings.database_url, "MALHA_DATABASE_URL")
    required(settings.redis_url, "MALHA_REDIS_URL")
    required(settings.nats_url, "MALHA_NATS_URL")
    required(settings.encryption_keys or None, "MALHA_ENCRYPTION_KEYS")


def required(value: T | None, name: str) -> T:
    """The value of a setting that this process cannot do without."""
    if value is None:
        print(f"setting {name}: expected a value", file=sys.stderr)
        raise SystemExit(EX_CONFIG)
    return value


def _environment_name(kind: type[BaseSettings], field: str) -> str:
    # Where a field has an alias, pydantic names the alias, which is the whole variable.
    aliases = {info.validation_alias for info in kind.model_fields.values()}
    prefix = "" if field in aliases else kind.model_config.get("env_prefix", "")
    return f"{prefix}{field}".upper()


def _check_32_bytes(key: str) -> None:
    try:
        right = len(base64.b64decode(key, validate=True)) == 32
    except ValueError:
        right = False
    if not right:
        raise ValueError("expected 32 bytes in base64")
