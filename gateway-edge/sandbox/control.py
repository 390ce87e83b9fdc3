"""The sandbox's own side, for tests and the phone page: numbers, customers, faults, the record."""

import time
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel
from sanic import Blueprint
from sanic.exceptions import BadRequest, NotFound
from sanic.response import HTTPResponse

from sandbox.callbacks import Callbacks, Webhook
from sandbox.chats import Chat
from sandbox.faults import Faults
from sandbox.inbound import Inbound, InboundBatch, RawWebhook, deliver
from sandbox.numbers import Number, Registration
from sandbox.world import Request, answer

control = Blueprint("control", url_prefix="/sandbox")

_LONGEST_WAIT = 55.0
_Body = TypeVar("_Body", bound=BaseModel)


class Registering(Registration):
    """A registration as it is posted."""

    handshake: bool = False
    """Ask the webhook to prove itself first, as Meta does; nothing is registered when it fails."""


@control.post("/numbers")
async def register(request: Request) -> HTTPResponse:
    """Register a number, or replace its registration."""
    world = request.app.ctx.world
    body = _read(request, Registering)
    registration = Registration.model_validate(body.model_dump(exclude={"handshake"}))
    if body.handshake:
        callbacks = Callbacks(
            registration.webhook_url, registration.app_secret, world.session, world.settings
        )
        if reason := await callbacks.handshake(registration.verify_token):
            raise BadRequest(f"The handshake failed: {reason}.")
    return answer(world.numbers.put(registration).shown(), 201)


@control.get("/numbers")
async def list_numbers(request: Request) -> HTTPResponse:
    """Every number, without its secrets."""
    return answer({"numbers": [number.shown() for number in request.app.ctx.world.numbers]})


@control.delete("/numbers/<phone_number_id:str>")
async def remove_number(request: Request, phone_number_id: str) -> HTTPResponse:
    """Forget a number and everything about it."""
    world = request.app.ctx.world
    number = _number(request, phone_number_id)
    world.numbers.remove(number)
    world.windows.forget(phone_number_id)
    world.faults.put(None, phone_number_id)
    return HTTPResponse(status=204)


@control.post("/numbers/<phone_number_id:str>/inbound")
async def inbound(request: Request, phone_number_id: str) -> HTTPResponse:
    """Write as a customer: one message, or `messages` for several in one webhook."""
    number = _number(request, phone_number_id)
    batch = _json(request)
    if "messages" in batch or "changes" in batch:
        posted = InboundBatch.model_validate(batch)
    else:
        posted = InboundBatch.single(Inbound.model_validate(batch))
    return answer(await deliver(request.app.ctx.world, number, posted))


@control.post("/numbers/<phone_number_id:str>/webhook")
async def raw_webhook(request: Request, phone_number_id: str) -> HTTPResponse:
    """Post these very bytes to the webhook, signed; for bodies Meta would never write."""
    number = _number(request, phone_number_id)
    options = RawWebhook.model_validate({"signature": request.args.get("signature", "valid")})
    webhook = Webhook(request.body, signature=options.signature)
    return answer({"status": await number.callbacks.deliver(webhook, retry=False)})


@control.post("/numbers/<phone_number_id:str>/media")
async def keep_media(request: Request, phone_number_id: str) -> HTTPResponse:
    """Keep a customer's file, to be named by its id in an inbound message. The body is the file."""
    _number(request, phone_number_id)
    mime_type = request.headers.get("content-type", "application/octet-stream")
    name = str(request.args.get("filename", "file"))
    media = request.app.ctx.world.media.add(phone_number_id, request.body, mime_type, name)
    return answer({"id": media.id, "mime_type": media.mime_type, "sha256": media.sha256}, 201)


@control.get("/media/<media_id:str>")
async def show_media(request: Request, media_id: str) -> HTTPResponse:
    """The bytes of any file, for the phone page."""
    media = request.app.ctx.world.media.get(media_id)
    if media is None:
        raise NotFound("No such file, or it has been forgotten.")
    # A file is somebody else's: the browser may show it, never run it.
    headers = {
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "X-Content-Type-Options": "nosniff",
    }
    return HTTPResponse(media.content, headers=headers, content_type=media.mime_type)


@control.get("/numbers/<phone_number_id:str>/chats")
async def list_chats(request: Request, phone_number_id: str) -> HTTPResponse:
    """The hundred liveliest conversations of a number, newest first."""
    chats = _number(request, phone_number_id).history.chats.values()
    newest = sorted(chats, key=lambda chat: chat.seq, reverse=True)[:100]
    return answer(
        {
            "chats": [
                {
                    "customer": chat.customer,
                    "profile_name": chat.profile_name,
                    "seq": chat.seq,
                    "last": chat.messages[-1].shown(),
                }
                for chat in newest
            ]
        }
    )


@control.delete("/numbers/<phone_number_id:str>/chats")
async def clear_chats(request: Request, phone_number_id: str) -> HTTPResponse:
    """Forget every conversation and window of a number."""
    _number(request, phone_number_id).history.clear()
    request.app.ctx.world.windows.forget(phone_number_id)
    return HTTPResponse(status=204)


