"""What the edge can be told from outside."""

from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

MIB = 1 << 20


class EdgeSettings(BaseSettings):
    """Read once at start, from variables named MALHA_EDGE_*."""

    model_config = SettingsConfigDict(
        env_prefix="MALHA_EDGE_", extra="ignore", use_attribute_docstrings=True
    )

    listen: str = "0.0.0.0:8000"
    """Where HTTP is served: a path for a unix socket, or host:port."""
    body_bytes: int = Field(default=4 * MIB, ge=1024, le=8 * MIB)
    """The largest webhook that is read; beyond it the answer is 413. Meta sends up to 3 MB."""
    batch_webhooks: int = Field(default=500, ge=1, le=1000)
    """Webhooks that are stored in one commit at the most."""
    batch_bytes: int = Field(default=8 * MIB, ge=1024, le=8 * MIB)
    """Bytes that are stored in one commit at the most; one webhook always fits."""
    batches_in_flight: int = Field(default=2, ge=1, le=8)
    """Commits under way at once. With two, requests are read while others are written; with more,
    batches only get smaller."""
    waiting_webhooks: int = Field(default=5_000, ge=1)
    """Webhooks that may wait for their commit; beyond it the answer is 503."""
    waiting_bytes: int = Field(default=128 * MIB, ge=8 * MIB)
    """Bytes that may wait for their commit; beyond it the answer is 503."""
    store_seconds: float = Field(default=5.0, gt=0, le=30)
    """How long ingestion may take to store a batch before its webhooks are answered with 503."""
    openapi_dir: Path = Path(__file__).parents[2] / "gen" / "openapi"
    """Where the generated OpenAPI documents are, v1.json or v1.yaml and so on."""
    sandbox_url: str = ""
    """Where the welcome page finds the phone to chat from; empty in production."""

    @field_validator("listen")
    @classmethod
    def _path_or_address(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if not value.startswith("/") and not (host and port.isdigit() and int(port) < 65536):
            raise ValueError("expected /path/of/a.sock, or host:port such as 0.0.0.0:8000")
        return value

    @property
    def socket(self) -> str | None:
        """The unix socket's path, if `listen` is one."""
        return self.listen if self.listen.startswith("/") else None

    @property
    def address(self) -> tuple[str, int]:
        """Host and port of `listen`, apart; only when it is no unix socket."""
        host, _, port = self.listen.rpartition(":")
        return host.strip("[]"), int(port)
