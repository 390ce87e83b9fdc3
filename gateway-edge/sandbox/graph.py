"""Meta's side: what a WhatsApp Cloud API client talks to."""

import asyncio
import time
from typing import Any, cast

import orjson
from sanic import Blueprint
from sanic.request import File
from sanic.response import HTTPResponse

from sandbox.chats import ChatMessage, new_wamid
from sandbox.errors import GraphError
from sandbox.faults import Plan
from sandbox.media import Media, check_upload
from sandbox.messages import Outgoing, read_send
from sandbox.numbers import Number
from sandbox.people import has_phone, user_id
from sandbox.world import Request, World, answer

graph = Blueprint("graph")

_VERSION = r"<version:v\d+\.\d+>"


@graph.post(f"/{_VERSION}/<phone_number_id:[0-9]+>/messages")
async def send_message(request: Request, version: str, phone_number_id: str) -> HTTPResponse:
    """Send a message, or mark one as read."""
    world = request.app.ctx.world
    number = _own_number(request, phone_number_id)
    payload = _payload(request)
    if payload.get("status") == "read":
        return _mark_read(number, payload)

    plan = world.faults.for_send(phone_number_id)
    if plan.delay_ms:
        await asyncio.sleep(plan.delay_ms / 1000)
    if plan.throttle is not None:
        raise GraphError(4 if plan.throttle == 429 else plan.throttle)
    if plan.interrupt == "error_500":
        raise GraphError(131000)
    outgoing = read_send(payload, lambda media_id: world.media.get(media_id) is not None)
    if plan.interrupt == "timeout":
        await asyncio.sleep(world.settings.hang_seconds)
        return _hang_up(request)

    message = await _accept(world, number, outgoing, payload, plan)
    if plan.interrupt == "drop_after_accept":
        return _hang_up(request)
    return _accepted(number, outgoing, message)


@graph.post(f"/{_VERSION}/<phone_number_id:[0-9]+>/media")
async def upload_media(request: Request, version: str, phone_number_id: str) -> HTTPResponse:
    """Keep a file to be sent by id."""
    _own_number(request, phone_number_id)
    form = request.form
    if form is None or form.get("messaging_product") != "whatsapp":
        raise GraphError(100, "", message="The parameter messaging_product is required.")
    file = request.files.get("file") if request.files is not None else None
    if not isinstance(file, File):
        raise GraphError(100, "", message="The parameter file is required.")
    mime_type = str(form.get("type") or file.type).partition(";")[0].strip()
    check_upload(mime_type, len(file.body))
    media = request.app.ctx.world.media.add(phone_number_id, file.body, mime_type, file.name)
    return answer({"id": media.id})


@graph.get(f"/{_VERSION}/<object_id:[0-9]+>")
async def describe(request: Request, version: str, object_id: str) -> HTTPResponse:
    """A file's address, or what a phone number is."""
    world = request.app.ctx.world
    number = world.numbers.get(object_id)
    if number is not None:
        _own_number(request, object_id)
        registration = number.registration
        return answer(
            {
                "verified_name": registration.verified_name,
                "display_phone_number": registration.display_phone_number,
                "quality_rating": "GREEN",
                "platform_type": "CLOUD_API",
                "throughput": {"level": "STANDARD"},
                "id": object_id,
            }
        )
    media = _own_media(request, object_id)
    return answer(
        {
            "url": world.media.link(f"{request.scheme}://{request.host}", media),
            "mime_type": media.mime_type,
            "sha256": media.sha256,
            "file_size": len(media.content),
            "id": media.id,
            "messaging_product": "whatsapp",
        }
    )


@graph.delete(f"/{_VERSION}/<object_id:[0-9]+>")
async def delete_media(request: Request, version: str, object_id: str) -> HTTPResponse:
    """Forget an uploaded file."""
    request.app.ctx.world.media.remove(_own_media(request, object_id))
    return answer({"success": True})


