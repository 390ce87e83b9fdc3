"""What every process needs to know, read once from the environment at the start.

A wrong or missing setting stops the start with its name and what was expected.
"""

from __future__ import annotations

import base64
import sys
from typing import Annotated, NoReturn, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

S = TypeVar("S", bound=BaseSettings)


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
    """Connections to PostgreSQL at the most."""
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
        if any(len(base64.b64decode(key.get_secret_value())) != 32 for key in keys):
            raise ValueError("each key must be 32 bytes in base64")
        return keys

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


def stop(kind: type[BaseSettings], error: ValidationError) -> NoReturn:
    """Say which settings are wrong and what was expected, then end the process."""
    prefix = kind.model_config.get("env_prefix", "")
    for problem in error.errors():
        name = f"{prefix}{'_'.join(str(part) for part in problem['loc'])}".upper()
        print(f"setting {name}: {problem['msg']}", file=sys.stderr)
    raise SystemExit(78)  # EX_CONFIG
