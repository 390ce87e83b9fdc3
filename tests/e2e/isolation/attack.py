"""The attacker calls everything with the victim's ids, and with ids of nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2

from envoyconf.contracts import PUBLIC, http_rules, scope_of, verb_and_path
from tests.e2e.isolation.businesses import Business
from tests.e2e.isolation.cases import Case, as_json, case_of, methods

# What ends the attacker's own session: it signs in again after each call.
FATAL = ("SignOutEverywhere",)
# Why a caller who is believed is refused all the same: by what it is, and by what it guessed.
BELIEVED = ("PEOPLE_ONLY", "CREDENTIALS_INVALID", "TOO_MANY_ATTEMPTS")
# Answers of a mesh that has not looked for anything: they would hide a leak, being all the same.
UNASKED = {
    *("UNAUTHENTICATED", "401", "RESOURCE_EXHAUSTED", "429", "INVALID_ARGUMENT", "400"),
    *("INTERNAL", "UNKNOWN", "500", "UNAVAILABLE", "503", "UNIMPLEMENTED", "501"),
    *("DEADLINE_EXCEEDED", "504"),
}


@dataclass(frozen=True)
class Reply:
    """What came back, without what differs from call to call."""

    code: str
    body: str

    def without(self, ids: Mapping[str, str]) -> Reply:
        """With the ids of nothing in place of the victim's."""
        body = self.body
        for theirs, nobodys in ids.items():
            body = body.replace(theirs, nobodys)
        return Reply(self.code, body)


Ask = Callable[[Mapping[str, str]], Awaitable[Reply]]
"""Sends a request with credentials."""


@asynccontextmanager
async def channel_to(business: Business) -> AsyncIterator[grpc.aio.Channel]:
    """gRPC as an internal team reaches it."""
    async with grpc.aio.insecure_channel(
        business.world.demo["grpc_url"].removeprefix("http://")
    ) as channel:
        yield channel


@dataclass(frozen=True)
class Leak:
    """A difference between what is the victim's and what does not exist."""

    over: str
    """gRPC or REST."""
    shown: str
    """What the attacker showed of its own: key or person."""
    call: str
    problem: str


@dataclass(frozen=True)
class Pair:
    """A request with the victim's ids and the same with ids of nothing, each to be sent."""

    over: str
    call: str
    theirs: Ask
    nobodys: Ask


async def leaks(attacker: Business, victim: Business, of: str = "malha.") -> AsyncIterator[Leak]:
    """Everything that the attacker gets, over every way in and with all that it can show."""
    cases = [case_of(method, victim.ids) for method in methods()]
    # First, since after too many guesses nobody signs in for a while.
    cases.sort(key=lambda case: case.method.name not in FATAL)
    async with channel_to(attacker) as channel:
        for case in (case for case in cases if case.name.startswith(of)):
            for pair in (_over_grpc(channel, case), *_over_rest(attacker, case)):
                for shown in attacker.credentials:
                    theirs = await _asked(attacker, shown, case, pair.theirs)
                    nobodys = await _asked(attacker, shown, case, pair.nobodys)
                    for problem in _compared(case, theirs, nobodys, victim):
                        yield Leak(pair.over, shown, pair.call, problem)


async def _asked(attacker: Business, shown: str, case: Case, ask: Ask) -> Reply:
    reply = await ask(attacker.credentials[shown])
    if case.method.name in FATAL:
        await attacker.sign_in()
    return reply


def _compared(case: Case, theirs: Reply, nobodys: Reply, victim: Business) -> Iterable[str]:
    if victim.mark in theirs.body or victim.mark.lower() in theirs.body:
        yield f"shows what belongs to the victim: {theirs.body[:300]}"
    for noun, id in victim.ids.items():
        if id in theirs.body and id not in case.swapped:
            yield f"shows the victim's {noun}"
    if scope_of(case.method) == PUBLIC:
        return  # Nobody is asked who they are, and guesses are slowed down as they repeat.
    for reply in (theirs, nobodys):
        if reply.code in UNASKED and not any(reason in reply.body for reason in BELIEVED):
            yield f"was not asked at all: {reply}"
    if case.swapped and theirs.without(case.swapped) != nobodys.without(case.swapped):
        yield f"answers otherwise than for what does not exist: {theirs} and {nobodys}"
    if case.swapped and theirs.code == "OK" and not _is_empty(theirs):
        yield f"found something: {theirs.body[:300]}"


def _is_empty(reply: Reply) -> bool:
    """Whether an answer to somebody else's ids holds nothing: an empty list, or no fields."""
    body = json.loads(reply.body)
    return all(value in ([], "", 0, "0", {}, False) for value in body.values())


def _over_grpc(channel: grpc.aio.Channel, case: Case) -> Pair:
    return Pair(
        "gRPC",
        case.name,
        partial(_by_grpc, channel, case, case.theirs),
        partial(_by_grpc, channel, case, case.nobodys),
    )


def _over_rest(business: Business, case: Case) -> Iterator[Pair]:
    for rule in http_rules(case.method):
        verb, template = verb_and_path(rule)
        theirs = _filled(template, rule.body, case.theirs)
        nobodys = _filled(template, rule.body, case.nobodys)
        yield Pair(
            "REST",
            f"{verb.upper()} {theirs[0]}",
            partial(_by_rest, business, verb.upper(), *theirs),
            partial(_by_rest, business, verb.upper(), *nobodys),
        )


async def _by_grpc(
    channel: grpc.aio.Channel, case: Case, request: Message, credentials: Mapping[str, str]
) -> Reply:
    method: Any = case.method
    call = channel.unary_unary(
        case.path,
        request_serializer=lambda message: message.SerializeToString(),
        response_deserializer=GetMessageClass(method.output_type).FromString,
    )
    try:
        answer = await call(request, metadata=tuple(credentials.items()), timeout=20)
    except grpc.aio.AioRpcError as error:
        return Reply(error.code().name, _reason(error))
    return Reply("OK", json.dumps(MessageToDict(answer), sort_keys=True))


def _reason(error: grpc.aio.AioRpcError) -> str:
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin" and isinstance(value, bytes):
            details = MessageToDict(status_pb2.Status.FromString(value))
            return _without_request_id(details)
    return str(error.details())


def _without_request_id(details: Any) -> str:
    for detail in details.get("details", []):
        detail.pop("requestId", None)
    return json.dumps(details, sort_keys=True)


def _filled(template: str, body: str, request: Message) -> tuple[str, Any]:
    fields = as_json(request)
    snake = {field.json_name: field.name for field in request.DESCRIPTOR.fields}
    path = template
    for name in list(fields):
        variable = "{" + snake[name] + "}"
        if variable in path:
            path = path.replace(variable, str(fields.pop(name)))
    if body:
        return path, fields
    pairs = [
        (name, value)
        for name, values in fields.items()
        for value in (values if isinstance(values, list) else [values])
    ]
    return path, pairs


async def _by_rest(
    business: Business, verb: str, path: str, sent: Any, credentials: Mapping[str, str]
) -> Reply:
    is_query = isinstance(sent, list)
    async with business.world.session.request(
        verb,
        f"{business.world.demo['api_url']}{path}",
        params=sent if is_query else None,
        json=None if is_query else sent,
        headers=dict(credentials),
    ) as response:
        text = await response.text()
    if response.status == 200:
        return Reply("OK", json.dumps(json.loads(text), sort_keys=True))
    return Reply(str(response.status), _without_request_id(json.loads(text)))
