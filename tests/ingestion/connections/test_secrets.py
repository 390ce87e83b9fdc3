"""New secrets for a connection, and everything else that may be put into its configuration."""

from __future__ import annotations

import math
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from malha.ingestion.v1.connection_service_pb2 import UpdateConnectionRequest

from services.ingestion.channels.base import SignatureMismatch, Webhook
from services.ingestion.channels.whatsapp import WhatsAppConfig
from services.ingestion.connections.directory import Connections
from services.ingestion.connections.model import entered
from services.kit.clock import Clock
from services.kit.errors import InvalidRequest, to_status
from services.kit.ids import new_id
from tests.ingestion.connections.office import SEALER, SECRETS, Office
from tests.ingestion.deliveries.world import SetClock
from tests.ingestion.webhooks.world import sign


async def opened(office: Office, connection_id: str, clock: Clock | None = None) -> WhatsAppConfig:
    found = await Connections(office.database, SEALER, clock or Clock()).by_id(connection_id)
    assert found is not None
    assert isinstance(found.config, WhatsAppConfig)
    return found.config


async def believed(office: Office, connection_id: str, *secrets: str) -> list[bool]:
    """Whether webhooks signed with each of these are believed now."""
    connection = await office.connections.by_id(connection_id)
    assert connection is not None

    def is_believed(secret: str) -> bool:
        webhook = Webhook(b"{}", {"x-hub-signature-256": sign(b"{}", secret)})
        try:
            connection.channel.verify(webhook, connection.config)
        except SignatureMismatch:
            return False
        return True

    return [is_believed(secret) for secret in secrets]


async def test_new_secrets_replace_the_old_and_leave_the_rest(office: Office) -> None:
    made = await office.connect()
    await office.update(made.id, config={"access_token": "new-token"})
    config = await opened(office, made.id)
    assert config.access_token.get_secret_value() == "new-token"
    assert config.verify_token.get_secret_value() == SECRETS[1]
    assert config.app_secret.get_secret_value() == SECRETS[0]
    assert config.previous_app_secret is None
    assert config.phone_number_id == made.external_id
    await office.update(made.id, config={"verify_token": "v2"}, display_name="Loja 2")
    config = await opened(office, made.id)
    assert config.verify_token.get_secret_value() == "v2"
    assert config.access_token.get_secret_value() == "new-token"
    async with office.call().transaction() as tx:
        sealed = await tx.value("SELECT config FROM ingestion.connections WHERE id = $1", made.id)
    assert b"new-token" not in sealed
    assert not any(b"new-token" in event for event in await office.emitted("connection_updated"))


async def test_webhooks_signed_with_the_app_secret_before_are_still_believed(
    office: Office,
) -> None:
    made = await office.connect()
    assert await believed(office, made.id, SECRETS[0], "second") == [True, False]
    await office.update(made.id, config={"app_secret": "second"})
    assert await believed(office, made.id, SECRETS[0], "second") == [True, True]
    # Said again, as a client does that missed the answer: it is not the one before itself.
    await office.update(made.id, config={"app_secret": "second"})
    assert await believed(office, made.id, SECRETS[0], "second") == [True, True]
    await office.update(made.id, config={"app_secret": "third"})
    assert await believed(office, made.id, SECRETS[0], "second", "third") == [False, True, True]


async def test_the_app_secret_before_is_not_believed_for_ever(office: Office) -> None:
    made = await office.connect()
    office.clock = clock = SetClock()
    await office.update(made.id, config={"app_secret": "second"})
    clock.pass_by(timedelta(days=7).total_seconds() - 1)
    assert (await opened(office, made.id, clock)).previous_app_secret is not None
    clock.pass_by(2)
    config = await opened(office, made.id, clock)
    assert config.previous_app_secret is None
    assert config.app_secret.get_secret_value() == "second"


