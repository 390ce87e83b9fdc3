"""Who a message is from, and what it sets off."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from malha.message.v1.message_pb2 import Message, MessageType, Party
from malha.processing.v1.commands_pb2 import InboundMessage

from services.processing.words import said_in_words

# Nobody expects an answer to these, and no model could give one.
_NO_TURN = frozenset(
    {
        MessageType.MESSAGE_TYPE_REACTION,
        MessageType.MESSAGE_TYPE_TEMPLATE,
        MessageType.MESSAGE_TYPE_UNSUPPORTED,
    }
)


@dataclass(frozen=True, slots=True)
class Identifiers:
    """Everything that one payload says a person is called, the message's own identifier first."""

    kinds: list[str]
    values: list[str]

    @classmethod
    def of(cls, party: Party) -> Identifiers:
        pairs = dict.fromkeys([(party.kind, party.id), *sorted(party.aliases.items())])
        return cls([kind for kind, _ in pairs], [value for _, value in pairs])

    @property
    def lowest(self) -> tuple[str, str]:
        """What batches are sorted by, so that two of them lock the same people in one order."""
        return min(zip(self.kinds, self.values, strict=True))


def customer_of(inbound: InboundMessage) -> Party:
    """The person on the other side: an echo is what the business wrote to them."""
    return inbound.message.recipient if inbound.echo else inbound.message.sender


def is_late(written: datetime, now: datetime, late_after: timedelta) -> bool:
    """Whether a message comes so late that an answer by itself would surprise more than help."""
    return now - written > late_after


def is_collected(message: Message) -> bool:
    """Whether a turn covers this message, once there is one."""
    return message.type not in _NO_TURN


def triggers(message: Message) -> bool:
    """Whether this message asks for an answer by itself: it has words, or a voice."""
    if not is_collected(message):
        return False
    return message.type == MessageType.MESSAGE_TYPE_AUDIO or bool(said_in_words(message))
