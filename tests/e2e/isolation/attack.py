"""The attacker calls everything with the victim's ids, and with ids of nothing."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2

from envoyconf.contracts import PUBLIC, http_rules, scope_of, verb_and_path
from tests.e2e.isolation.businesses import Business
from tests.e2e.isolation.cases import Case, as_json, case_of, methods

# What ends the attacker's own session or tenant, or takes back its rights: called once, at the end.
FATAL = ("DeleteTenant", "SignOutEverywhere")


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


@asynccontextmanager
async def channel_to(business: Business) -> AsyncIterator[grpc.aio.Channel]:
    """gRPC as an internal team reaches it."""
    async with grpc.aio.insecure_channel(
        business.world.demo["grpc_url"].removeprefix("http://")
    ) as channel:
        yield channel


async def leaks(attacker: Business, victim: Business, of: str = "malha.") -> AsyncIterator[str]:
    """Every difference between what is the victim's and what does not exist."""
    every = [case_of(method, victim.ids) for method in methods()]
    cases = [case for case in every if case.name.startswith(of)]
    cases.sort(key=lambda case: case.method.name in FATAL)
    async with channel_to(attacker) as channel:
        for case in cases:
            for shown, credentials in attacker.credentials.items():
                theirs = await _by_grpc(channel, case, case.theirs, credentials)
                nobodys = await _by_grpc(channel, case, case.nobodys, credentials)
                for problem in _compared(case, theirs, nobodys, victim):
                    yield f"gRPC {case.name} with its {shown}: {problem}"
    for case in cases:
        if case.method.name in FATAL:
            continue  # The gRPC call before has ended the attacker.
        for shown, credentials in attacker.credentials.items():
            for verb, theirs_at, nobodys_at in _routes(case):
                theirs = await _by_rest(attacker, verb, *theirs_at, credentials)
                nobodys = await _by_rest(attacker, verb, *nobodys_at, credentials)
                for problem in _compared(case, theirs, nobodys, victim):
                    yield f"{verb} {theirs_at[0]} with its {shown}: {problem}"


def _compared(case: Case, theirs: Reply, nobodys: Reply, victim: Business) -> Iterable[str]:
    if victim.mark in theirs.body or victim.mark.lower() in theirs.body:
        yield f"shows what belongs to the victim: {theirs.body[:300]}"
    for noun, id in victim.ids.items():
        if id in theirs.body and id not in case.swapped:
            yield f"shows the victim's {noun}"
    if scope_of(case.method) == PUBLIC:
        return  # Nobody is asked who they are, and guesses are slowed down as they repeat.
    if case.swapped and theirs.without(case.swapped) != nobodys.without(case.swapped):
        yield f"answers otherwise than for what does not exist: {theirs} and {nobodys}"
    if case.swapped and theirs.code == "OK" and not _is_empty(theirs):
        yield f"found something: {theirs.body[:300]}"


def _is_empty(reply: Reply) -> bool:
    """Whether an answer to somebody else's ids holds nothing: an empty list, or no fields."""
    body = json.loads(reply.body)
    return all(value in ([], "", 0, "0", {}, False) for value in body.values())


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


def _routes(case: Case) -> Iterable[tuple[str, tuple[str, Any], tuple[str, Any]]]:
    for rule in http_rules(case.method):
        verb, template = verb_and_path(rule)
        theirs = _filled(template, rule.body, case.theirs)
        yield verb.upper(), theirs, _filled(template, rule.body, case.nobodys)


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
