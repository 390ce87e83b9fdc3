"""What any channel must do. A subclass gives its fixtures as tables; a case is a line of data."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from malha.message.v1.message_pb2 import Message

from services.ingestion.channels import CHANNELS
from services.ingestion.channels.base import (
    HTTP,
    Channel,
    ChannelConfig,
    Item,
    OutcomeUnknown,
    Progress,
    SendError,
    SignatureMismatch,
    StatusUpdate,
    UnreadableWebhook,
    VerifyTokenMismatch,
    Webhook,
)
from services.kit.ids import new_id
from services.kit.validate import validate


@dataclass(frozen=True)
class Gives:
    """One item expected of a webhook; what is left out is not compared."""

    kind: str
    content: Mapping[str, Any] | None = None
    """The message's content, as JSON with Protobuf's field names."""
    sender: str | None = None
    """kind:id of the sender."""
    recipient: str | None = None
    metadata: Mapping[str, str] | None = None
    reply_to: str | None = None
    external_id: str | None = None
    routing_id: str | None = None
    account_id: str | None = None
    status: tuple[Progress, str, str] | None = None
    """State, reason and what we gave along."""


@dataclass(frozen=True)
class Incoming:
    """A webhook, and what it is split into."""

    name: str
    body: str
    gives: list[Gives]


@dataclass(frozen=True)
class Outgoing:
    """A message to send, what is posted, and what the provider's answer comes to."""

    name: str
    message: Message
    posts: Mapping[str, Any] | None = None
    """The request's JSON; None when it is not compared."""
    status: int = 200
    answer: str | bytes | None = None
    """A fixture, or raw bytes."""
    headers: Mapping[str, str] = field(default_factory=dict)
    behaves: Literal["answers", "hangs", "hangs_up", "is_away"] = "answers"
    gives: str | None = None
    fails: type[SendError] | None = None
    reason: str | None = None
    retry_after: float | None = None
    is_posted: bool = True


