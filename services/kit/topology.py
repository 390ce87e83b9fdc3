"""Streams, durables and permissions of the bus, from the descriptors and the services' tables.

Made by an administrator's key (`python -m services topology`), never by a service: a service may
publish its own events and the commands it declares, and read only its own durables.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from google.protobuf.message import Message
from nats.aio.client import Client
from nats.js import api
from nats.js.client import JetStreamContext
from nats.js.errors import NotFoundError

from services.kit.bus import ACK_WAIT_SECONDS, Subscription
from services.kit.outbox import subject
from services.kit.service import Service

_DUPLICATE_WINDOW = timedelta(minutes=10).total_seconds()

STREAMS = (
    api.StreamConfig(
        name="EVT",
        subjects=["evt.*.*.*"],
        retention=api.RetentionPolicy.LIMITS,
        storage=api.StorageType.FILE,
        max_age=timedelta(days=14).total_seconds(),
        duplicate_window=_DUPLICATE_WINDOW,
        allow_direct=True,
        allow_atomic=True,
    ),
    api.StreamConfig(
        name="CMD",
        subjects=["cmd.*.*.*.*"],
        retention=api.RetentionPolicy.WORK_QUEUE,
        storage=api.StorageType.FILE,
        discard=api.DiscardPolicy.NEW,
        # The server sets this much disk aside; beyond it commands wait in the outboxes.
        max_bytes=2 << 30,
        duplicate_window=_DUPLICATE_WINDOW,
        allow_direct=True,
        allow_atomic=True,
    ),
    api.StreamConfig(
        name="DLQ",
        subjects=["dlq.*.*"],
        retention=api.RetentionPolicy.LIMITS,
        storage=api.StorageType.FILE,
        max_age=timedelta(days=30).total_seconds(),
        duplicate_window=_DUPLICATE_WINDOW,
        allow_direct=True,
    ),
)


async def create(client: Client, services: Sequence[Service], *, replicas: int = 1) -> None:
    """Make streams and durables what they should be; those that are so already are left alone."""
    jetstream = client.jetstream()
    for stream in STREAMS:
        await _create_stream(jetstream, stream.evolve(num_replicas=replicas))
    for service in services:
        for subscription in service.subscriptions():
            await jetstream.add_consumer(subscription.stream, consumer(subscription))


def consumer(subscription: Subscription) -> api.ConsumerConfig:
    """The durable of a subscription; the kit counts attempts, since it knows why one failed."""
    return api.ConsumerConfig(
        durable_name=subscription.durable,
        filter_subject=subscription.filter,
        ack_policy=api.AckPolicy.EXPLICIT,
        ack_wait=ACK_WAIT_SECONDS,
        max_deliver=-1,
        max_ack_pending=max(1000, subscription.concurrency * 20),
    )


async def _create_stream(jetstream: JetStreamContext, config: api.StreamConfig) -> None:
    assert config.name is not None
    try:
        await jetstream.stream_info(config.name)
    except NotFoundError:
        await jetstream.add_stream(config)
    else:
        await jetstream.update_stream(config)


def nats_conf(
    services: Sequence[Service],
    public_keys: Mapping[str, str],
    *,
    listen: str,
    store: str,
    http_port: int | None,
) -> str:
    """The server's configuration: one nkey a service, each with its own subjects only."""
    users = [f"      {{ nkey: {public_keys['admin']} }}"]
    for service in services:
        if service.name in public_keys:
            users.append(
                f"      {{ nkey: {public_keys[service.name]}, "
                f"permissions: {json.dumps(permissions(service))} }}"
            )
    monitoring = f'http: "127.0.0.1:{http_port}"' if http_port else ""
    return "\n".join(
        [
            f'listen: "{listen}"',
            monitoring,
            f'jetstream {{ store_dir: "{store}", sync_interval: always }}',
            "max_payload: 8388608",
            "accounts {",
            "  SYS: { users: [] }",
            "  APP: {",
            "    jetstream: enabled",
            "    users: [",
            *users,
            "    ]",
            "  }",
            "}",
            "system_account: SYS",
            "",
        ]
    )


def permissions(service: Service) -> dict[str, object]:
    """What a service may publish and hear."""
    publish = [f"evt.{service.name}.*.*", f"dlq.{service.name}.*"]
    publish += _filters(service.sends)
    for subscription in service.subscriptions():
        where = f"{subscription.stream}.{subscription.durable}"
        publish += [f"$JS.API.CONSUMER.MSG.NEXT.{where}", f"$JS.ACK.{where}.>"]
    hears = [subject(event.DESCRIPTOR, "*") for event, _ in service.live_reactions()]
    return {
        "publish": {"allow": publish},
        "subscribe": {"allow": [f"_INBOX_{service.name}.>", *sorted(set(hears))]},
    }


def _filters(commands: Iterable[type[Message]]) -> list[str]:
    return sorted({subject(command.DESCRIPTOR, "*", "*") for command in commands})