@control.get("/numbers/<phone_number_id:str>/chats/<customer:str>")
async def show_chat(request: Request, phone_number_id: str, customer: str) -> HTTPResponse:
    """A conversation, newest last; with `after` and `wait`, the next changes once there are any."""
    number = _number(request, phone_number_id)
    after = _whole(request, "after", 0)
    wait = min(float(_whole(request, "wait", 0)), _LONGEST_WAIT)
    chat = number.history.chat(customer)
    if wait and after and (chat is None or chat.seq <= after):
        await number.history.changed(customer, wait)
        chat = number.history.chat(customer)
    return answer(_shown(request, number, customer, chat, after))


@control.delete("/numbers/<phone_number_id:str>/chats/<customer:str>")
async def clear_chat(request: Request, phone_number_id: str, customer: str) -> HTTPResponse:
    """Forget one conversation and its window."""
    _number(request, phone_number_id).history.clear(customer)
    request.app.ctx.world.windows.forget(phone_number_id, customer)
    return HTTPResponse(status=204)


@control.get("/sent")
async def list_sent(request: Request) -> HTTPResponse:
    """Accepted sends: how many in all and per recipient, and the newest ones, newest last."""
    only = request.args.get("phone_number_id")
    to = request.args.get("to")
    limit = _whole(request, "limit", 1000)
    numbers = [_number(request, str(only))] if only else list(request.app.ctx.world.numbers)
    counts: dict[str, int] = {}
    found: list[dict[str, Any]] = []
    for number in numbers:
        for recipient, count in number.history.accepted.items():
            if to is None or recipient == to:
                counts[recipient] = counts.get(recipient, 0) + count
        owner = {"phone_number_id": number.registration.phone_number_id}
        sends = number.history.sends()
        found += [owner | send.sent() for send in sends if to is None or send.customer == to]
    found.sort(key=lambda send: send["timestamp"])
    newest = found[-limit:] if limit else []
    return answer({"total": sum(counts.values()), "by_recipient": counts, "messages": newest})


@control.delete("/sent")
async def forget_sent(request: Request) -> HTTPResponse:
    """Start the record of accepted sends anew; conversations and windows stay."""
    for number in request.app.ctx.world.numbers:
        number.history.forget_sends()
    return HTTPResponse(status=204)


@control.get("/faults")
async def show_faults(request: Request) -> HTTPResponse:
    """The faults for every number that has none of its own."""
    return answer(request.app.ctx.world.faults.shown().model_dump())


@control.put("/faults")
async def put_faults(request: Request) -> HTTPResponse:
    """Replace the faults for every number that has none of its own."""
    return _put_faults(request, None)


@control.delete("/faults")
async def drop_faults(request: Request) -> HTTPResponse:
    """Let every number that has no faults of its own work again."""
    request.app.ctx.world.faults.put(None)
    return HTTPResponse(status=204)


@control.get("/numbers/<phone_number_id:str>/faults")
async def show_number_faults(request: Request, phone_number_id: str) -> HTTPResponse:
    """The faults of one number, which count instead of the ones for every number."""
    _number(request, phone_number_id)
    return answer(request.app.ctx.world.faults.shown(phone_number_id).model_dump())


@control.put("/numbers/<phone_number_id:str>/faults")
async def put_number_faults(request: Request, phone_number_id: str) -> HTTPResponse:
    """Replace the faults of one number."""
    _number(request, phone_number_id)
    return _put_faults(request, phone_number_id)


@control.delete("/numbers/<phone_number_id:str>/faults")
async def drop_number_faults(request: Request, phone_number_id: str) -> HTTPResponse:
    """Give a number the faults of every number again."""
    _number(request, phone_number_id)
    request.app.ctx.world.faults.put(None, phone_number_id)
    return HTTPResponse(status=204)


def _put_faults(request: Request, number: str | None) -> HTTPResponse:
    board = request.app.ctx.world.faults
    board.put(_read(request, Faults), number)
    return answer(board.shown(number).model_dump())


def _shown(
    request: Request, number: Number, customer: str, chat: Chat | None, after: int
) -> dict[str, Any]:
    phone_number_id = number.registration.phone_number_id
    until = request.app.ctx.world.windows.open_until(phone_number_id, customer)
    messages = chat.messages if chat else ()
    return {
        "customer": customer,
        "profile_name": chat.profile_name if chat else "",
        "started": chat.started if chat else 0,
        # The number's own place when there is no chat yet, so that the first message is a change.
        "cursor": chat.seq if chat else number.history.seq,
        "window_open_until": until,
        "typing": bool(chat and chat.typing_until > time.time()),
        "messages": [message.shown() for message in messages if message.seq > after],
    }


def _number(request: Request, phone_number_id: str) -> Number:
    number = request.app.ctx.world.numbers.get(phone_number_id)
    if number is None:
        raise NotFound("No number is registered with this phone_number_id.")
    return number


def _json(request: Request) -> dict[str, Any]:
    try:
        body = orjson.loads(request.body)
    except orjson.JSONDecodeError as error:
        raise BadRequest("The body is not JSON.") from error
    if not isinstance(body, dict):
        raise BadRequest("The body is not a JSON object.")
    return body


def _read(request: Request, model: type[_Body]) -> _Body:
    return model.model_validate(_json(request))


def _whole(request: Request, name: str, default: int) -> int:
    value = request.args.get(name)
    if value is None:
        return default
    if not str(value).isdigit():
        raise BadRequest(f"{name} is not a whole number.")
    return int(value)
