"""crm's own settings."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

_NONE = timedelta(0)


class CrmSettings(BaseSettings):
    """Environment names begin with MALHA_CRM_."""

    model_config = SettingsConfigDict(
        env_prefix="MALHA_CRM_", extra="ignore", use_attribute_docstrings=True
    )

    access_token_time: timedelta = Field(
        default=timedelta(minutes=10), gt=_NONE, le=timedelta(hours=1)
    )
    """How long a person's access token lasts."""
    refresh_token_time: timedelta = Field(
        default=timedelta(days=30), gt=_NONE, le=timedelta(days=365)
    )
    """How long a session lasts that is not used: each trade of its tokens starts it anew."""
    session_time: timedelta = Field(default=timedelta(days=90), gt=_NONE, le=timedelta(days=365))
    """How long a session lasts at the most, however often its tokens are traded."""
    refresh_retry_time: timedelta = Field(
        default=timedelta(seconds=10), ge=_NONE, le=timedelta(minutes=1)
    )
    """How long a used refresh token still gets the answer to its use, for who lost it."""
    sessions_per_user: int = Field(default=100, ge=1, le=10_000)
    """Sessions a person has at the most; one more ends the oldest."""
    guesses: int = Field(default=5, ge=1, le=100)
    """Wrong passwords or codes for one account before each further guess has to wait."""
    guesses_per_address: int = Field(default=20, ge=1, le=10_000)
    """The same from one address, whatever the account: many people may share an address."""
    longest_guess_wait: timedelta = Field(
        default=timedelta(minutes=15), ge=timedelta(seconds=1), le=timedelta(days=1)
    )
    """The wait doubles from one second up to this."""
    known_address_time: timedelta = Field(
        default=timedelta(days=90), gt=_NONE, le=timedelta(days=365)
    )
    """How long an address somebody signed in from is not held up by guesses from elsewhere."""
    password_reset_time: timedelta = Field(
        default=timedelta(hours=1), gt=_NONE, le=timedelta(days=1)
    )
    """How long the link for a new password works."""
    password_reset_answer_time: timedelta = Field(
        default=timedelta(milliseconds=300), ge=_NONE, le=timedelta(seconds=5)
    )
    """How long asking for that link takes, so that its duration tells nobody who has an account."""
    deletion_grace_time: timedelta = Field(
        default=timedelta(days=30), ge=_NONE, le=timedelta(days=365)
    )
    """How long a deleted tenant can be restored, before everything of it is erased."""
