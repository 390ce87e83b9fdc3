"""The other services: typed stubs that carry identity, deadline and correlation."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import grpc

from services.kit.auth import SERVICE, Actor, Signer
from services.kit.call import Call
from services.kit.errors import Unavailable, from_rpc_error
from services.kit.ids import new_id

S = TypeVar("S")

MAX_MESSAGE_BYTES = 16 << 20
CHANNEL_OPTIONS = [
    ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
    ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
    ("grpc.keepalive_time_ms", 30_000),
    # A restarted peer must be found again within a moment, not after gRPC's default of minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    ("grpc.enable_retries", 0),
]


class PeerUnknown(Unavailable):
    """The setting MALHA_PEERS names no target for {peer}."""


class Peers:
    """gRPC channels to the other services, opened on first use."""

    def __init__(self, targets: Mapping[str, str], signer: Signer) -> None:
        self._targets = targets
        self.signer = signer
        self._channels: dict[str, grpc.aio.Channel] = {}
        self._calls: dict[str, Any] = {}

    def stub(self, stub: Callable[[Any], S], call: Call) -> S:
        """A generated stub whose calls are made on behalf of `call`."""
        return stub(_CallChannel(self, call))

    def system_stub(
        self, stub: Callable[[Any], S], *, tenant_id: str = "", deadline: float = 10.0
    ) -> S:
        """A stub for what a process does by itself, outside any call."""
        actor = Actor("service", self.signer.service, tenant_id, scopes=frozenset({SERVICE}))
        return self.stub(stub, Call(actor, correlation_id=new_id(), seconds=deadline))

    def multicallable(self, path: str, serializer: Any, deserializer: Any) -> Any:
        """The channel's own callable for a method, made once."""
        made = self._calls.get(path)
        if made is None:
            channel = self.channel(path.split(".")[1])
            made = self._calls[path] = channel.unary_unary(
                path, request_serializer=serializer, response_deserializer=deserializer
            )
        return made

    def channel(self, peer: str) -> grpc.aio.Channel:
        """The channel to a service. Raises PeerUnknown."""
        if peer not in self._channels:
            if peer not in self._targets:
                raise PeerUnknown(peer=peer)
            self._channels[peer] = grpc.aio.insecure_channel(
                self._targets[peer], options=CHANNEL_OPTIONS
            )
        return self._channels[peer]

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close(1)


class _CallChannel:
    """What a generated stub needs of a channel, bound to one call."""

    def __init__(self, peers: Peers, call: Call) -> None:
        self._peers = peers
        self._call = call

    def unary_unary(
        self, path: str, request_serializer: Any, response_deserializer: Any, **_: Any
    ) -> Callable[..., Awaitable[Any]]:
        peers, call = self._peers, self._call

        async def ask(request: Any, *, timeout: float | None = None) -> Any:
            method = peers.multicallable(path, request_serializer, response_deserializer)
            token = peers.signer.service_token(call.tenant_id, call.workspace_id)
            left = call.remaining()
            try:
                return await method(
                    request,
                    timeout=left if timeout is None else min(left, timeout),
                    metadata=(
                        ("authorization", f"Bearer {token}"),
                        ("x-correlation-id", call.correlation_id),
                    ),
                )
            except grpc.aio.AioRpcError as error:
                raise from_rpc_error(error) from None

        return ask
