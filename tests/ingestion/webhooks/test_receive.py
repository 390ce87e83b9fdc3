"""Stored before it is acknowledged: what each sender is answered, and which row is left."""

import pytest
from malha.ingestion.v1.commands_pb2 import ProcessWebhooks
from malha.ingestion.v1.events_pb2 import WebhookRejected

from services.kit.ids import new_id
from tests.conftest import TestTenant
from tests.ingestion.webhooks.world import Number, World, sign


async def test_a_message_is_queued_with_everything_an_audit_asks_for(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    webhook = number.webhook(number.text("wamid.1"))
    (answer,) = await world.receive(webhook)
    assert answer.http_status == 200
    (row,) = await world.ledger(tenant.id)
    assert (row["verdict"], row["reason"]) == ("queued", "")
    assert row["payload"] == webhook.body
    assert row["body"] is None
    assert row["signature"] == webhook.headers["x-hub-signature-256"]
    assert row["request_id"] == webhook.request_id
    assert (row["connection_id"], row["workspace_id"]) == (number.id, number.workspace_id)
    assert row["source"] == "whatsapp"
    assert abs(row["receive_time"].timestamp() - webhook.receive_time.ToDatetime().timestamp()) < 1
    assert row["process_time"] is None
    (command,) = await world.sent(tenant.id, ProcessWebhooks)
    assert command.batch_id == row["batch_id"]
    assert await world.timers(tenant.id) == 1


async def test_several_items_of_a_post_become_several_rows_and_the_body_is_kept_once(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    webhook = number.webhook(number.text("wamid.1", "wamid.2"), number.status("wamid.9"))
    assert await world.receive_and_process(webhook) == [200]
    rows = await world.ledger(tenant.id)
    assert [(row["item"], row["kind"]) for row in rows] == [
        (0, "message"),
        (1, "message"),
        (2, "status"),
    ]
    assert [row["body"] for row in rows] == [webhook.body, None, None]
    assert b"wamid.2" not in rows[0]["payload"]
    assert b"wamid.2" in rows[1]["payload"]
    assert {row["request_id"] for row in rows} == {webhook.request_id}
    assert {row["signature"] for row in rows} == {webhook.headers["x-hub-signature-256"]}
    assert len({row["batch_id"] for row in rows}) == 1
    assert len({row["receive_time"] for row in rows}) == 1


async def test_a_batch_of_several_tenants_is_one_commit_with_each_row_at_its_own(
    world: World, tenant: TestTenant
) -> None:
    other = TestTenant(new_id(), new_id())
    mine, theirs = await world.connect(tenant.id), await world.connect(other.id)
    answers = await world.receive(
        mine.webhook(mine.text("a")),
        theirs.webhook(theirs.text("b")),
        mine.webhook(mine.text("c")),
    )
    assert [answer.http_status for answer in answers] == [200, 200, 200]
    assert [row["connection_id"] for row in await world.ledger(tenant.id)] == [mine.id] * 2
    assert [row["connection_id"] for row in await world.ledger(other.id)] == [theirs.id]
    assert len(await world.sent(tenant.id, ProcessWebhooks)) == 1
    assert len(await world.sent(other.id, ProcessWebhooks)) == 1


BODY = b'{"object":"whatsapp_business_account","entry":[]}'


@pytest.mark.parametrize(
    ("body", "signature", "status", "reason"),
    [
        pytest.param(b"", sign(b""), 400, "BODY_EMPTY", id="empty"),
        pytest.param(b"{", sign(b"{"), 400, "BODY_UNREADABLE", id="not JSON"),
        pytest.param(b"\xff\xfe", sign(b"\xff\xfe"), 400, "BODY_UNREADABLE", id="not even text"),
        pytest.param(b"{", "", 401, "SIGNATURE_MISMATCH", id="not JSON, unsigned"),
        pytest.param(BODY, "", 401, "SIGNATURE_MISMATCH", id="unsigned"),
        pytest.param(BODY, "sha256=" + "0" * 64, 401, "SIGNATURE_MISMATCH", id="forged"),
        pytest.param(BODY, sign(BODY).upper(), 401, "SIGNATURE_MISMATCH", id="upper case"),
        pytest.param(
            BODY, f"{sign(BODY)}, {sign(BODY)}", 401, "SIGNATURE_MISMATCH", id="sent twice"
        ),
        pytest.param(BODY, sign(BODY, "x" * 32), 401, "SIGNATURE_MISMATCH", id="other secret"),
    ],
)
async def test_what_is_refused_as_a_whole_leaves_a_row_with_its_reason(
    world: World, tenant: TestTenant, body: bytes, signature: str, status: int, reason: str
) -> None:
    number = await world.connect(tenant.id)
    good = number.webhook(number.text("wamid.1"))
    bad = number.raw(body, **{"x-hub-signature-256": signature})
    answers = await world.receive(bad, good)
    assert [(a.http_status, a.reason) for a in answers] == [(status, reason), (200, "")]
    rejected = [row for row in await world.ledger(tenant.id) if row["verdict"] == "rejected"]
    assert [row["reason"] for row in rejected] == [reason]
    assert rejected[0]["payload"] == body
    assert rejected[0]["body_length"] == len(body)
    assert rejected[0]["process_time"] is not None
    (event,) = await world.sent(tenant.id, WebhookRejected)
    assert event.reason == reason
    assert event.webhook_event_id == rejected[0]["id"]


async def test_only_the_beginning_of_an_unsigned_body_is_kept(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    (answer,) = await world.receive(number.raw(b"x" * 100_000))
    assert answer.http_status == 401
    (row,) = await world.ledger(tenant.id)
    assert len(row["payload"]) == 4096
    assert row["body_length"] == 100_000
    assert len(row["body_sha256"]) == 32


async def test_a_flood_of_forged_signatures_fills_nothing(world: World, tenant: TestTenant) -> None:
    number = await world.connect(tenant.id)
    answers = await world.receive(*(number.raw(b"x") for _ in range(900)))
    assert {answer.http_status for answer in answers} == {401}
    assert len(await world.ledger(tenant.id)) <= 210


@pytest.mark.parametrize("address", ["nonsense", "0198c0de-0000-7000-8000-000000000000", "a\0b"])
async def test_a_webhook_to_nowhere_is_not_found_and_kept_without_a_tenant(
    world: World, tenant: TestTenant, address: str
) -> None:
    number = await world.connect(tenant.id)
    webhook = number.webhook(number.text("wamid.1"))
    webhook.connection_id = address
    (answer,) = await world.receive(webhook)
    assert (answer.http_status, answer.reason) == (404, "CONNECTION_NOT_FOUND")
    assert await world.ledger(tenant.id) == []
    rows = await world.all(
        tenant.id,
        "SELECT * FROM ingestion.unrouted_webhooks WHERE connection_id = $1",
        address.replace("\0", ""),
    )
    assert rows[-1]["payload"] == webhook.body


async def test_a_connection_is_found_under_its_own_channel_only(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    webhook = number.webhook(number.text("wamid.1"))
    webhook.channel = "instagram"
    (answer,) = await world.receive(webhook)
    assert answer.http_status == 404


async def test_a_thousand_items_in_one_post_are_a_thousand_rows(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    webhook = number.webhook(number.text(*(f"wamid.{i}" for i in range(1000))))
    assert await world.receive_and_process(webhook) == [200]
    assert {verdict for verdict, _ in await world.verdicts(tenant.id)} == {"accepted"}
    messages = await world.messages(tenant.id)
    assert [one.message.external_id for one in messages] == [f"wamid.{i}" for i in range(1000)]
    assert await world.timers(tenant.id) == 0


async def test_a_webhook_of_three_megabytes_is_stored(world: World, tenant: TestTenant) -> None:
    number = await world.connect(tenant.id)
    change = number.text("wamid.1")
    change["value"]["unknown_field"] = "x" * (3 << 20)
    assert await world.receive_and_process(number.webhook(change)) == [200]
    assert await world.verdicts(tenant.id) == [("accepted", "")]


def test_a_number_signs_as_meta_does() -> None:
    # From Meta's description: HMAC-SHA256 over the raw body with the app secret, hex.
    assert sign(b"{}", "secret") == (
        "sha256=77325902caca812dc259733aacd046b73817372c777b8d95b402647474516e13"
    )
    assert Number("i", "t", "w", "1").webhook().headers["x-hub-signature-256"].startswith("sha256=")
