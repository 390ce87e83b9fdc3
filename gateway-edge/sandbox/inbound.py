"""Customers writing: from a plain text to the raw webhook a test wants to see."""

import time
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator
from sanic.exceptions import BadRequest

from sandbox.callbacks import Change, Signature, Webhook, encode
from sandbox.chats import ChatMessage, new_wamid
from sandbox.media import MediaStore
from sandbox.numbers import Number
from sandbox.people import contact, has_phone, user_id
from sandbox.world import World


class _Customer(BaseModel):
    """One message of one customer."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    sender: str = Field(alias="from", pattern=r"^[0-9A-Za-z.]{1,140}$")
    """Digits, or a business-scoped user id such as BR.1234."""
    profile_name: str = ""
    text: str | None = None
    message: dict[str, Any] | None = None
    """A Meta message object; `from`, `id` and `timestamp` are added when missing."""
    wamid: str | None = None
    timestamp: int | None = None
    """Seconds since 1970. An old one leaves the 24-hour window closed."""
    contacts: list[dict[str, Any]] | None = None
    """The webhook's `contacts`, instead of the ones made from the sender and the profile name."""

    @model_validator(mode="after")
    def _text_or_message(self) -> Self:
        if (self.text is None) == (self.message is None):
            raise ValueError("give either text or message")
        return self


class Inbound(_Customer):
    """A single message, and how its webhook is posted."""

    signature: Signature = "valid"
    retry: bool = True
    """Offer the webhook again when it is not answered with 200."""


class BatchItem(_Customer):
    """One message of a batch; it may name another registered number."""

    phone_number_id: str | None = None


class InboundBatch(BaseModel):
    """Several messages in one webhook, with a change for every `per_change` of a number."""

    model_config = ConfigDict(extra="forbid")

    messages: list[BatchItem] = Field(default_factory=list, max_length=1000)
    changes: list[dict[str, Any]] = Field(default_factory=list, max_length=1000)
    """Raw changes (`field` and `value`), posted after the messages' own."""
    per_change: int = Field(default=1, ge=1)
    signature: Signature = "valid"
    retry: bool = True

    @classmethod
    def single(cls, one: Inbound) -> Self:
        """A batch of one."""
        item = BatchItem.model_validate(
            one.model_dump(by_alias=True, exclude={"signature", "retry"})
        )
        return cls(messages=[item], signature=one.signature, retry=one.retry)


class RawWebhook(BaseModel):
    """How raw bytes are signed."""

    signature: Literal["valid", "wrong", "missing"] = "valid"


async def deliver(world: World, number: Number, batch: InboundBatch) -> dict[str, Any]:
    """Post the batch to the number's webhook and show its messages on the phones."""
    changes: list[Change] = []
    shown: list[tuple[Number, ChatMessage]] = []
    room: dict[int, int] = {}
    for item in batch.messages:
        owner = number if item.phone_number_id is None else world.numbers.get(item.phone_number_id)
        if owner is None:
            raise BadRequest("A message names a phone_number_id that is not registered.")
        raw = _raw_message(item, owner, world.media)
        shown.append((owner, _remember(world, owner, item, raw)))
        last = len(changes) - 1
        if room.get(id(owner)) != last or _full(changes[last], batch.per_change):
            changes.append(_change(owner))
            room[id(owner)] = len(changes) - 1
        _add(changes[-1], item, raw)
    changes += [Change(number.registration.waba_id, change) for change in batch.changes]

    def acknowledged() -> None:
        now = int(time.time())
        for owner, message in shown:
            owner.history.progress(message, "delivered", now)

    webhook = Webhook(
        encode(changes),
        signature=batch.signature,
        repeat=world.faults.repeat_for_inbound(number.registration.phone_number_id),
        acknowledged=acknowledged,
    )
    status = await number.callbacks.deliver(webhook, retry=batch.retry)
    wamids = [message.id for _, message in shown]
    return {"wamid": wamids[0] if wamids else None, "wamids": wamids, "status": status}


def _raw_message(item: _Customer, number: Number, media: MediaStore) -> dict[str, Any]:
    raw: dict[str, Any] = {
        "from": item.sender,
        "from_user_id": user_id(number.registration.waba_id, item.sender),
        "id": item.wamid or new_wamid(item.sender),
        "timestamp": str(item.timestamp if item.timestamp is not None else int(time.time())),
    }
    if not has_phone(item.sender):
        del raw["from"]
    if item.text is not None:
        return raw | {"type": "text", "text": {"body": item.text}}
    raw |= item.message or {}
    content = raw.get(raw.get("type", ""))
    file = media.get(str(content.get("id"))) if isinstance(content, dict) else None
    if isinstance(content, dict) and file is not None:
        raw[raw["type"]] = {"mime_type": file.mime_type, "sha256": file.sha256} | content
    return raw


def _remember(world: World, number: Number, item: _Customer, raw: dict[str, Any]) -> ChatMessage:
    when = int(raw["timestamp"]) if str(raw["timestamp"]).isdigit() else int(time.time())
    known = number.history.find(str(raw["id"]))
    if known is not None:
        return known
    message = ChatMessage(
        id=str(raw["id"]),
        customer=item.sender,
        author="customer",
        type=str(raw.get("type", "unknown")),
        content=raw,
        timestamp=when,
        status="sent",
        statuses={"sent": when},
    )
    number.history.add(message, item.profile_name)
    world.windows.wrote(number.registration.phone_number_id, item.sender, when)
    return message


def _change(number: Number) -> Change:
    return Change(
        number.registration.waba_id,
        {
            "field": "messages",
            "value": {
                "messaging_product": "whatsapp",
                "metadata": number.metadata,
                "contacts": [],
                "messages": [],
            },
        },
    )


def _full(change: Change, per_change: int) -> bool:
    return len(change.change["value"]["messages"]) >= per_change


def _add(change: Change, item: _Customer, raw: dict[str, Any]) -> None:
    value = change.change["value"]
    value["messages"].append(raw)
    contacts = item.contacts
    if contacts is None:
        contacts = [contact(change.waba_id, item.sender, item.profile_name)]
    value["contacts"] += [found for found in contacts if found not in value["contacts"]]
