"""Times in requests are read, or name their field; times of rows are sent as they are."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.processing.v1.conversation_service_pb2 import ListMessagesRequest

from services.kit.errors import InvalidRequest
from services.kit.rows import from_row
from services.kit.times import time_of, timestamp_of

FIRST, LAST = -62135596800, 253402300799  # Of the years 1 to 9999, in seconds.


@given(time=st.datetimes())
def test_a_time_is_read_as_it_was_said(time: datetime) -> None:
    request = ListMessagesRequest(since=time)
    assert time_of(request, "since") == time.replace(tzinfo=UTC)
    assert time_of(request, "until") is None


@pytest.mark.parametrize("seconds", [FIRST, LAST])
def test_the_first_and_the_last_second_exist(seconds: int) -> None:
    request = ListMessagesRequest(until=Timestamp(seconds=seconds))
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    assert time_of(request, "until") == epoch + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [(FIRST - 1, 0), (LAST + 1, 0), (2**63 - 1, 0), (-(2**63), 0), (0, -1), (0, 10**9)],
)
def test_what_no_calendar_has_names_the_field(seconds: int, nanos: int) -> None:
    request = ListMessagesRequest(since=Timestamp(seconds=seconds, nanos=nanos))
    with pytest.raises(InvalidRequest) as refused:
        time_of(request, "since")
    assert [name for name, _ in refused.value.violations()] == ["since"]


rows_times = st.datetimes(
    min_value=datetime(1, 1, 2),
    max_value=datetime(9999, 12, 30),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=-3)), timezone(timedelta(hours=14))]),
)


@given(time=rows_times)
def test_a_time_is_sent_to_the_microsecond(time: datetime) -> None:
    assert timestamp_of(time).ToDatetime(UTC) == time


@given(time=rows_times, wait=st.timedeltas(timedelta(0), timedelta(days=365)))
def test_a_row_becomes_the_message_that_protobuf_would_make(
    time: datetime, wait: timedelta
) -> None:
    row = {"name": "Ana", "models": ["a", "b"], "create_time": time, "quiet_time": wait}
    assert from_row(Assistant, row) == Assistant(**row)
    assert from_row(Assistant, row | {"max_wait": None}, name="Bia").name == "Bia"
