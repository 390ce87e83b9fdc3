"""What the bus gave up on: listed, and sent again by an operator."""

from __future__ import annotations

from typing import Any

from nats.aio.client import Client
from nats.js.errors import NotFoundError

from services.kit.ids import new_id

_STREAM = "DLQ"


class NoSuchLetter(Exception):
    """No dead letter has this id."""


async def list_dead_letters(client: Client, limit: int = 200) -> list[dict[str, Any]]:
    """The newest dead letters, oldest first: id, what, why. Never their content."""
    jetstream = client.jetstream()
    state = (await jetstream.stream_info(_STREAM)).state
    letters = []
    for sequence in range(max(1, state.first_seq, state.last_seq - limit + 1), state.last_seq + 1):
        try:
            message = await jetstream.get_msg(_STREAM, sequence)
        except NotFoundError:
            continue  # Sent again, or past its age.
        headers = message.headers or {}
        letters.append(
            {
                "id": sequence,
                "subject": headers.get("dead-subject"),
                "reason": headers.get("dead-reason"),
                "detail": headers.get("dead-detail"),
                "deliveries": headers.get("dead-deliveries"),
                "correlation_id": headers.get("correlation-id"),
            }
        )
    return letters


async def send_again(client: Client, letter_id: int) -> None:
    """Publish a dead letter to where it came from and forget it. Raises NoSuchLetter.

    A letter of the event stream goes to every reaction again; those that succeeded are idempotent.
    """
    jetstream = client.jetstream()
    try:
        message = await jetstream.get_msg(_STREAM, letter_id)
    except NotFoundError:
        raise NoSuchLetter(f"no dead letter has the id {letter_id}") from None
    headers = {k: v for k, v in (message.headers or {}).items() if not k.startswith("dead-")}
    subject = (message.headers or {})["dead-subject"]
    # A fresh id: the duplicate window would swallow the old one.
    headers["Nats-Msg-Id"] = new_id()
    await jetstream.publish(subject, message.data or b"", headers=headers)
    await jetstream.delete_msg(_STREAM, letter_id)
