"""Times in requests: those that exist are read, the others name their field."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from malha.processing.v1.conversation_service_pb2 import ListMessagesRequest

from services.kit.errors import InvalidRequest
from services.kit.times import time_of

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
