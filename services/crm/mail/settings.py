"""What e-mail needs to know."""

from __future__ import annotations

from email.headerregistry import Address
from typing import Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class MailSettings(BaseSettings):
    """Environment names begin with MALHA_CRM_MAIL_."""

    model_config = SettingsConfigDict(
        env_prefix="MALHA_CRM_MAIL_", extra="ignore", use_attribute_docstrings=True
    )

    server: str = ""
    """The SMTP server that takes our e-mail: host:port. While it is empty, e-mail waits."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection to it is secured; none only for a server on this machine."""
    username: str = ""
    """Who we are to it. Empty when it asks nobody."""
    password: SecretStr = SecretStr("")
    """The password that goes with the user name."""
    sender: str = "no-reply@malha.localhost"
    """The address that e-mail comes from."""
    sender_name: str = Field(default="Malha", pattern=r"^[^\r\n]*$")
    """The name that e-mail comes from."""
    timeout_seconds: float = Field(default=20.0, gt=0, le=40)
    """How long one e-mail may take, from connecting to the server's answer."""
    invitations_per_day: int = Field(default=200, ge=1)
    """Invitations one tenant may have mailed within a day: each goes to a stranger, in our name."""

    @field_validator("server")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        host, _, port = value.rpartition(":")
        if value and (not host or not port.isdecimal() or not 0 < int(port) < 65536):
            raise ValueError("expected host:port, such as smtp.example.com:587")
        return value

    @field_validator("sender")
    @classmethod
    def _address(cls, value: str) -> str:
        try:
            address = Address(addr_spec=value)
        except Exception:
            raise ValueError("expected an e-mail address") from None
        if not address.username or not address.domain:
            raise ValueError("expected an e-mail address")
        return value

    @property
    def address(self) -> tuple[str, int]:
        """The host and port of `server`, apart."""
        host, _, port = self.server.rpartition(":")
        return host.strip("[]"), int(port)
