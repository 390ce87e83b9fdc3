"""What is reported about a message after it was accepted: sent, delivered, read, or failed."""

import asyncio
import time
from typing import Any

from sandbox.callbacks import Change, Webhook, encode
from sandbox.chats import ChatMessage
from sandbox.errors import status_error
from sandbox.faults import Plan
from sandbox.numbers import Number
from sandbox.people import contact, has_phone, user_id
from sandbox.settings import SandboxSettings


def status_change(
    number: Number,
    message: ChatMessage,
    status: str,
    when: int,
    error: dict[str, Any] | None = None,
) -> Change:
    """The webhook change that reports one status."""
    waba_id = number.registration.waba_id
    item: dict[str, Any] = {
        "id": message.id,
        "status": status,
        "timestamp": str(when),
        "recipient_user_id": user_id(waba_id, message.customer),
    }
    if has_phone(message.customer):
        item["recipient_id"] = message.customer
    if status in ("sent", "delivered"):
        template = message.type == "template"
        item["pricing"] = {
            "billable": template,
            "pricing_model": "PMP",
            "type": "regular" if template else "free_customer_service",
            "category": "marketing" if template else "service",
        }
    if error is not None:
        item["errors"] = [error]
    opaque = message.content.get("biz_opaque_callback_data")
    if opaque is not None:
        item["biz_opaque_callback_data"] = opaque
    value: dict[str, Any] = {"messaging_product": "whatsapp", "metadata": number.metadata}
    if error is None:
        # Meta leaves the contacts out of a failure, and only there.
        chat = number.history.chat(message.customer)
        name = chat.profile_name if chat else ""
        value["contacts"] = [contact(waba_id, message.customer, name)]
    value["statuses"] = [item]
    return Change(waba_id, {"field": "messages", "value": value})


class Statuses:
    """Plans the statuses of an accepted message."""

    def __init__(self, settings: SandboxSettings) -> None:
        self._usual = {
            "sent": settings.sent_after_ms,
            "delivered": settings.delivered_after_ms,
            "read": settings.read_after_ms,
        }

    def schedule(
        self, number: Number, message: ChatMessage, plan: Plan, failure: int | None
    ) -> None:
        """Post the statuses in the background, each as a webhook of its own."""
        if plan.no_status:
            return
        if failure is not None:
            first = next(iter(self._delays(plan).values()))
            self._later(number, message, plan, "failed", first, first, status_error(failure))
            return
        happens = self._delays(plan)
        posted = list(happens.values())
        if plan.reorder:
            posted.reverse()
        for (status, when), slot in zip(happens.items(), posted, strict=True):
            if status == "sent" and plan.early_status:
                continue
            self._later(number, message, plan, status, when, slot)

    async def report_early(self, number: Number, message: ChatMessage, plan: Plan) -> None:
        """Deliver `sent` now, before the send itself is answered."""
        now = int(time.time())
        number.history.progress(message, "sent", now)
        body = encode([status_change(number, message, "sent", now)])
        await number.callbacks.deliver(Webhook(body, repeat=plan.repeat))

    def _delays(self, plan: Plan) -> dict[str, float]:
        if plan.status_delay_ms is None:
            return {status: delay / 1000 for status, delay in self._usual.items()}
        gap = plan.status_delay_ms / 1000
        return {status: gap * step for step, status in enumerate(self._usual, start=1)}

    def _later(
        self,
        number: Number,
        message: ChatMessage,
        plan: Plan,
        status: str,
        when: float,
        slot: float,
        error: dict[str, Any] | None = None,
    ) -> None:
        """Post at `slot` seconds from now what happened at `when` seconds from now."""
        timestamp = int(time.time() + when)

        def fire() -> None:
            message.error = error
            number.history.progress(message, status, timestamp)
            change = status_change(number, message, status, timestamp, error)
            number.callbacks.push(change, repeat=plan.repeat, batch=plan.batch)

        asyncio.get_running_loop().call_later(slot, fire)