@pytest.mark.parametrize(
    ("secrets", "fields"),
    [
        ({"phone_number_id": "1"}, {"config.phone_number_id"}),
        ({"waba_id": "1", "app_secret": "fine"}, {"config.waba_id"}),
        ({"colour": "blue", "verify_token": ""}, {"config.colour", "config.verify_token"}),
        ({"previous_app_secret": "x"}, {"config.previous_app_secret"}),
        (
            {"previous_app_secret_end_time": "2999-01-01T00:00:00Z"},
            {"config.previous_app_secret_end_time"},
        ),
        ({"access_token": None}, {"config.access_token"}),
        ({"access_token": 7}, {"config.access_token"}),
        (
            {"access_token": {"a": ["b"]}, "verify_token": ""},
            {"config.access_token", "config.verify_token"},
        ),
        ({"access_token": "half\0"}, {"config.access_token"}),
        ({"access_token": "line\nbreak"}, {"config.access_token"}),
        ({"app_secret": "x" * (1 << 20)}, {"config.app_secret"}),
    ],
)
async def test_what_is_no_secret_is_named_and_changes_nothing(
    office: Office, secrets: dict[str, Any], fields: set[str]
) -> None:
    made = await office.connect()
    with pytest.raises(InvalidRequest) as refused:
        await office.update(made.id, config=secrets)
    assert {field for field, _ in refused.value.violations()} == fields
    assert await office.get(made.id) == made
    assert (await opened(office, made.id)).app_secret.get_secret_value() == SECRETS[0]


@pytest.mark.parametrize(
    ("wrong", "fields"),
    [
        (
            {"app_secret": "has spaces", "waba_id": 7, "colour": "blue", "verify_token": ""},
            {"config.app_secret", "config.waba_id", "config.colour", "config.verify_token"},
        ),
        ({"phone_number_id": "+55 11 98765-4321"}, {"config.phone_number_id"}),
        ({"phone_number_id": "1\0"}, {"config.phone_number_id"}),
        ({"phone_number_id": "1\n"}, {"config.phone_number_id"}),
        ({"phone_number_id": "9" * (1 << 20)}, {"config.phone_number_id"}),
        ({"phone_number_id": {"$ne": ""}}, {"config.phone_number_id"}),
        ({"waba_id": True}, {"config.waba_id"}),
        ({"access_token": "x" * (1 << 20)}, {"config.access_token"}),
        ({"previous_app_secret": "x"}, {"config.previous_app_secret"}),
        ({"a\0b": "x"}, {"config.a?b"}),
        ({"n" * 1_000_000: "x"}, {"config." + "n" * 64 + "..."}),
    ],
)
async def test_every_field_at_fault_is_named_and_no_secret_is_quoted(
    office: Office, wrong: dict[str, Any], fields: set[str]
) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await office.connect(config=wrong)
    violations = dict(refused.value.violations())
    assert set(violations) == fields
    assert "has spaces" not in str(violations)
    assert len(str(violations)) < 1_000
    assert not (await office.page()).connections


async def test_a_thousand_unknown_fields_are_not_all_repeated(office: Office) -> None:
    made = await office.connect()
    many = {f"{number}" + "\x01ç" * 100: "x" for number in range(1_000)}
    for attempt in (office.connect(config=many), office.update(made.id, config=many)):
        with pytest.raises(InvalidRequest) as refused:
            await attempt
        assert len(list(refused.value.violations())) == 10
        # gRPC takes 8 KiB of headers.
        assert to_status(refused.value, new_id()).ByteSize() < 4_000


async def test_an_unknown_channel_is_refused(office: Office) -> None:
    with pytest.raises(InvalidRequest, match="channel"):
        await office.connect(channel="telegraph")


async def test_an_empty_configuration_changes_no_secret(office: Office) -> None:
    made = await office.connect()
    request = UpdateConnectionRequest(config=Struct())
    await office.update(made.id, config={"app_secret": "second"})
    before = await opened(office, made.id)
    await office.update(made.id, **{field.name: value for field, value in request.ListFields()})
    assert await opened(office, made.id) == before


def test_numbers_that_json_does_not_have_are_read_all_the_same() -> None:
    values = ListValue(values=[Value(number_value=math.inf), Value()])
    deep = Struct(fields={"n": Value(number_value=math.nan), "l": Value(list_value=values)})
    read = entered(Struct(fields={"deep": Value(struct_value=deep), "t": Value(string_value="x")}))
    assert math.isnan(read["deep"]["n"])
    assert read["deep"]["l"] == [math.inf, None]
    assert read["t"] == "x"
