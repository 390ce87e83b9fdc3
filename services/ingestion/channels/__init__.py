"""The channels: one file each, and the one table of them."""

from collections.abc import Mapping
from typing import Any, Final

from services.ingestion.channels.base import Channel
from services.ingestion.channels.whatsapp import WhatsApp

CHANNELS: Final[Mapping[str, Channel[Any]]] = {channel.slug: channel for channel in (WhatsApp(),)}
"""Slug to adapter. A new channel is one file and one entry here."""