class ChannelContract:
    """Subclasses give `channel`, `config`, `fixtures`, how to sign, and the tables."""

    channel: ClassVar[Channel[Any]]
    config: ClassVar[ChannelConfig]
    fixtures: ClassVar[Path]
    incoming: ClassVar[list[Incoming]]
    outgoing: ClassVar[list[Outgoing]]
    send_path: ClassVar[str]
    answer_accepted: ClassVar[str]
    subscribes: ClassVar[Mapping[str, str]]
    """A handshake that must succeed; its challenge is under `challenge_name`."""
    challenge_name: ClassVar[str]

    def sign(self, body: bytes) -> dict[str, str]:
        """The headers a genuine request has."""
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        for table in ("incoming", "outgoing"):
            name = f"{table}_case"
            if name in metafunc.fixturenames and metafunc.cls is not None:
                cases = getattr(metafunc.cls, table)
                metafunc.parametrize(name, cases, ids=[case.name for case in cases])

    def read(self, name: str) -> Any:
        return json.loads((self.fixtures / f"{name}.json").read_text())

    def received(self, item: Item) -> Message:
        """The item's message, as the ledger hands it on."""
        message = self.channel.receive(item).message
        message.id = new_id()
        message.tenant_id = message.workspace_id = message.channel_id = new_id()
        if item.time is None:
            message.timestamp.GetCurrentTime()
        return message

    # What comes in.

    def test_the_slug_leads_to_the_channel(self) -> None:
        assert CHANNELS[self.channel.slug] is self.channel

    def test_a_webhook_is_split_and_read(self, incoming_case: Incoming) -> None:
        items = list(self.channel.split(self.read(incoming_case.body)))
        assert [item.kind for item in items] == [gives.kind for gives in incoming_case.gives]
        for item, gives in zip(items, incoming_case.gives, strict=True):
            for name in ("external_id", "routing_id", "account_id"):
                if (expected := getattr(gives, name)) is not None:
                    assert getattr(item, name) == expected
            if item.kind in ("message", "echo"):
                self._check_message(item, gives)
            if item.kind == "status":
                self._check_status(self.channel.status(item), gives)

    def _check_message(self, item: Item, gives: Gives) -> None:
        inbound = self.channel.receive(item)
        message = self.received(item)
        validate(message)
        assert inbound.echo == (item.kind == "echo")
        assert message.external_id == item.external_id
        assert message.channel == self.channel.slug
        if gives.content is not None:
            expected = Message(content=gives.content)
            assert message.content == expected.content
        if gives.sender is not None:
            assert f"{message.sender.kind}:{message.sender.id}" == gives.sender
        if gives.recipient is not None:
            assert f"{message.recipient.kind}:{message.recipient.id}" == gives.recipient
        if gives.metadata is not None:
            assert dict(message.metadata) == gives.metadata
        if gives.reply_to is not None:
            assert message.context.reply_to_external_id == gives.reply_to

    def _check_status(self, update: StatusUpdate | None, gives: Gives) -> None:
        if gives.status is None:
            assert update is None
        else:
            assert update is not None
            assert (update.status, update.reason, update.opaque) == gives.status

    def test_an_item_alone_is_the_same_item(self, incoming_case: Incoming) -> None:
        for item in self.channel.split(self.read(incoming_case.body)):
            assert list(self.channel.split(item.payload)) == [item]

    def test_a_repeated_webhook_has_the_same_ids(self, incoming_case: Incoming) -> None:
        first, again = (
            [(i.kind, i.external_id) for i in self.channel.split(self.read(incoming_case.body))]
            for _ in range(2)
        )
        assert first == again
        assert all(external_id for _, external_id in first)

    @pytest.mark.parametrize(
        "payload", [None, True, 0, 1.5, "", "x", [], [{}], {}, {"object": "x", "entry": [1]}]
    )
    def test_what_is_no_webhook_of_the_channel_is_unreadable(self, payload: object) -> None:
        with pytest.raises(UnreadableWebhook):
            list(self.channel.split(payload))

    @given(data=st.data())
    @settings(max_examples=300, suppress_health_check=[HealthCheck.differing_executors])
    def test_nothing_inside_the_envelope_raises(self, data: st.DataObject) -> None:
        """Conversion is total: any part of a genuine payload may be something else, or missing."""
        case = data.draw(st.sampled_from(self.incoming))
        payload = _mangled(self.read(case.body), data)
        try:
            items = list(self.channel.split(payload))
        except UnreadableWebhook:
            return
        assert items
        for item in items:
            assert list(self.channel.split(item.payload)) == [item]
            if item.kind in ("message", "echo"):
                validate(self.received(item))
            if item.kind == "status":
                self.channel.status(item)

    def test_what_is_nested_too_deep_to_be_stored_is_left_out_alone(self) -> None:
        payload = self.read(self.incoming[0].body)
        plain = list(self.channel.split(payload))
        deep: Any = []
        for _ in range(600):
            deep = [deep]
        payload["entry"][0]["extra"] = deep
        items = list(self.channel.split(payload))
        assert [item.external_id for item in items] == [item.external_id for item in plain]
        for item in items:
            orjson.dumps(item.payload)

    # Who may say so.

    @pytest.mark.parametrize("body", [b"", b"{}", b"not json", '{"a":"é"}'.encode()])
    def test_a_signature_over_the_raw_bytes_is_accepted(self, body: bytes) -> None:
        self.channel.verify(Webhook(body, self.sign(body)), self.config)

    def test_a_forged_or_missing_signature_is_refused(self) -> None:
        body = (self.fixtures / f"{self.incoming[0].body}.json").read_bytes()
        headers = self.sign(body)
        reserialised = json.dumps(json.loads(body)).encode()
        (name, value), *_ = headers.items()
        forged: list[tuple[bytes, dict[str, str]]] = [
            (body, {}),
            (b"", headers),
            (body + b" ", headers),
            (reserialised, headers),
            (bytes([body[0] ^ 1]) + body[1:], headers),
            *(
                (body, {name: wrong})
                for wrong in (
                    "",
                    value[:-1],
                    value + "0",
                    value.upper(),
                    value.replace("sha256", "sha1"),
                    f"{value},{value}",
                    f" {value}",
                    f"{value}\n",
                    value[:-1] + "é",
                    value[:-1] + "٣",
                    value[:-1] + ("0" if value[-1] != "0" else "1"),
                    value.partition("=")[2],
                )
            ),
        ]
        for wrong_body, wrong_headers in forged:
            with pytest.raises(SignatureMismatch):
                self.channel.verify(Webhook(wrong_body, wrong_headers), self.config)

    def test_a_handshake_is_answered_with_its_challenge(self) -> None:
        expected = self.subscribes[self.challenge_name]
        assert self.channel.handshake(self.subscribes, self.config) == expected

    def test_a_handshake_with_anything_wrong_is_refused(self) -> None:
        for name, value in self.subscribes.items():
            without = {k: v for k, v in self.subscribes.items() if k != name}
            wrong = "x" * 5000 if name == self.challenge_name else value + "é"
            for query in (without, {**without, name: wrong}, {**without, name: ""}):
                with pytest.raises(VerifyTokenMismatch):
                    self.channel.handshake(query, self.config)

    def test_no_secret_shows_in_the_configuration(self) -> None:
        shown = f"{self.config!r} {self.config} {self.config.model_dump()}"
        for secret in _secrets(self.config):
            assert secret not in shown

    # What goes out.

    async def test_a_message_is_sent_once(self, outgoing_case: Outgoing) -> None:
        posted: list[web.Request] = []
        async with self._provider(outgoing_case, posted) as http:
            outcome: str | SendError
            try:
                outcome = await self.channel.send(
                    outgoing_case.message, self.config, http, opaque="given-along", deadline=0.6
                )
            except SendError as error:
                outcome = error
        if isinstance(outcome, SendError):
            assert type(outcome) is outgoing_case.fails, outcome.reason
            assert outgoing_case.reason in (None, outcome.reason)
            assert getattr(outcome, "retry_after", None) == outgoing_case.retry_after
        else:
            assert outgoing_case.fails is None
            assert outcome == outgoing_case.gives
        away = outgoing_case.behaves == "is_away"
        assert len(posted) == (1 if outgoing_case.is_posted and not away else 0)
        if outgoing_case.posts is not None:
            assert json.loads(await posted[0].read()) == outgoing_case.posts
        for request in posted:
            assert request.path == self.send_path

    async def test_a_lost_answer_is_an_unknown_outcome(self) -> None:
        """After the request has left, only an answer tells what became of it."""
        message = next(case.message for case in self.outgoing if case.fails is None)
        for behaves in ("hangs", "hangs_up"):
            case = Outgoing("", message, behaves=behaves)
            async with self._provider(case, []) as http:
                with pytest.raises(OutcomeUnknown):
                    await self.channel.send(message, self.config, http, opaque="x", deadline=0.3)

    @asynccontextmanager
    async def _provider(self, case: Outgoing, posted: list[web.Request]) -> AsyncIterator[HTTP]:
        answer = case.answer if case.answer is not None else self.answer_accepted
        raw = (
            answer if isinstance(answer, bytes) else (self.fixtures / f"{answer}.json").read_bytes()
        )

        async def serve(request: web.Request) -> web.Response:
            await request.read()
            posted.append(request)
            if case.behaves == "hangs":
                # Until the client has gone.
                while request.transport is not None and not request.transport.is_closing():
                    await asyncio.sleep(0.02)
            if case.behaves == "hangs_up":
                assert request.transport is not None
                request.transport.abort()
            return web.Response(body=raw, status=case.status, headers=case.headers)

        app = web.Application()
        app.router.add_route("*", "/{path:.*}", serve)
        server = TestServer(app)
        await server.start_server()
        url = str(server.make_url("")).rstrip("/")
        if case.behaves == "is_away":
            await server.close()
        async with aiohttp.ClientSession() as session:
            yield HTTP(session, url)
        await server.close()


def hmac_sha256(secret: str, body: bytes) -> str:
    return hmac.new(secret.encode(), body, "sha256").hexdigest()


def _secrets(config: ChannelConfig) -> list[str]:
    return [
        value.get_secret_value()
        for name in type(config).model_fields
        if hasattr(value := getattr(config, name), "get_secret_value")
    ]


_JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=30),
    st.sampled_from(
        ["", "\0", "x" * 70_000, "1767182400", "+5511", [], {}, [[]], [{}], [None]]
    ).map(deepcopy),
)


def _mangled(payload: Any, data: st.DataObject) -> Any:
    for _ in range(data.draw(st.integers(1, 3))):
        places = list(_places(payload))
        parent, key = data.draw(st.sampled_from(places))
        if isinstance(parent, dict) and data.draw(st.booleans()):
            del parent[key]
        else:
            parent[key] = data.draw(_JUNK)
        if not list(_places(payload)):
            break
    return payload


def _places(value: Any) -> Any:
    """Every place of a JSON value that can be replaced."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in list(pairs):
        yield value, key
        if isinstance(inner, dict | list):
            yield from _places(inner)