@graph.get("/whatsapp_business/attachments/")
async def download(request: Request) -> HTTPResponse:
    """The bytes behind a file's address."""
    _token(request)
    mid, ext, seal = (str(request.args.get(name, "")) for name in ("mid", "ext", "hash"))
    media = request.app.ctx.world.media.open_link(mid, ext, seal)
    if media is None:
        # The CDN behind Meta's links answers without JSON.
        return HTTPResponse(b"Not found", status=404, content_type="text/plain")
    return HTTPResponse(media.content, content_type=media.mime_type)


async def _accept(
    world: World, number: Number, outgoing: Outgoing, payload: dict[str, Any], plan: Plan
) -> ChatMessage:
    failure = plan.fail_code
    if outgoing.type != "template" and number.registration.window != "off":
        phone_number_id = number.registration.phone_number_id
        if world.windows.open_until(phone_number_id, outgoing.customer) is None:
            if number.registration.window == "answer":
                raise GraphError(131047)
            failure = 131047
    message = ChatMessage(
        id=new_wamid(outgoing.customer),
        customer=outgoing.customer,
        author="business",
        type=outgoing.type,
        content=payload,
        timestamp=int(time.time()),
    )
    number.history.add(message)
    world.statuses.schedule(number, message, plan, failure)
    if plan.early_status and failure is None and not plan.no_status:
        await world.statuses.report_early(number, message, plan)
    return message


def _accepted(number: Number, outgoing: Outgoing, message: ChatMessage) -> HTTPResponse:
    contact = {"input": outgoing.given}
    if has_phone(outgoing.customer):
        contact["wa_id"] = outgoing.customer
    contact["user_id"] = user_id(number.registration.waba_id, outgoing.customer)
    sent: dict[str, str] = {"id": message.id}
    if outgoing.type == "template":
        sent["message_status"] = "accepted"
    return answer({"messaging_product": "whatsapp", "contacts": [contact], "messages": [sent]})


def _mark_read(number: Number, payload: dict[str, Any]) -> HTTPResponse:
    if payload.get("messaging_product") != "whatsapp":
        raise GraphError(100, "", message="The parameter messaging_product is required.")
    message = number.history.find(str(payload.get("message_id", "")))
    if message is None or message.author != "customer":
        raise GraphError(131009, "Param message_id is not a message this number received.")
    typing = payload.get("typing_indicator")
    if typing is not None and (not isinstance(typing, dict) or typing.get("type") != "text"):
        raise GraphError(131009, "Param typing_indicator['type'] must be 'text'.")
    number.history.read_up_to(message, int(time.time()))
    if typing is not None:
        number.history.typing(message.customer)
    return answer({"success": True})


def _payload(request: Request) -> dict[str, Any]:
    try:
        payload = orjson.loads(request.body)
    except orjson.JSONDecodeError:
        payload = {}
    return payload if isinstance(payload, dict) else {}


def _token(request: Request) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token:
        raise GraphError(104)
    if not request.app.ctx.world.numbers.knows_token(token):
        raise GraphError(190)
    return token


def _own_number(request: Request, phone_number_id: str) -> Number:
    token = _token(request)
    number = request.app.ctx.world.numbers.get(phone_number_id)
    if number is None or number.registration.access_token != token:
        raise _missing_object(phone_number_id)
    return number


def _own_media(request: Request, media_id: str) -> Media:
    token = _token(request)
    media = request.app.ctx.world.media.get(media_id)
    owner = request.app.ctx.world.numbers.get(media.owner) if media is not None else None
    if media is None or owner is None or owner.registration.access_token != token:
        raise _missing_object(media_id)
    return media


def _missing_object(object_id: str) -> GraphError:
    return GraphError(
        100,
        "",
        message=f"Unsupported request. Object with ID '{object_id}' does not exist, cannot be"
        " loaded due to missing permissions, or does not support this operation.",
        subcode=33,
    )


def _hang_up(request: Request) -> HTTPResponse:
    """Close the connection under the client's feet; what is returned goes nowhere."""
    cast(asyncio.Transport, request.transport).abort()
    return HTTPResponse(status=204)
