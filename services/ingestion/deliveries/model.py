"""How a message is cut, how long to wait, and what reports about a send add up to."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from malha.message.v1.message_pb2 import MESSAGE_TYPE_TEXT, Content, Message, Text

from services.ingestion.channels.base import Channel, NotSent, Progress, StatusUpdate

_LONGEST_WAIT = 300.0

_OPAQUE = re.compile(
    r"(?P<message_id>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?:/(?P<part>[1-9][0-9]{0,4}))?"
)

# Where a text may be cut, the best place first.
_BREAKS = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"(?<=[.!?…])\s+"),
    re.compile(r"\s+"),
)


def split_text(text: str, longest: int) -> list[str]:
    """The text in pieces that fit, cut at paragraphs, lines, sentences or words where possible."""
    pieces = []
    while len(text) > longest:
        end, start = _cut(text, longest)
        pieces.append(text[:end])
        text = text[start:]
    return [*pieces, text]


def _cut(text: str, longest: int) -> tuple[int, int]:
    # One further character: a break right behind the limit is as good as one before it.
    window = text[: longest + 1]
    for pattern in _BREAKS:
        # A cut near the start would make many small pieces.
        if found := [cut for cut in pattern.finditer(window) if cut.start() >= longest // 2]:
            return found[-1].span()
    return longest, longest


def split_message(message: Message, channel: Channel[Any]) -> list[Message]:
    """The message as its channel can carry it: one part, or several that follow each other."""
    kind = message.content.WhichOneof("kind")
    if kind == "text":
        texts = split_text(message.content.text.text, channel.max_text)
        first = _with_text(message, texts[0])
        return [first, *(_follow_up(message, text) for text in texts[1:])]
    body = getattr(message.content, kind) if kind else None
    caption = getattr(body, "caption", "")
    if len(caption) <= channel.max_caption:
        return [message]
    first = Message()
    first.CopyFrom(message)
    getattr(first.content, str(kind)).caption = ""
    return [first, *(_follow_up(message, text) for text in split_text(caption, channel.max_text))]


def _with_text(message: Message, text: str) -> Message:
    part = Message()
    part.CopyFrom(message)
    part.type = MESSAGE_TYPE_TEXT
    part.content.CopyFrom(Content(text=Text(text=text)))
    return part


def _follow_up(message: Message, text: str) -> Message:
    part = _with_text(message, text)
    part.context.ClearField("reply_to_external_id")
    return part


def opaque_of(message_id: str, part: int) -> str:
    """What is given along with a send, to recognise its statuses by: the message's id."""
    return f"{message_id}/{part}" if part else message_id


def read_opaque(opaque: str) -> tuple[str, int] | None:
    """The message and part; None for what we did not give."""
    found = _OPAQUE.fullmatch(opaque)
    return (found["message_id"], int(found["part"] or 0)) if found else None


def wait_before_retry(error: NotSent, attempts: int, spread: float) -> float:
    """Seconds until the next attempt, after `attempts`: what was asked for, or ever more.

    `spread`, between 0 and 1, keeps many messages from coming back at once.
    """
    wait = error.growth ** min(attempts, 16) if error.retry_after is None else error.retry_after
    return min(wait, _LONGEST_WAIT) * (1 + spread / 4)


@dataclass(slots=True)
class Report:
    """Everything reported about one send: where it stands now, and one time for each state."""

    external_id: str
    message_id: str | None = None
    part: int | None = None
    status: Progress = Progress.SENT
    reason: str = ""
    times: dict[Progress, datetime] | None = None

    def add(self, update: StatusUpdate, received: datetime) -> None:
        """Take one more update in. The order they come in makes no difference."""
        if self.message_id is None and (target := read_opaque(update.opaque)):
            self.message_id, self.part = target
        times = self.times = self.times or {}
        time = update.time or received
        times[update.status] = min(times.get(update.status, time), time)
        if _RANK[update.status] > _RANK[self.status]:
            self.status = update.status
            self.reason = update.reason

    def time(self, status: Progress) -> datetime | None:
        return (self.times or {}).get(status)


# The order of the database's type delivery_status.
_RANK = {
    Progress.SENT: 1,
    Progress.FAILED: 2,
    Progress.DELIVERED: 3,
    Progress.READ: 4,
}


def fold(updates: Iterable[StatusUpdate], received: datetime) -> list[Report]:
    """One report for each send."""
    reports: dict[str, Report] = {}
    for update in updates:
        report = reports.setdefault(update.external_id, Report(update.external_id))
        report.add(update, received)
    return list(reports.values())
