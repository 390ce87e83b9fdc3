"""The conversations of a number, as its customers' phones show them."""

import asyncio
import base64
import secrets
import time
from collections import Counter, OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Author = Literal["customer", "business"]

_RANK = {"sending": 0, "sent": 1, "failed": 1, "delivered": 2, "read": 3, "played": 4}
TYPING_SECONDS = 25
_MOST_RECIPIENTS = 200_000


def new_wamid(customer: str) -> str:
    """An id as Meta makes them: base64 with `/`, `+` and `=` in it, and the customer inside."""
    digits = customer.encode()
    tail = secrets.token_hex(9).upper().encode()
    raw = b"\x1d\x18" + bytes([len(digits) % 256]) + digits + b"\x15\x02\x00\x11\x18\x12" + tail
    return "wamid." + base64.b64encode(raw + b"\x00").decode()


@dataclass(slots=True)
class ChatMessage:
    """One message, and how far it has come."""

    id: str
    customer: str
    author: Author
    type: str
    content: dict[str, Any]
    """The message object as it was posted or sent, unchanged."""
    timestamp: int
    seq: int = 0
    status: str = "sending"
    statuses: dict[str, int] = field(default_factory=dict)
    error: dict[str, Any] | None = None
    reactions: dict[str, str] = field(default_factory=dict)
    """Who reacted with what: `customer` and `business`."""

    def shown(self) -> dict[str, Any]:
        """The message as the phone sees it."""
        return {
            "id": self.id,
            "seq": self.seq,
            "author": self.author,
            "type": self.type,
            "content": self.content,
            "timestamp": self.timestamp,
            "status": self.status,
            "statuses": self.statuses,
            "error": self.error,
            "reactions": self.reactions,
        }

    def sent(self) -> dict[str, Any]:
        """The message as a send that was accepted."""
        return {
            "id": self.id,
            "to": self.customer,
            "type": self.type,
            "payload": self.content,
            "biz_opaque_callback_data": self.content.get("biz_opaque_callback_data"),
            "timestamp": self.timestamp,
            "status": self.status,
            "statuses": self.statuses,
            "error": self.error,
        }


@dataclass(slots=True)
class Chat:
    """What one customer and the number wrote to each other."""

    customer: str
    started: int
    """Changes when the conversation was cleared, so that a phone can tell."""
    profile_name: str = ""
    seq: int = 0
    typing_until: float = 0
    messages: deque[ChatMessage] = field(default_factory=deque)


class History:
    """The messages of one number. Bounded as a whole: the oldest message of any chat goes first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        # Goes on from the clock, so that a phone's place stays valid after a restart.
        self._seq = int(time.time() * 1000)
        self._messages: OrderedDict[str, ChatMessage] = OrderedDict()
        self._sends: deque[ChatMessage] = deque(maxlen=limit)
        self._watchers: dict[str, set[asyncio.Future[None]]] = {}
        self.chats: dict[str, Chat] = {}
        self.accepted: Counter[str] = Counter()
        """Sends accepted since the last reset, per customer."""

    @property
    def seq(self) -> int:
        """The number of the newest change."""
        return self._seq

    def find(self, wamid: str) -> ChatMessage | None:
        """A message that is still remembered."""
        return self._messages.get(wamid)

    def chat(self, customer: str) -> Chat | None:
        """A customer's conversation, if there is one."""
        return self.chats.get(customer)

    def add(self, message: ChatMessage, profile_name: str = "") -> None:
        """Remember a message; one that is already known stays as it is."""
        if message.id in self._messages:
            return
        chat = self.chats.get(message.customer)
        if chat is None:
            chat = Chat(message.customer, started=self._seq + 1)
            self.chats[message.customer] = chat
        if profile_name:
            chat.profile_name = profile_name
        self._messages[message.id] = message
        if message.author == "business":
            chat.typing_until = 0
            self._sends.append(message)
            self.accepted[message.customer] += 1
            if len(self.accepted) > _MOST_RECIPIENTS:
                del self.accepted[next(iter(self.accepted))]
        if message.type == "reaction":
            self._react(message)
        chat.messages.append(message)
        self._touch(chat, message)
        while len(self._messages) > self._limit:
            self._evict()

    def progress(self, message: ChatMessage, status: str, when: int) -> None:
        """Note a status. The one shown only moves forward, whatever the order of arrival."""
        message.statuses.setdefault(status, when)
        if _RANK.get(status, 0) > _RANK[message.status]:
            message.status = status
        chat = self.chats.get(message.customer)
        if chat is not None:
            self._touch(chat, message)

    def read_up_to(self, message: ChatMessage, when: int) -> None:
        """The business read this message, and so every earlier one of the customer."""
        chat = self.chats.get(message.customer)
        for earlier in list(chat.messages) if chat else [message]:
            if earlier.author == "customer" and earlier.status != "read":
                self.progress(earlier, "read", when)
            if earlier is message:
                break

    def typing(self, customer: str) -> None:
        """Show that the business is writing, until it answers or for 25 seconds."""
        chat = self.chats.get(customer)
        if chat is not None:
            chat.typing_until = time.time() + TYPING_SECONDS
            self._touch(chat)

    def sends(self) -> Iterator[ChatMessage]:
        """Every remembered send, oldest first."""
        return iter(self._sends)

    def clear(self, customer: str | None = None) -> None:
        """Forget one conversation, or all of them."""
        names = [customer] if customer is not None else list(self.chats)
        self._seq += 1
        for name in names:
            chat = self.chats.pop(name, None)
            for message in chat.messages if chat else ():
                self._messages.pop(message.id, None)
            self.accepted.pop(name, None)
            self._wake(name)
        if customer is None:
            self.forget_sends()
        else:
            kept = [message for message in self._sends if message.customer != customer]
            self._sends = deque(kept, maxlen=self._limit)

    def forget_sends(self) -> None:
        """Start the record of accepted sends anew; the conversations stay."""
        self._sends.clear()
        self.accepted.clear()

    async def changed(self, customer: str, wait: float) -> None:
        """Return when something happens in this conversation, or after `wait` seconds."""
        watcher = asyncio.get_running_loop().create_future()
        self._watchers.setdefault(customer, set()).add(watcher)
        try:
            await asyncio.wait_for(watcher, wait)
        except TimeoutError:
            return
        finally:
            watchers = self._watchers.get(customer)
            if watchers is not None:
                watchers.discard(watcher)
                if not watchers:
                    del self._watchers[customer]

    def _react(self, message: ChatMessage) -> None:
        reaction = message.content.get("reaction")
        if not isinstance(reaction, dict):
            return
        target = self._messages.get(str(reaction.get("message_id", "")))
        if target is None:
            return
        if emoji := reaction.get("emoji"):
            target.reactions[message.author] = str(emoji)
        else:
            target.reactions.pop(message.author, None)
        if chat := self.chats.get(target.customer):
            self._touch(chat, target)

    def _touch(self, chat: Chat, message: ChatMessage | None = None) -> None:
        self._seq += 1
        chat.seq = self._seq
        if message is not None:
            message.seq = self._seq
        self._wake(chat.customer)

    def _wake(self, customer: str) -> None:
        for watcher in self._watchers.pop(customer, ()):
            if not watcher.done():
                watcher.set_result(None)

    def _evict(self) -> None:
        _, oldest = self._messages.popitem(last=False)
        chat = self.chats.get(oldest.customer)
        if chat is None:
            return
        # Both are in order of arrival, so the oldest of all is the oldest of its own chat.
        chat.messages.popleft()
        if not chat.messages:
            del self.chats[oldest.customer]
