"""Structured logs: one JSON line per event, with the call's tenant and correlation id.

Message texts, phone numbers and secrets never enter a log. As a second line of defence the
renderer drops fields that are known to carry them and masks what looks like a phone number.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from contextvars import ContextVar
from typing import Any

import orjson
import structlog

# Fields that carry personal data or secrets by their nature, wherever they come from.
_FORBIDDEN = frozenset(
    {
        "text",
        "body",
        "payload",
        "phone",
        "wa_id",
        "email",
        "password",
        "token",
        "secret",
        "api_key",
        "authorization",
        "display_name",
    }
)
_SECRET_ENDINGS = ("_token", "_secret", "_password", "_seed")
_PHONE = re.compile(r"(?<![\w-])\+?\d{10,15}(?![\w-])")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.]+")


def configure_logs(service: str, level: str) -> None:
    """Send every log of this process to stdout as JSON lines."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_call,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _add_service(service),
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(
                serializer=lambda event, **_: orjson.dumps(event, default=str).decode()
            ),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(
            logging.getLevelNamesMapping()[level.upper()]
        ),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
        cache_logger_on_first_use=True,
    )
    logging.basicConfig(level=logging.WARNING, handlers=[_LibraryLogs()], force=True)


class _LibraryLogs(logging.Handler):
    """What libraries log, in our form: JSON, with the call's tenant, and redacted."""

    def emit(self, record: logging.LogRecord) -> None:
        get_logger(record.name).log(
            record.levelno, "library", message=record.getMessage(), exc_info=record.exc_info
        )


_call: ContextVar[tuple[str, str]] = ContextVar("call", default=("", ""))


def in_call(tenant_id: str, correlation_id: str) -> None:
    """What every line of the running task says from here on. Cheap: it is set for each call."""
    _call.set((tenant_id, correlation_id))


def _add_call(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
    for name, value in zip(("tenant", "correlation"), _call.get(), strict=True):
        if value:
            event.setdefault(name, value)
    return event


def get_logger(name: str) -> Any:
    """The logger of a module. An event is a constant name; what varies is in its fields."""
    return structlog.get_logger(module=name)


def redact(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop and mask personal data and secrets that reached a log line all the same."""
    for name, value in event.items():
        if name != "timestamp":
            event[name] = _redacted(name, value)
    return event


def _redacted(name: str, value: Any) -> Any:
    if name in _FORBIDDEN or name.endswith(_SECRET_ENDINGS):
        return "[redacted]"
    if isinstance(value, str):
        return _EMAIL.sub("[email]", _PHONE.sub("[phone]", value))
    if isinstance(value, Mapping):
        return {key: _redacted(str(key), inner) for key, inner in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_redacted("", inner) for inner in value]
    return value


def _add_service(service: str) -> structlog.typing.Processor:
    def add(_logger: Any, _method: str, event: MutableMapping[str, Any]) -> Any:
        event["service"] = service
        return event

    return add
