"""What the sandbox can be told from outside."""

from pathlib import Path

from pydantic import Field, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class SandboxSettings(BaseSettings):
    """Read once at start, from variables named MALHA_SANDBOX_*."""

    model_config = SettingsConfigDict(
        env_prefix="MALHA_SANDBOX_", extra="ignore", use_attribute_docstrings=True
    )

    listen: str = "127.0.0.1:9700"
    """Address and port to serve on. The control side asks for no password: keep it on loopback."""
    mail_listen: str = ""
    """Address and port to take e-mail on by SMTP, of anybody; empty takes none."""
    state_file: Path = Path(".malha/sandbox/state.json")
    """Where registered numbers are kept, with the customers' 24-hour windows beside it."""
    sent_after_ms: int = Field(default=30, ge=0)
    """How long after accepting a message its `sent` status is posted."""
    delivered_after_ms: int = Field(default=150, ge=0)
    """How long after accepting a message its `delivered` status is posted."""
    read_after_ms: int = Field(default=900, ge=0)
    """How long after accepting a message its `read` status is posted."""
    history: int = Field(default=20_000, ge=1)
    """Messages remembered per number; older ones are forgotten first."""
    media_bytes: int = Field(default=64 * 1024 * 1024, ge=1)
    """Media kept in memory, all numbers together; older files are forgotten first."""
    callback_concurrency: int = Field(default=32, ge=1)
    """Webhooks of one number that may be on their way at once."""
    callback_timeout_seconds: float = Field(default=10, gt=0)
    """How long a webhook may take to answer before it counts as failed."""
    callback_backlog: int = Field(default=50_000, ge=1)
    """Webhooks of one number that may wait; beyond it the oldest are dropped and counted."""
    retry_for_seconds: float = Field(default=3600, ge=0)
    """How long an unanswered webhook is offered again, ever more rarely. Meta goes on for days."""
    hang_seconds: float = Field(default=60, gt=0)
    """How long a send that is told to time out stays without an answer."""

    @field_validator("listen", "mail_listen")
    @classmethod
    def _address_and_port(cls, value: str, info: ValidationInfo) -> str:
        host, _, port = value.rpartition(":")
        if not value and info.field_name == "mail_listen":
            return value
        if not host or not port.isdigit() or int(port) > 65535:
            raise ValueError("expected address:port, such as 127.0.0.1:9700")
        return value

    @property
    def address(self) -> tuple[str, int]:
        """The address and port of `listen`, apart."""
        return _apart(self.listen)

    @property
    def mail_address(self) -> tuple[str, int] | None:
        """The address and port of `mail_listen`, apart; None when it takes no e-mail."""
        return _apart(self.mail_listen) if self.mail_listen else None


def _apart(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    return host.strip("[]"), int(port)
