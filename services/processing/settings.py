"""processing's own settings."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class ProcessingSettings(BaseSettings):
    """Environment names begin with MALHA_PROCESSING_."""

    model_config = SettingsConfigDict(
        env_prefix="MALHA_PROCESSING_", extra="ignore", use_attribute_docstrings=True
    )

    quiet_time: timedelta = Field(default=timedelta(seconds=3), ge=timedelta(0))
    """Pause after which a customer counts as done typing, where the assistant's is not known."""
    max_wait: timedelta = Field(default=timedelta(seconds=12), ge=timedelta(0))
    """Longest wait of a customer who keeps typing, where the assistant's is not known."""
    late_after: timedelta = Field(default=timedelta(hours=1), gt=timedelta(0))
    """A message older than this when it arrives is stored and shown, but triggers no answer."""
    sweep_after: timedelta = Field(default=timedelta(seconds=10), gt=timedelta(0))
    """How long after a buffer was due the durable timer looks, in case Valkey did not. Sooner, an
    overloaded process would look at every conversation twice."""
    hold_for: timedelta = Field(default=timedelta(seconds=5), gt=timedelta(0))
    """How often a buffer that must wait for the open turn is looked at."""
    ask_again_after: timedelta = Field(default=timedelta(seconds=60), gt=timedelta(0))
    """After how long the model or the delivery is asked again to carry a turn on."""
    give_up_after: timedelta = Field(default=timedelta(minutes=3), gt=timedelta(0))
    """After how long without an answer a turn fails, and the customer is told so."""
    max_supersedes: int = Field(default=2, ge=0, le=10)
    """How often later messages may make one answer start again."""
    answer_within: timedelta = Field(default=timedelta(hours=24), gt=timedelta(0))
    """How long a message is worth an answer by an assistant that was silent: a person had taken
    over, or the tenant was suspended."""
    flush_concurrency: int = Field(default=8, ge=1, le=64)
    """Buffers that one process hands on at once."""
    poll_interval: timedelta = Field(default=timedelta(milliseconds=50), gt=timedelta(0))
    """How often a process looks for buffers that are due."""
    flush_lease: timedelta = Field(default=timedelta(seconds=10), gt=timedelta(0))
    """After how long a buffer is claimed again from a process that died with it."""
    model_seconds: float = Field(default=30.0, gt=0, le=100)
    """How long a model may take for one answer."""
