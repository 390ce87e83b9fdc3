"""Each fault acts, for as many sends as it was told to."""

import asyncio
import time

import aiohttp
import pytest

from tests.gateway_edge.sandbox.business import ANA, NUMBER, Meta, Receiver, until


@pytest.fixture(autouse=True)
async def _open_window(meta: Meta, receiver: Receiver) -> None:
    await meta.write()
    receiver.received.clear()


async def _sent(meta: Meta) -> int:
    _, answer = await meta.call("GET", f"/sandbox/sent?to={ANA}")
    total: int = answer["total"]
    return total


async def test_delay_holds_only_the_sends_it_is_limited_to(meta: Meta) -> None:
    await meta.faults(delay_ms=200, limits={"delay_ms": 1})
    started = time.monotonic()
    await meta.send()
    slow = time.monotonic() - started
    await meta.send()
    assert slow >= 0.2
    assert time.monotonic() - started - slow < 0.15


@pytest.mark.parametrize(
    ("code", "status", "reported"), [(429, 429, 4), (130429, 400, 130429), (131056, 400, 131056)]
)
async def test_throttle_refuses_and_then_lets_go(
    meta: Meta, code: int, status: int, reported: int
) -> None:
    await meta.faults(throttle={"code": code, "times": 2})
    for _ in range(2):
        got, answer = await meta.send()
        assert (got, answer["error"]["code"]) == (status, reported)
    assert (await meta.send())[0] == 200
    assert await _sent(meta) == 1


async def test_error_500_accepts_nothing(meta: Meta) -> None:
    await meta.faults(error_500_times=1)
    assert (await meta.send())[0] == 500
    assert await _sent(meta) == 0
    assert (await meta.send())[0] == 200


async def test_a_timeout_accepts_nothing_and_hangs_up(meta: Meta) -> None:
    await meta.faults(timeout_times=1)
    started = time.monotonic()
    with pytest.raises(aiohttp.ClientError):
        await meta.send()
    assert time.monotonic() - started >= 0.3
    assert await _sent(meta) == 0
    assert (await meta.send())[0] == 200


async def test_drop_after_accept_keeps_the_message_and_reports_on_it(
    meta: Meta, receiver: Receiver
) -> None:
    await meta.faults(drop_after_accept_times=1)
    with pytest.raises(aiohttp.ClientError):
        await meta.send(biz_opaque_callback_data="lost answer")
    assert await _sent(meta) == 1
    await until(lambda: len(receiver.statuses) == 3)
    assert receiver.statuses[0]["biz_opaque_callback_data"] == "lost answer"
    assert (await meta.send())[0] == 200
    assert await _sent(meta) == 2


async def test_repeat_delivers_every_webhook_again(meta: Meta, receiver: Receiver) -> None:
    await meta.faults(repeat=3, limits={"repeat": 2})
    await meta.send()
    await until(lambda: len(receiver.received) == 9)
    await meta.write("de novo")
    await until(lambda: len(receiver.received) == 12)
    await meta.write("uma vez")
    await asyncio.sleep(0.1)
    assert len(receiver.received) == 13


async def test_reorder_reports_the_end_first(meta: Meta, receiver: Receiver) -> None:
    await meta.faults(reorder=True)
    await meta.send()
    await until(lambda: len(receiver.statuses) == 3)
    assert [status["status"] for status in receiver.statuses] == ["read", "delivered", "sent"]
    assert (await meta.chat())["messages"][-1]["status"] == "read"


async def test_no_status_reports_nothing(meta: Meta, receiver: Receiver) -> None:
    await meta.faults(no_status=True, limits={"no_status": 1})
    await meta.send()
    await asyncio.sleep(0.15)
    assert receiver.statuses == []
    await meta.send()
    await until(lambda: len(receiver.statuses) == 3)


async def test_early_status_comes_before_the_answer(meta: Meta, receiver: Receiver) -> None:
    await meta.faults(early_status=True)
    await meta.send()
    assert [status["status"] for status in receiver.statuses] == ["sent"]
    await until(lambda: len(receiver.statuses) == 3)
    assert [status["status"] for status in receiver.statuses] == ["sent", "delivered", "read"]


async def test_status_delay_spreads_the_statuses(meta: Meta, receiver: Receiver) -> None:
    await meta.faults(status_delay_ms=120)
    started = time.monotonic()
    await meta.send()
    await until(lambda: len(receiver.statuses) == 3)
    arrived = [webhook.at - started for webhook in receiver.received]
    assert arrived[0] >= 0.12
    assert arrived[2] >= 0.36


async def test_a_failure_can_be_ordered(meta: Meta, receiver: Receiver) -> None:
    await meta.faults(fail_code=131026, limits={"fail_code": 1})
    await meta.send()
    await until(lambda: receiver.statuses)
    assert receiver.statuses[0]["status"] == "failed"
    assert receiver.statuses[0]["errors"][0]["code"] == 131026
    assert (await meta.chat())["messages"][-1]["error"]["code"] == 131026


async def test_batch_puts_waiting_statuses_together(meta: Meta, receiver: Receiver) -> None:
    await meta.faults(batch=1000)
    await asyncio.gather(*(meta.send() for _ in range(60)))
    await until(lambda: len(receiver.statuses) == 180)
    assert len(receiver.received) < 180


async def test_a_numbers_own_faults_count_instead_of_the_general_ones(meta: Meta) -> None:
    await meta.call("PUT", "/sandbox/faults", {"error_500_times": 9})
    await meta.faults()
    assert (await meta.send())[0] == 200
    await meta.call("DELETE", f"/sandbox/numbers/{NUMBER}/faults")
    assert (await meta.send())[0] == 500
    _, left = await meta.call("GET", "/sandbox/faults")
    assert left["error_500_times"] == 8
    await meta.call("DELETE", "/sandbox/faults")
    assert (await meta.send())[0] == 200


async def test_an_unknown_fault_is_refused(meta: Meta) -> None:
    for wrong in ({"explode": True}, {"limits": {"explode": 1}}, {"fail_code": 1}, {"repeat": 0}):
        status, answer = await meta.call("PUT", "/sandbox/faults", wrong)
        assert status == 422
        assert answer["fields"]
